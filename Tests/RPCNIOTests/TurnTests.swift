import Dispatch
import LinuxSystem
import NIOCore
import RPC
import Synchronization
import Testing

@testable import RPCNIO

@Suite(.timeLimit(.minutes(2))) struct TurnTests {
  /// Twenty clients have sent what takes many turns; one that comes after them is served before they are done.
  @Test func aBurstOverManyConnectionsKeepsNoOneWaiting() async throws {
    let flooders = 20
    let known = Mutex<[RPCServerConnection]>([])
    let waiting = Mutex(0)
    let service = ToyService { call, connection in
      // On the event loop, in the very turn of the one that came last.
      waiting.withLock { count in count = known.withLock { $0.count { $0.isWaitingForTurn } } }
      ToyService.echo(call, connection)
    }
    try await withServer(service, limits: ClientLimits(total: 64, perUser: 64, reserved: 0)) { bench in
      let clients = try (0..<flooders).map { _ in try bench.raw() }
      let neighbour = try bench.raw()
      let connections = await service.connections.wait(count: flooders + 1)
      known.withLock { $0 = connections }
      let burst = try (0..<300).flatMap { try echoFrame("flood", serial: $0, procedure: 0) }

      // All of it is there before the loop looks at any of it.
      let gate = DispatchSemaphore(value: 0)
      bench.eventLoop.execute { gate.wait() }
      for client in clients { client.write(burst) }
      neighbour.write(try echoFrame("hello", serial: 7))
      gate.signal()
      await service.facts.wait { $0.contains(.call(7)) }
      #expect(waiting.withLock { $0 } > 0, "it was served while others still waited for their turns")
      for client in clients { client.close() }
      neighbour.close()
      await service.facts.wait { $0.count { $0.isClosed } == flooders + 1 }
    }
  }
}
