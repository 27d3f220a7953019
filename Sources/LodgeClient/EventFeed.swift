import Guest
import GuestWire
import NIOCore
import RPC
import RPCNIO
import Synchronization
import WireProtocol
import XDR

/// One reader's connection to the journal, made again as often as it is lost.
///
/// A task of its own connects and subscribes; events come in on the connection's event loop and wait here for the
/// reader. With `highWater` of them waiting the connection is not read any more, so the daemon holds the rest back.
final class EventFeed: Sendable {
  private static let highWater = 512
  private static let lowWater = 128
  private static let longestPause = Duration.seconds(2)

  private struct State {
    var waiting: [LodgeEvent] = []
    var taken = 0
    var reader: CheckedContinuation<Void, Never>?
    var connection: RPCClientConnection?
    var isPaused = false
    var failure: GuestError?
    var isEnded = false
    var task: Task<Void, Never>?
    /// Everything up to here has been handed over; nil before the first subscription, or the whole snapshot.
    var position: UInt64?
    /// Whether the daemon has been there once.
    var wasReached = false
    var snapshot: [GuestStatus] = []
    /// Separates events of this connection from those of one that was lost.
    var subscription: UInt32?

    var count: Int { waiting.count - taken }
  }

  private let options: LodgeClient.Options
  private let start: EventStart
  private let selection: EventSelection
  private let state = Mutex(State())

  init(options: LodgeClient.Options, start: EventStart, selection: EventSelection) {
    self.options = options
    self.start = start
    self.selection = selection
  }

  // MARK: The reader

  /// The next event; nil when the reader's task was cancelled or the feed was ended.
  func next() async throws(GuestError) -> LodgeEvent? {
    begin()
    while true {
      if let event = takeEvent() { return event }
      let (failure, isEnded) = state.withLock { ($0.failure, $0.isEnded) }
      if let failure { throw failure }
      if isEnded { return nil }
      if Task.isCancelled {
        end()
        return nil
      }
      await waitForMore()
    }
  }

  /// No more events: closes the connection.
  func end() {
    let (task, connection) = state.withLock { state in
      state.isEnded = true
      return (state.task, state.connection)
    }
    task?.cancel()
    connection?.close()
    wakeReader()
  }

  private func takeEvent() -> LodgeEvent? {
    let (event, resumed) = state.withLock { state -> (LodgeEvent?, RPCClientConnection?) in
      guard state.count > 0 else { return (nil, nil) }
      let event = state.waiting[state.taken]
      state.taken += 1
      if state.taken == state.waiting.count {
        state.waiting.removeAll(keepingCapacity: true)
        state.taken = 0
      }
      guard state.isPaused, state.count <= EventFeed.lowWater else { return (event, nil) }
      state.isPaused = false
      return (event, state.connection)
    }
    resumed?.resumeReading()
    return event
  }

