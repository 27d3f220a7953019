import Glibc
import LinuxSystem
import RPC
import Synchronization
import Testing
import WireProtocol
import XDR

@testable import RPCNIO

@Suite(.timeLimit(.minutes(2))) struct ScopeTests {
  /// Holds every call that comes, as a service that waits for something does, until its connection ends.
  private final class Waiting: Sendable {
    let ended = Mutex(0)
    let late = Mutex(0)

    func hold(_ call: IncomingCall, _ connection: RPCServerConnection) {
      do throws(RPCErrorBody) {
        _ = try connection.scope.register(.waits) { self.ended.withLock { $0 += 1 } }
      } catch {
        late.withLock { $0 += 1 }
        connection.fail(call, error)
      }
    }
  }

  private static let limits: [QuotaKind: Quota] = [
    .connections: Quota(total: 64, perUser: 64, reserved: 0),
    .waits: Quota(total: 10_000, perUser: 10_000, reserved: 0),
    .bytes: Quota(total: 64 << 20, perUser: 64 << 20, reserved: 0),
  ]

  /// A client that leaves with any number of calls open, read or unread, is forgotten at once and with all it had.
  @Test(arguments: [0, 1, 63, 64, 65, 1000]) func aClientThatLeavesIsForgottenAtOnce(calls: Int) async throws {
    let waiting = Waiting()
    let limits = ClientLimits(Self.limits)
    try await withServer(ToyService { waiting.hold($0, $1) }, limits: limits) { bench in
      let bytes = try (0..<calls).flatMap { try echoFrame("wait", serial: UInt32($0)) }
      for round in 1...5 {
        let client = try bench.raw()
        client.write(bytes)
        let open = min(calls, RPCLimits.callsInFlight)
        await bench.service.facts.wait { facts in
          facts.count { if case .call = $0 { true } else { false } } >= open * round
        }
        client.close()
        await bench.service.facts.wait { $0.count { $0.isClosed } == round }
      }
      #expect(waiting.ended.withLock { $0 } + waiting.late.withLock { $0 } == 5 * min(calls, RPCLimits.callsInFlight))
      for kind in QuotaKind.allCases { #expect(limits.used(kind) == 0, "\(kind)") }
      #expect(bench.server.connections.isEmpty)
    }
  }

  /// Calls that come with the end of their client, in one read: each is ended, or refused; none stays.
  @Test func aThousandClientsThatCallAndCloseLeaveNothing() async throws {
    let waiting = Waiting()
    let limits = ClientLimits(Self.limits)
    try await withServer(ToyService { waiting.hold($0, $1) }, limits: limits) { bench in
      let bytes = try echoFrame("wait", serial: 1)
      for _ in 0..<1000 {
        let client = try bench.raw()
        client.write(bytes)
        client.close()
      }
      while limits.connections > 0 || !bench.server.connections.isEmpty { try await Task.sleep(nanoseconds: 1_000_000) }
      for kind in QuotaKind.allCases { #expect(limits.used(kind) == 0, "\(kind)") }
    }
  }

  /// Serves each call with a task that is slow to end: as one is that waits for its turn on another thread, or for a disk.
  private final class Slow: Sendable {
    let begun = Mutex(0)
    let uncancelled = Mutex(0)
    let refused = Mutex(0)
    let released = Recorder<Void>()
    let gate = Recorder<Void>()

    func serve(_ call: IncomingCall, _ connection: RPCServerConnection) {
      do throws(RPCErrorBody) {
        let place = try connection.scope.register(.waits)
        connection.scope.begin([place]) {
          begun.withLock { $0 += 1 }
          return Task {
            await self.gate.wait(count: 1)
            if !Task.isCancelled { self.uncancelled.withLock { $0 += 1 } }
            connection.scope.release(place)
            self.released.add(())
          }
        }
      } catch {
        refused.withLock { $0 += 1 }
        connection.fail(call, error)
      }
    }
  }

  /// A user that connects again and again has no more tasks than its quota, however long a task takes to end.
  @Test(arguments: [1, 63, 64]) func tasksOfClientsThatHaveGoneStillCount(calls: Int) async throws {
    let slow = Slow()
    var quotas = Self.limits
    quotas[.waits] = Quota(total: 100, perUser: 100, reserved: 0)
    let limits = ClientLimits(quotas)
    try await withServer(ToyService { slow.serve($0, $1) }, limits: limits) { bench in
      let bytes = try (0..<calls).flatMap { try echoFrame("wait", serial: UInt32($0)) }
      let rounds = 200 / calls + 2
      for round in 1...rounds {
        let client = try bench.raw()
        client.write(bytes)
        await bench.service.facts.wait { facts in
          facts.count { if case .call = $0 { true } else { false } } == calls * round
        }
        client.close()
        await bench.service.facts.wait { $0.count { $0.isClosed } == round }
        #expect(limits.used(.waits) == min(100, calls * round), "round \(round)")
      }
      #expect(slow.begun.withLock { $0 } == 100)
      #expect(slow.refused.withLock { $0 } == calls * rounds - 100)
      slow.gate.add(())
      await slow.released.wait(count: 100)
      #expect(slow.uncancelled.withLock { $0 } == 0, "each was asked to end")
      for kind in QuotaKind.allCases { #expect(limits.used(kind) == 0, "\(kind)") }
    }
  }

  @Test func aClosedScopeTakesAndBeginsNothing() async throws {
    let limits = ClientLimits(Self.limits)
    let scope = ConnectionScope(user: 7, limits: limits)
    let ended = Mutex<[Int]>([])
    let first = try scope.register(.waits) { ended.withLock { $0.append(1) } }
    let call = try scope.register(.calls)
    let read = try scope.register(.journalReads)
    let waiting = try scope.register(.calls)
    let third = try scope.register(.subscriptions) { ended.withLock { $0.append(3) } }
    scope.release(third)
    #expect(limits.used(.waits, by: 7) == 1 && limits.used(.subscriptions) == 0)
    let gate = Recorder<Void>()
    let task = Task { _ = await gate.wait(count: 1) }
    scope.begin([call, read]) { task }
    scope.close()
    scope.close()
    scope.release(first)
    #expect(ended.withLock { $0 } == [1], "each once, and not what was released")
    #expect(limits.used(.waits) == 0)
    #expect(limits.used(.calls) == 1 && limits.used(.journalReads) == 1, "of the task that has not ended")
    let error = #expect(throws: RPCErrorBody.self) { try scope.register(.waits) }
    #expect(error?.code == .cancelled)
    #expect(limits.used(.waits) == 0, "a refused registration holds no place")
    scope.begin([waiting]) {
      Issue.record("begun after the end")
      return task
    }
    gate.add(())
    await task.value
    #expect(task.isCancelled)
    scope.release(call)
    scope.release(read)
    scope.release(read)
    #expect(QuotaKind.allCases.allSatisfy { limits.used($0) == 0 })
  }

  /// The end may come while a task takes its first step: it is cancelled though it was known only afterwards.
  @Test func aTaskThatBeginsWithTheEndIsCancelled() async throws {
    let limits = ClientLimits(Self.limits)
    let scope = ConnectionScope(user: 7, limits: limits)
    let call = try scope.register(.calls)
    let cancelled = await withCheckedContinuation { continuation in
      scope.begin([call]) {
        scope.close()
        return Task {
          while !Task.isCancelled { await Task.yield() }
          scope.release(call)
          continuation.resume(returning: Task.isCancelled)
        }
      }
    }
    #expect(cancelled && limits.used(.calls) == 0)
  }

  /// One user's half frames, over many connections, are one sum.
  @Test func halfFramesOfManyConnectionsShareOneBound() async throws {
    var quotas = Self.limits
    // The tests run as root, who is bound by the total alone.
    quotas[.bytes] = Quota(total: 2 << 20, perUser: 2 << 20, reserved: 0)
    let limits = ClientLimits(quotas)
    try await withServer(limits: limits) { bench in
      let half = Array(try echoFrame(String(repeating: "x", count: 1 << 19), serial: 1).dropLast(8))
      var clients: [OwnedFD] = []
      // A write to a connection that was cut off fails, and so does the test program without this.
      signal(SIGPIPE, SIG_IGN)
      for _ in 0..<40 {
        let client = try bench.raw()
        client.write(half)
        clients.append(client)
      }
      await bench.service.facts.wait { $0.count { $0.isClosed } >= 20 }
      #expect(limits.used(.bytes) <= 2 << 20)
      for client in clients { client.close() }
      await bench.service.facts.wait { $0.count { $0.isClosed } == 40 }
      #expect(limits.used(.bytes) == 0)
      let reasons = bench.service.facts.all.compactMap { $0.closedReason ?? nil }
      #expect(reasons.contains { $0.contains("bytes of messages are in use") }, "\(reasons.first ?? "")")
    }
  }
}
