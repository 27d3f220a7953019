import Guest
import LodgeClient
import NIOCore
import RPC
import RPCNIO
import Synchronization
import Testing
import WireProtocol
import XDR

@Suite(.timeLimit(.minutes(1))) struct EventTests {
  private func sequence(_ event: LodgeEvent?) -> UInt64? {
    if case .event(let entry)? = event { entry.sequence } else { nil }
  }

  @Test func eventsComeInOrder() async throws {
    let daemon = FakeDaemon()
    try await daemon.start()
    let lodge = try await LodgeClient.connect(daemon.options)
    await daemon.publish(2000)
    var events = lodge.events(since: .sequence(0)).makeAsyncIterator()
    for number in 1...2000 { #expect(sequence(try await events.next()) == UInt64(number)) }
    await daemon.publish(1)
    guard case .event(let entry)? = try await events.next() else {
      Issue.record("no event")
      return
    }
    #expect(entry.sequence == 2001)
    #expect(entry.event.message == "event 2001")
    #expect(entry.event.guest == (try GuestName("web")))
    await daemon.stop()
  }

  /// The connection is broken again and again, at every place there is, with events half sent.
  @Test func noneIsLostAndNoneComesTwiceHoweverTheConnectionBreaks() async throws {
    let daemon = FakeDaemon()
    try await daemon.start()
    await daemon.publish(500)
    var events = try await LodgeClient.connect(daemon.options).events(since: .sequence(0)).makeAsyncIterator()
    for number in 1...500 {
      if number % 7 == 1 {
        await daemon.onLoop { $0.breaksAfter = number % 5 + 1 }
        await daemon.publish(1)
      }
      #expect(sequence(try await events.next()) == UInt64(number))
    }
    await daemon.stop()
  }

  @Test func aRestartOfTheDaemonIsNotNoticed() async throws {
    let daemon = FakeDaemon()
    try await daemon.start()
    var events = try await LodgeClient.connect(daemon.options).events(since: .sequence(0)).makeAsyncIterator()
    for round in 0..<5 {
      await daemon.publish(10)
      for number in 1...10 { #expect(sequence(try await events.next()) == UInt64(round * 20 + number)) }
      await daemon.stop()
      // Happened while the client was not connected.
      await daemon.publish(10)
      try await daemon.start()
      for number in 11...20 { #expect(sequence(try await events.next()) == UInt64(round * 20 + number)) }
    }
    await daemon.stop()
  }

  @Test func whatRetentionHasDroppedIsToldAsAGap() async throws {
    let daemon = FakeDaemon()
    try await daemon.start()
    await daemon.publish(100)
    let lodge = try await LodgeClient.connect(daemon.options)
    var events = lodge.events(since: .sequence(10)).makeAsyncIterator()
    #expect(sequence(try await events.next()) == 11)
    await daemon.stop()
    await daemon.publish(100)
    await daemon.forget(upTo: 150)
    try await daemon.start()
    var next = try await events.next()
    var expected: UInt64 = 12
    while let number = sequence(next) {
      #expect(number == expected)
      expected += 1
      next = try await events.next()
    }
    #expect(next == .gap(expected...150))
    #expect(sequence(try await events.next()) == 151)
    await daemon.stop()
  }

  @Test func aTickSaysThatNothingIsMissing() async throws {
    let daemon = FakeDaemon()
    try await daemon.start()
    await daemon.publish(5)
    var events = try await LodgeClient.connect(daemon.options).events(since: .sequence(3)).makeAsyncIterator()
    #expect(sequence(try await events.next()) == 4)
    #expect(sequence(try await events.next()) == 5)
    await daemon.tick()
    #expect(try await events.next() == .tick(newest: 5, at: Timestamp(nanoseconds: 5)))
    await daemon.stop()
  }

  @Test func aSnapshotComesWholeAndFirst() async throws {
    let daemon = FakeDaemon()
    try await daemon.start()
    await daemon.publish(9)
    var events = try await LodgeClient.connect(daemon.options).events(since: .snapshot).makeAsyncIterator()
    guard case .snapshot(let guests, let number)? = try await events.next() else {
      Issue.record("no snapshot")
      return
    }
    #expect(guests.map(\.name.value) == ["guest-0", "guest-1", "guest-2"])
    #expect(number == 9)
    await daemon.publish(1)
    #expect(sequence(try await events.next()) == 10)
    await daemon.stop()
  }

  /// Twenty thousand events for a reader that takes none: a few hundred here, what the socket holds, and the rest in
  /// the daemon's journal.
  @Test func aSlowReaderHoldsTheDaemonBackAndMissesNothing() async throws {
    let daemon = FakeDaemon()
    try await daemon.start()
    let lodge = try await LodgeClient.connect(daemon.options)
    var events = lodge.events(since: .sequence(0)).makeAsyncIterator()
    await daemon.publish(1)
    #expect(sequence(try await events.next()) == 1)
    await daemon.publish(20_000)
    for number in 2...20_001 { #expect(sequence(try await events.next()) == UInt64(number)) }
    await daemon.stop()
  }

  @Test func aRefusalIsThrown() async throws {
    let daemon = FakeDaemon()
    try await daemon.start()
    await daemon.onLoop {
      $0.onCall = { call, connection in
        connection.fail(call, RPCErrorBody(.denied, "not for you"))
        return true
      }
    }
    let lodge = try await LodgeClient.connect(daemon.options)
    var events = lodge.events().makeAsyncIterator()
    await #expect(throws: GuestError(.denied, "not for you")) { try await events.next() }
    await daemon.stop()
  }

  @Test func aDaemonThatWasNeverThereIsThrown() async throws {
    let daemon = FakeDaemon()
    let error = await #expect(throws: GuestError.self) { try await LodgeClient.connect(daemon.options) }
    #expect(error?.code == .unavailable)
    #expect(error?.hint != nil)
  }

  @Test func cancellingTheTaskEndsTheLoop() async throws {
    let daemon = FakeDaemon()
    try await daemon.start()
    let lodge = try await LodgeClient.connect(daemon.options)
    let (seen, see) = AsyncStream.makeStream(of: Void.self)
    let task = Task {
      for try await case .event in lodge.events(since: .sequence(0)) { see.yield() }
      return "ended"
    }
    await daemon.publish(1)
    for await _ in seen { break }
    task.cancel()
    #expect(try await task.value == "ended")
    await daemon.stop()
  }

  /// A daemon that cuts a subscriber off as soon as it subscribes is asked more and more seldom.
  @Test func oneThatIsCutOffAtOnceComesBackMoreAndMoreSeldom() async throws {
    let daemon = FakeDaemon()
    try await daemon.start()
    await daemon.onLoop { daemon in
      daemon.onCall = { call, connection in
        guard call.procedure.number == Admin.EventsSubscribe.number else { return false }
        connection.reply(
          call, Admin.EventsSubscribe.self, .init(subscription: 1, after: 0, oldest: 1, newest: 5))
        connection.eventLoop.scheduleTask(in: .milliseconds(5)) { connection.close(reason: "cut off") }
        return true
      }
    }
    let lodge = try await LodgeClient.connect(daemon.options)
    let begin = ContinuousClock.now
    let reader = Task { for try await _ in lodge.events(since: .sequence(0)) {} }
    while await daemon.onLoop({ $0.calls.count { $0 == Admin.EventsSubscribe.number } }) < 8 { await Task.yield() }
    #expect(ContinuousClock.now - begin >= .milliseconds(20 * 127))
    reader.cancel()
    _ = try? await reader.value
    await daemon.stop()
  }
}
