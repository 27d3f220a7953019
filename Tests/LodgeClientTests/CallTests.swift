import Guest
import GuestWire
import LodgeClient
import NIOCore
import RPC
import RPCNIO
import Synchronization
import Testing
import WireProtocol
import XDR

@Suite(.timeLimit(.minutes(1))) struct CallTests {
  @Test func aListIsGatheredFromItsPages() async throws {
    let daemon = FakeDaemon()
    try await daemon.start()
    let lodge = try await LodgeClient.connect(daemon.options)
    #expect(lodge.server == "fake 1.0")
    #expect(lodge.features == ["events.gap", "right.admin"])
    #expect(try await lodge.guests().map(\.name.value) == (100..<400).map { "guest-\($0)" })
    #expect(await daemon.onLoop { $0.calls } == [7, 7, 7])
    await daemon.stop()
  }

  @Test func anErrorOfTheDaemonComesWithItsCodeAndHint() async throws {
    let daemon = FakeDaemon()
    try await daemon.start()
    let lodge = try await LodgeClient.connect(daemon.options)
    let web = try GuestName("web")
    await #expect(throws: GuestError(.notFound, "no guest named \"web\"", hint: "lodge ls")) {
      try await lodge.start(web)
    }
    await daemon.stop()
  }

  @Test func aLostConnectionIsMadeAgain() async throws {
    let daemon = FakeDaemon()
    try await daemon.start()
    let lodge = try await LodgeClient.connect(daemon.options)
    for _ in 0..<3 {
      #expect(try await lodge.guests().count == 300)
      await daemon.stop()
      try await daemon.start()
    }
    #expect(try await lodge.guests().count == 300)
    await daemon.stop()
  }

  /// The daemon goes between a call and its reply, and comes back: the call is made again, under the same request id.
  @Test func aCallWhoseReplyIsLostIsSentOnceMoreWithTheSameID() async throws {
    let daemon = FakeDaemon()
    try await daemon.start()
    let seen = Mutex<[[UInt8]]>([])
    let run = [UInt8](repeating: 9, count: 16)
    await daemon.onLoop { daemon in
      daemon.onCall = { call, connection in
        guard let args = try? call.decode(Admin.GuestStart.self) else { return false }
        let times = seen.withLock { seen in
          seen.append(args.request ?? [])
          return seen.count
        }
        if times == 1 {
          connection.close(reason: "killed between a call and its reply")
        } else {
          connection.reply(call, Admin.GuestStart.self, .init(guest: FakeDaemon.summary("web"), run: run))
        }
        return true
      }
    }
    let lodge = try await LodgeClient.connect(daemon.options)
    #expect(try await lodge.start(try GuestName("web")).bytes == run)
    let requests = seen.withLock { $0 }
    #expect(requests.count == 2)
    #expect(requests[0].count == 16)
    #expect(requests[0] == requests[1])
    await daemon.stop()
  }

  @Test func aWaitHasTheTimeItIsGiven() async throws {
    let daemon = FakeDaemon()
    try await daemon.start()
    let lodge = try await LodgeClient.connect(daemon.options)
    let asked = Mutex<Wire.GuestWaitArgs?>(nil)
    await daemon.onLoop { daemon in
      daemon.onCall = { call, connection in
        guard let args = try? call.decode(Admin.GuestWait.self) else { return false }
        asked.withLock { $0 = args }
        connection.reply(call, Admin.GuestWait.self, .init(guest: FakeDaemon.summary("web"), ended: nil))
        return true
      }
    }
    let run = try #require(RunID([UInt8](repeating: 5, count: 16)))
    #expect(try await lodge.wait(for: try GuestName("web"), until: .endedRun(run), timeout: .milliseconds(1500)) == nil)
    let args = try #require(asked.withLock { $0 })
    #expect((1000...1500).contains(args.timeoutMillis))
    #expect(args.run == run.bytes)
    #expect(args.condition == .ended)
    await daemon.stop()
  }

  /// A daemon that never answers a wait, and counts the connections over which it has some.
  private func daemonThatKeepsWaiting() async throws -> FakeDaemon {
    let daemon = FakeDaemon()
    try await daemon.start()
    await daemon.onLoop { daemon in daemon.onCall = { call, _ in call.procedure.number == Admin.GuestWait.number } }
    return daemon
  }

  /// The daemon reads no call behind 64 that are open, so a wait that is given up must not stay open there.
  @Test func waitsThatAreCancelledAreInNobodysWay() async throws {
    let daemon = try await daemonThatKeepsWaiting()
    let lodge = try await LodgeClient.connect(daemon.options)
    let web = try GuestName("web")
    for count in 1...(2 * RPCLimits.callsInFlight) {
      let task = Task { try await lodge.wait(for: web, until: .stopped) }
      while await daemon.onLoop({ $0.calls.count { $0 == Admin.GuestWait.number } }) < count { await Task.yield() }
      task.cancel()
      await #expect(throws: GuestError.self) { _ = try await task.value }
    }
    #expect(try await lodge.guests().count == 300)
    // Each connection whose wait was given up has been closed; the daemon may hear of the last one in a moment.
    while daemon.connectionCount() > 1 { await Task.yield() }
    lodge.close()
    await daemon.stop()
  }

  @Test func moreWaitsThanAConnectionTakesAreInNobodysWay() async throws {
    let daemon = try await daemonThatKeepsWaiting()
    let lodge = try await LodgeClient.connect(daemon.options)
    let web = try GuestName("web")
    let count = 3 * RPCLimits.callsInFlight
    let tasks = (0..<count).map { _ in Task { try await lodge.wait(for: web, until: .stopped) } }
    while await daemon.onLoop({ $0.calls.count { $0 == Admin.GuestWait.number } }) < count { await Task.yield() }
    #expect(try await lodge.guests().count == 300)
    for task in tasks { task.cancel() }
    for task in tasks { _ = try? await task.value }
    #expect(try await lodge.guests().count == 300)
    while daemon.connectionCount() > 1 { await Task.yield() }
    lodge.close()
    await daemon.stop()
  }

  /// The daemon goes while a client waits for the end of the present run. The next one is asked for that run, though another
  /// is present by then, and for the time that is left.
  @Test func aWaitThatIsSentAgainAsksTheSame() async throws {
    let daemon = FakeDaemon()
    try await daemon.start()
    let asked = Mutex<[Wire.GuestWaitArgs]>([])
    await daemon.onLoop { daemon in
      daemon.onCall = { call, connection in
        if (try? call.decode(Admin.GuestList.self)) != nil {
          var summary = FakeDaemon.summary("web")
          summary.run = [UInt8](repeating: UInt8(asked.withLock { $0.count } + 1), count: 16)
          connection.reply(call, Admin.GuestList.self, .init(guests: [summary], more: false, sequence: 1))
          return true
        }
        guard let args = try? call.decode(Admin.GuestWait.self) else { return false }
        let isFirst = asked.withLock { asked in
          asked.append(args)
          return asked.count == 1
        }
        if isFirst {
          connection.eventLoop.scheduleTask(in: .milliseconds(50)) { connection.close(reason: "killed") }
        } else {
          connection.reply(call, Admin.GuestWait.self, .init(guest: FakeDaemon.summary("web"), ended: nil))
        }
        return true
      }
    }
    let lodge = try await LodgeClient.connect(daemon.options)
    #expect(try await lodge.wait(for: try GuestName("web"), until: .ended, timeout: .seconds(30)) == nil)
    let calls = asked.withLock { $0 }
    #expect(calls.map(\.run) == [[UInt8](repeating: 1, count: 16), [UInt8](repeating: 1, count: 16)])
    #expect(calls[1].timeoutMillis <= calls[0].timeoutMillis - 50)
    await daemon.stop()
  }

  /// The client is complete: a procedure that is added to the protocol needs a method here.
  @Test func everyProcedureHasAMethod() async throws {
    let daemon = FakeDaemon()
    try await daemon.start()
    let lodge = try await LodgeClient.connect(daemon.options)
    let web = try GuestName("web")
    let spec = GuestSpec(rootfs: Rootfs(path: "/srv/web"), command: ["/sbin/init"])
    // Only the request matters here, not the fake daemon's answer.
    _ = try? await lodge.create(web, spec)
    _ = try? await lodge.change(web, from: spec, to: spec)
    try? await lodge.remove(web)
    _ = try? await lodge.run(web, spec)
    _ = try? await lodge.start(web)
    _ = try? await lodge.stop(web)
    _ = try? await lodge.kill(web)
    _ = try? await lodge.restart(web)
    _ = try? await lodge.guests()
    _ = try? await lodge.guest(web)
    _ = try? await lodge.runs(of: web)
    _ = try? await lodge.wait(for: web, until: .stopped)
    _ = try? await lodge.log(of: web)
    _ = try? await lodge.journal(since: .sequence(0))
    try? await lodge.add(Hook("page", program: "/bin/true"))
    _ = try? await lodge.testHook("page")
    try? await lodge.removeHook("page")
    _ = try? await lodge.hooks()
    _ = try? await lodge.host()
    _ = try? await lodge.daemon()
    _ = try? await lodge.clients()
    _ = try? await lodge.limits()
    try? await lodge.setLogLevel("debug")
    await daemon.publish(1)
    for try await _ in lodge.events(since: .sequence(0)) { break }
    // The connection introduces itself; leaving an iteration closes its connection, which ends its subscription.
    let implicit: Set<Int32> = [
      Admin.Hello.number, Admin.EventsUnsubscribe.number, Admin.Event.number, Admin.EventGap.number,
      Admin.EventTick.number, Admin.EventSnapshot.number,
    ]
    let called = Set(await daemon.onLoop { $0.calls }).union(implicit)
    for procedure in Admin.procedures {
      #expect(called.contains(procedure.number), "no method calls \(procedure.name)")
    }
    await daemon.stop()
  }

  @Test func aPartOfTheJournalSaysWhatIsLostAndWhereToGoOn() async throws {
    let daemon = FakeDaemon()
    try await daemon.start()
    let lodge = try await LodgeClient.connect(daemon.options)
    await daemon.onLoop { daemon in
      daemon.onCall = { call, connection in
        guard (try? call.decode(Admin.EventsRead.self)) != nil else { return false }
        connection.reply(
          call, Admin.EventsRead.self, .init(events: [], next: 41, more: true, lostFrom: 7, lostTo: 9))
        return true
      }
    }
    let page = try await lodge.journal(since: .sequence(6))
    #expect(page.entries.isEmpty && page.next == 41 && page.hasMore && page.lost == 7...9)
    await daemon.stop()
  }

  /// A log is read to its end, rotation and all; without following, an empty part is the end.
  @Test(arguments: [false, true]) func aLogIsReadPartAfterPart(follows: Bool) async throws {
    let daemon = FakeDaemon()
    try await daemon.start()
    let lodge = try await LodgeClient.connect(daemon.options)
    let asked = Mutex<[Wire.LogReadArgs]>([])
    await daemon.onLoop { daemon in
      daemon.onCall = { call, connection in
        guard let args = try? call.decode(Admin.LogRead.self) else { return false }
        let index = asked.withLock { asked in
          asked.append(args)
          return asked.count
        }
        let part: Wire.LogReadReply =
          switch index {
          case 1: .init(bytes: [65], next: [1], end: false, lostBytes: 0)
          case 2: .init(bytes: [], next: [2], end: false, lostBytes: 5)
          case 3: .init(bytes: [], next: [2], end: false, lostBytes: 0)
          default: .init(bytes: [66], next: [3], end: true, lostBytes: 0)
          }
        connection.reply(call, Admin.LogRead.self, part)
        return true
      }
    }
    var parts: [LogPart] = []
    for try await part in lodge.logParts(of: try GuestName("web"), tail: 3, follows: follows) { parts.append(part) }
    #expect(parts.map(\.bytes) == (follows ? [[65], [], [66]] : [[65], []]))
    #expect(parts.map(\.lostBytes) == (follows ? [0, 5, 0] : [0, 5]))
    let calls = asked.withLock { $0 }
    #expect(calls.map(\.cursor) == (follows ? [[], [1], [2], [2]] : [[], [1]]))
    #expect(calls.map(\.tailLines) == [3] + [UInt32](repeating: 0, count: calls.count - 1))
    #expect(calls.allSatisfy { $0.wait == follows })
    await daemon.stop()
  }
}
