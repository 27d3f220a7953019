import Guest
import GuestWire
import LodgeClient
import RPC
import RPCNIO
import Synchronization
import Testing
import WireProtocol

@Suite(.timeLimit(.minutes(1))) struct CallTests {
  @Test func aListIsGatheredFromItsPages() async throws {
    let daemon = FakeDaemon()
    try await daemon.start()
    let lodge = try await LodgeClient.connect(daemon.options)
    #expect(lodge.server == "fake 1.0")
    #expect(lodge.features == ["events.gap"])
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
    #expect(args.timeoutMillis == 1500)
    #expect(args.run == run.bytes)
    #expect(args.condition == .ended)
    await daemon.stop()
  }

  /// The example of the documentation, word for word: it must compile.
  func example() async throws {
    let lodge = try await LodgeClient.connect()
    let web = try GuestName("web")
    try await lodge.create(web, GuestSpec(rootfs: Rootfs(path: "/srv/web"), command: ["/sbin/init"]))
    let run = try await lodge.start(web)
    for try await case .event(let entry) in lodge.events(since: .now) where entry.event.run == run {
      guard let end = entry.event.ended else { continue }
      print("\(web) ended: \(end.cause)")
      break
    }
  }
}
