import Glibc
import LinuxSystem
import NIOCore
import NIOPosix
import RPC
import Testing
import WireProtocol
import XDR

@testable import RPCNIO

@Suite(.timeLimit(.minutes(1))) struct LimitTests {
  private func isAdmitted(_ limits: ClientLimits, _ user: UInt32) -> Bool {
    if case .admitted = limits.admit(user) { true } else { false }
  }

  @Test func aUserHasALimitAndRootAReserve() {
    let limits = ClientLimits(total: 10, perUser: 3, reserved: 4)
    #expect((0..<4).map { _ in isAdmitted(limits, 1000) } == [true, true, true, false])
    #expect((0..<4).map { _ in isAdmitted(limits, 1001) } == [true, true, false, false], "no more than is left")
    #expect(isAdmitted(limits, 1002), "so that there is a place for the next one")
    #expect(!isAdmitted(limits, 1003), "the rest is root's")
    #expect((0..<5).map { _ in isAdmitted(limits, 0) } == [true, true, true, true, false])
    #expect(limits.connections == 10)
    limits.leave(0, refused: false)
    #expect(!isAdmitted(limits, 1003))
    limits.leave(1000, refused: false)
    limits.leave(1000, refused: false)
    #expect(isAdmitted(limits, 1003))
  }

  @Test func theRefusedAreToldAsLongAsTheyAreFew() {
    let limits = ClientLimits(total: 1, perUser: 1, reserved: 0)
    #expect(isAdmitted(limits, 0))
    var told = 0
    for _ in 0..<100 {
      if case .refused(let error) = limits.admit(1000) {
        #expect(error.code == .limitReached)
        told += 1
      }
    }
    #expect(told == 16)
  }

  @Test func aConnectionThatIsOneTooManyLearnsWhy() async throws {
    try await withServer(limits: ClientLimits(total: 1, perUser: 5, reserved: 0)) { bench in
      let first = try await bench.connect()
      #expect(try await first.call(Toy.Echo.self, "in") == "in")
      let second = try await bench.connect()
      let error = await #expect(throws: RPCCallError.self) { try await second.call(Toy.Echo.self, "out") }
      guard case .remote(let body)? = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(body.code == .limitReached)
      #expect(body.message == "1 connections are in use, and the rest is kept for users that have fewer, and for root")
      #expect(bench.service.connections.all.count == 1, "the service never hears of it")
      first.close()
      await bench.service.facts.wait { $0.contains { $0.isClosed } }
      let third = try await bench.connect()
      #expect(try await third.call(Toy.Echo.self, "room again") == "room again")
    }
  }

  @Test func aFloodIsServedAndLeavesNothingBehind() async throws {
    let limits = ClientLimits(total: 50, perUser: 50, reserved: 0)
    try await withServer(limits: limits) { bench in
      let steady = try await bench.connect()
      for _ in 0..<500 { _ = try bench.raw() }
      #expect(try await steady.call(Toy.Echo.self, "still served") == "still served")
      while limits.connections > 1 { try await Task.sleep(nanoseconds: 1_000_000) }
      #expect(bench.server.connections.count == 1)
    }
  }

  /// Out of descriptors, NIO reports EMFILE and the connection stays in the listening socket's queue.
  @Test func aConnectionThatCannotBeAcceptedIsClosedAndNotKeptWaiting() async throws {
    let path = "/tmp/lodge-rpc-emfile-\(getpid())"
    defer { unlink(path) }
    let listener = try UnixSocket.listen(at: path, mode: 0o600)
    let number = listener.rawValue
    let dropped = Recorder<Int>()
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton.any())
      .serverChannelOption(.autoRead, value: false)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            SpareDescriptorHandler(listener: number) { dropped.add($0) })
        }
      }
      .withBoundSocket(listener.release()).get()
    let clients = try (0..<3).map { _ in try UnixSocket.connect(to: path) }
    channel.pipeline.fireErrorCaught(IOError(errnoCode: EMFILE, reason: "accept"))
    #expect(await dropped.wait(count: 1) == [3])
    for client in clients { #expect(await client.readToEnd() == []) }
    try await channel.close()
  }
}