  private func waitForMore() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isReady = state.withLock { state in
          guard state.count == 0, state.failure == nil, !state.isEnded, !Task.isCancelled else { return true }
          state.reader = continuation
          return false
        }
        if isReady { continuation.resume() }
      }
    } onCancel: {
      wakeReader()
    }
  }

  private func wakeReader() {
    let reader = state.withLock { state in
      defer { state.reader = nil }
      return state.reader
    }
    reader?.resume()
  }

  // MARK: The connection

  private func begin() {
    state.withLock { state in
      guard state.task == nil, !state.isEnded else { return }
      state.task = Task { [self] in await run() }
    }
  }

  private func run() async {
    let shortestPause = Duration.milliseconds(20)
    var pause = shortestPause
    while !Task.isCancelled {
      let begin = ContinuousClock.now
      do throws(GuestError) {
        try await follow()
        // One that is cut off at once would be so again, as often as it asks.
        if ContinuousClock.now - begin > EventFeed.longestPause { pause = shortestPause }
      } catch {
        // A daemon that was there once may come back; one that never was, or that says no, is the reader's to know.
        let isLost = state.withLock { $0.wasReached } && (error.code == .unavailable || error.code == .timedOut)
        guard isLost else { return fail(error) }
      }
      do { try await Task.sleep(for: pause) } catch { return }
      pause = min(pause * 2, EventFeed.longestPause)
    }
  }

  private func fail(_ error: GuestError) {
    state.withLock { state in
      if !state.isEnded { state.failure = error }
    }
    wakeReader()
  }

  /// Connects, subscribes, and returns when the connection has ended.
  private func follow() async throws(GuestError) {
    let (ends, ended) = AsyncStream.makeStream(of: Void.self)
    let handlers = RPCClientConnection.Handlers(
      event: { [weak self] event in self?.received(event) }, close: { _ in ended.finish() })
    let connection = try await DaemonLink.connect(options, handlers: handlers).connection
    let isWanted = state.withLock { state in
      guard !state.isEnded else { return false }
      state.connection = connection
      state.wasReached = true
      state.subscription = nil
      state.snapshot = []
      state.isPaused = false
      return true
    }
    guard isWanted else { return connection.close() }
    defer {
      connection.close()
      state.withLock { $0.connection = nil }
    }
    try await subscribe(connection)
    await withTaskCancellationHandler {
      for await _ in ends {}
    } onCancel: {
      connection.close()
    }
  }

  /// The reply is taken on the event loop, so that it is known before the first event is.
  private func subscribe(_ connection: RPCClientConnection) async throws(GuestError) {
    let args = subscribeArgs()
    let result: Result<Void, RPCCallError> = await withCheckedContinuation { continuation in
      let deadline = NIODeadline.now() + TimeAmount(options.callTimeout)
      connection.call(Admin.EventsSubscribe.self, args, deadline: deadline) { [self] result in
        if case .success(let reply) = result {
          state.withLock { state in
            state.subscription = reply.subscription
            // A snapshot that was lost half-way is asked for again.
            if state.position == nil, start != .snapshot { state.position = reply.after }
          }
        }
        continuation.resume(returning: result.map { (_: Wire.EventsSubscribeReply) in })
      }
    }
    if case .failure(let error) = result { throw GuestError(error) }
  }

  private func subscribeArgs() -> Wire.EventsSubscribeArgs {
    let position = state.withLock { $0.position }
    let since = (position.map { .sequence($0) } ?? start).wire
    let wantsSnapshot = position == nil && start == .snapshot
    return .init(since: since, snapshot: wantsSnapshot, filter: selection.wire, tickMillis: 0)
  }

  // MARK: Events in, on the event loop

  private func received(_ event: IncomingEvent) {
    guard event.program == Admin.number else { return }
    do {
      guard let message = try AdminMessage(procedure: event.procedure, body: event.body) else { return }
      try take(message)
    } catch let error as GuestError {
      fail(error)
    } catch {
      fail(GuestError(.badFrame, "an event cannot be read: \(error)"))
    }
    wakeReader()
  }

  private func take(_ message: AdminMessage) throws(GuestError) {
    switch message {
    case .event(let message):
      let entry = try JournalEntry(message.event)
      add(message.subscription, upTo: entry.sequence) { _ in .event(entry) }
    case .eventGap(let gap):
      guard gap.from <= gap.to else { return }
      add(gap.subscription, upTo: gap.to) { .gap(max(gap.from, $0 + 1)...gap.to) }
    case .eventTick(let tick):
      addTick(tick)
    case .eventSnapshot(let part):
      var guests: [GuestStatus] = []
      for guest in part.guests { guests.append(try GuestStatus(guest)) }
      addSnapshot(part, guests)
    }
  }

  /// Hands over what reaches beyond everything handed over before; anything else has been seen.
  private func add(_ subscription: UInt32, upTo sequence: UInt64, _ make: (UInt64) -> LodgeEvent) {
    change(subscription) { state in
      let position = state.position ?? 0
      guard sequence > position else { return }
      state.waiting.append(make(position))
      state.position = sequence
    }
  }

  private func addTick(_ tick: Wire.EventTick) {
    change(tick.subscription) { state in
      guard tick.newest >= state.position ?? 0 else { return }
      state.position = tick.newest
      state.waiting.append(.tick(newest: tick.newest, at: Timestamp(nanoseconds: tick.time)))
    }
  }

  private func addSnapshot(_ part: Wire.EventSnapshot, _ guests: [GuestStatus]) {
    change(part.subscription) { state in
      state.snapshot += guests
      guard !part.more else { return }
      state.waiting.append(.snapshot(state.snapshot, sequence: part.sequence))
      state.position = part.sequence
      state.snapshot = []
    }
  }

  private func change(_ subscription: UInt32, _ body: (inout State) -> Void) {
    let paused = state.withLock { state -> RPCClientConnection? in
      guard state.subscription == subscription, !state.isEnded else { return nil }
      body(&state)
      guard state.count >= EventFeed.highWater, !state.isPaused else { return nil }
      state.isPaused = true
      return state.connection
    }
    paused?.pauseReading()
  }
}
