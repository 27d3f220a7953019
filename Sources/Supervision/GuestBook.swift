public import Guest

// Two copies of each guest, and the way from one to the other.
//
//   request, order or fact --> current --> queue --> batch --(stored)--> committed --> effects, answers
//                                 ^                    |
//                                 +----(refused)-------+   requests are taken back; orders and facts wait for the disk
//
// Decisions are made on `current`; people see `committed`. The two differ for the time a commit takes.

/// Every guest, with everything decided and everything stored. It reads no clock and writes no file: its driver hands
/// batches to the disk, reports how that went, and carries out the steps that follow.
public struct GuestBook: Sendable {
  public struct Entry: Sendable, Hashable {
    /// With everything decided so far, stored or not.
    public internal(set) var current: StoredGuest
    /// As it is on the disk; nil until its creation is stored.
    public internal(set) var committed: StoredGuest?
    /// Its removal is decided; no more requests are taken.
    public internal(set) var isLeaving = false
    /// Ends that are decided and not on the disk yet, oldest first.
    public internal(set) var unstoredEnds: [RunRecord] = []

    /// The run of that number, where it is the present one or its end is not on the disk yet.
    public func run(number: UInt32) -> RunID? {
      if let run = current.lifecycle.run, run.number == number { return run.id }
      return unstoredEnds.first { $0.number == number }?.ended.run
    }
  }

  /// The fate of an input that the disk does not take.
  public enum Weight: Sendable, Hashable, CaseIterable {
    /// Refused, as if it had never been asked for.
    case request
    /// Carried out all the same, and stored when the disk takes it: a full disk must not keep a guest running.
    case order
    /// Kept until the disk takes it: it has happened.
    case fact
  }

  /// Names one input until it is stored or refused.
  public struct Ticket: Sendable, Hashable {
    let number: UInt64
  }

  /// Steps for the driver, in order.
  public enum Step: Sendable, Hashable {
    /// The rows of this change are on the disk: the next of the batch, in order.
    case publish(ofGuest: GuestName?, ended: RunRecord?)
    case perform(GuestLifecycle.Effect, GuestName)
    /// The input is on the disk; or, for an order, under way without it.
    case settled(Ticket)
    case refused(Ticket, GuestError)
    /// The guest has changed on the disk, or an end of it cannot be stored: conditions are looked at again.
    case look(GuestName, ended: RunRecord?)
    /// The guest is gone from the disk.
    case removed(GuestName, ended: RunRecord?)
    /// A launch that was decided on will not come.
    case discard(RunID, GuestName)
    case requestStored(RequestLedger.Key)
    case requestRefused(RequestLedger.Key)
  }

  /// An effect when its time has come.
  public enum Act: Sendable, Hashable {
    case launch(GuestLifecycle.Run)
    /// The launch was overtaken by a stop before there was anything to stop: that one reports the end.
    case discard(RunID)
    case stop(GuestLifecycle.Run, EndOrder)
    case armTimer(BootTime)
    case disarmTimer
    /// The end of this run is stored. `folderStays`: a start stands on the folder that has not been carried out yet.
    case acknowledge(RunID, folderStays: Bool)
    case delete(with: RunID?)
  }

  /// The answer to an input that the lifecycle took.
  public struct Decision: Sendable {
    public var ticket: Ticket
    /// To be carried out at once; what waits for the disk comes later.
    public var steps: [Step]
    /// The run whose launch follows once this is stored: its controller can be made ready meanwhile.
    public var launching: GuestLifecycle.Run?
    /// The run that the guest has by this decision.
    public var run: GuestLifecycle.Run?
  }

  private struct Pending: Sendable {
    var change: Change
    var effects: [GuestLifecycle.Effect]
    var weight: Weight
    /// Nil once it was answered.
    var ticket: Ticket?
  }

  private var entries: [GuestName: Entry] = [:]
  /// In ascending order. Kept, because listings and snapshots begin in the middle of it.
  public private(set) var sortedNames: [GuestName] = []
  private var queue: [Pending] = []
  private var writing: [Pending] = []
  private var finishing: [Pending] = []
  private var nextTicket: UInt64 = 1
  /// The last commit failed, and none has succeeded since.
  public private(set) var isRefused = false
  /// A batch is on its way to the disk.
  public var isWriting: Bool { !writing.isEmpty }

  public init(_ guests: [StoredGuest] = []) {
    for guest in guests { entries[guest.lifecycle.name] = Entry(current: guest, committed: guest) }
    sortedNames = entries.keys.sorted()
  }

  public subscript(name: GuestName) -> Entry? { entries[name] }
  public var names: Dictionary<GuestName, Entry>.Keys { entries.keys }
  public var all: Dictionary<GuestName, Entry>.Values { entries.values }
  public var count: Int { entries.count }

  /// The names that sort after a text, in ascending order.
  public func sortedNames(after text: String) -> ArraySlice<GuestName> {
    sortedNames[sortedNames.firstIndex(notBelow: { $0.value <= text })...]
  }

  /// Nothing is decided that is not stored.
  public var isSettled: Bool { queue.isEmpty && writing.isEmpty && finishing.isEmpty }

  /// The guest, unless it is leaving.
  public func find(_ name: GuestName) throws(GuestError) -> Entry {
    guard let entry = entries[name], !entry.isLeaving else { throw Self.notFound(name) }
    return entry
  }

  public static func notFound(_ name: GuestName) -> GuestError {
    GuestError(.notFound, "\(name): there is no guest of that name", hint: "lodge ls")
  }

  /// The run, with the orders that it has by now; nil once it is not the guest's present one any more.
  public func present(_ run: RunID, of name: GuestName) -> GuestLifecycle.Run? {
    guard let present = entries[name]?.current.lifecycle.run, present.id == run else { return nil }
    return present
  }
}

// MARK: Effects

extension GuestBook {
  /// What an effect comes to, by what has happened since it was decided. To be asked as it is carried out: the effect before
  /// it may have brought news.
  ///
  /// - Returns: nil if nothing is to be done any more.
  public func act(for effect: GuestLifecycle.Effect, of name: GuestName) -> Act? {
    switch effect {
    case .launch(let run):
      switch entries[name]?.current.lifecycle.phase {
      case .starting(let present) where present.id == run.id: return .launch(run)
      case .starting, .running, .stopping, .stopped, .waiting, nil: return .discard(run.id)
      }
    // One that has ended meanwhile needs no stop, and its folder may be another run's.
    // Neither does one whose order was given up while the disk did not answer.
    case .stop(let run, let order):
      guard let present = present(run.id, of: name), !order.noKill || !present.orders.isGivenUp(order.number) else {
        return nil
      }
      return .stop(run, order)
    case .armTimer(let due): return .armTimer(due)
    case .disarmTimer: return .disarmTimer
    case .acknowledge(let run):
      return .acknowledge(run, folderStays: entries[name]?.current.lifecycle.run.map { $0.id != run } ?? false)
    case .delete(let run): return .delete(with: run)
    }
  }
}

// MARK: Inputs

extension GuestBook {
  /// Lets a guest's lifecycle decide. A refusal changes nothing.
  ///
  /// - Parameter request: names the request, given the run that the guest has by the decision.
  public mutating func decide(
    _ name: GuestName, _ weight: Weight, _ context: GuestLifecycle.Context,
    request: (GuestLifecycle) -> RequestLedger.Record? = { _ in nil },
    _ body: (inout GuestLifecycle, GuestLifecycle.Context) throws(GuestError) -> GuestLifecycle.Transition
  ) throws(GuestError) -> Decision {
    guard let entry = entries[name], !entry.isLeaving || weight == .fact else { throw Self.notFound(name) }
    return try decide(entry, name, weight, context, after: [], request: request, body)
  }

  /// - Parameter before: events of the same change that come before those of the transition.
  private mutating func decide(
    _ entry: Entry, _ name: GuestName, _ weight: Weight, _ context: GuestLifecycle.Context, after before: [GuestEvent],
    request: (GuestLifecycle) -> RequestLedger.Record?,
    _ body: (inout GuestLifecycle, GuestLifecycle.Context) throws(GuestError) -> GuestLifecycle.Transition
  ) throws(GuestError) -> Decision {
    var entry = entry
    let wasLeaving = entry.isLeaving
    var transition = try body(&entry.current.lifecycle, context)
    if wasLeaving {
      // Nothing begins any more. What has ended is acknowledged.
      transition.events = []
      transition.ended = nil
      transition.effects.removeAll { !$0.isAcknowledgement }
      let change = Change(guest: name, record: .none, events: [], time: context.now.wall)
      return enqueue(change, transition.effects, weight)
    }
    var leaves = false
    var launching: GuestLifecycle.Run?
    for effect in transition.effects {
      switch effect {
      case .launch(let run): launching = run
      case .delete: leaves = true
      case .stop, .armTimer, .disarmTimer, .acknowledge: break
      }
    }
    if leaves { entry.isLeaving = true }
    if let ended = transition.ended { entry.unstoredEnds.append(ended) }
    add(name, entry)
    let change = Change(
      guest: name, record: leaves ? .delete : .save(entry.current), events: before + transition.events,
      ended: transition.ended, request: request(entry.current.lifecycle), time: context.now.wall)
    var decision = enqueue(change, transition.effects, weight)
    decision.launching = launching
    decision.run = entry.current.lifecycle.run
    return decision
  }

  /// Defines a new guest.
  public mutating func create(
    _ name: GuestName, _ spec: GuestSpec, by actor: Actor, at time: Timestamp, request: RequestLedger.Record? = nil
  ) throws(GuestError) -> Decision {
    let entry = try new(name, spec, at: time)
    add(name, entry)
    let change = Change(
      guest: name, record: .save(entry.current), events: entry.current.lifecycle.created(by: actor).events,
      request: request, time: time)
    return enqueue(change, [], .request)
  }

  /// Defines a new guest and starts it: one change, so that both are stored or neither.
  public mutating func run(
    _ name: GuestName, _ spec: GuestSpec, by actor: Actor, _ context: GuestLifecycle.Context,
    request: (GuestLifecycle) -> RequestLedger.Record?
  ) throws(GuestError) -> Decision {
    let entry = try new(name, spec, at: context.now.wall)
    let created = entry.current.lifecycle.created(by: actor).events
    return try decide(entry, name, .request, context, after: created, request: request) {
      lifecycle, context throws(GuestError) in try lifecycle.start(by: actor, context)
    }
  }

  private func new(_ name: GuestName, _ spec: GuestSpec, at time: Timestamp) throws(GuestError) -> Entry {
    if let entry = entries[name] {
      throw GuestError(
        .alreadyExists,
        "create \(name): a guest of that name exists" + (entry.isLeaving ? " until its removal is stored" : ""),
        hint: "lodge create --replace \(name) ... changes it")
    }
    return Entry(current: StoredGuest(lifecycle: GuestLifecycle(name: name, defined: spec), createdAt: time))
  }

  /// Events and requests that are of no guest's state.
  public mutating func note(
    _ events: [GuestEvent], _ weight: Weight, at time: Timestamp, request: RequestLedger.Record? = nil
  ) -> Decision {
    enqueue(Change(guest: nil, record: .none, events: events, request: request, time: time), [], weight)
  }

  /// A guest that is known from elsewhere than the database; it is shown, and not stored before something happens to it.
  public mutating func insert(_ guest: StoredGuest) {
    add(guest.lifecycle.name, Entry(current: guest, committed: guest))
  }

  private mutating func add(_ name: GuestName, _ entry: Entry) {
    let isNew = entries.updateValue(entry, forKey: name) == nil
    if isNew { sortedNames.insert(name, at: sortedNames.insertionIndex(of: name)) }
  }

  private mutating func forget(_ name: GuestName) {
    guard entries.removeValue(forKey: name) != nil else { return }
    sortedNames.remove(at: sortedNames.insertionIndex(of: name))
  }

  private mutating func enqueue(_ change: Change, _ effects: [GuestLifecycle.Effect], _ weight: Weight) -> Decision {
    let ticket = Ticket(number: nextTicket)
    nextTicket += 1
    var pending = Pending(change: change, effects: effects, weight: weight, ticket: ticket)
    // A fact that changes nothing, and asks for no more than to be acknowledged again, needs no disk.
    if weight == .fact, isSettled, change.events.isEmpty, isStored(change), effects.allSatisfy(\.isAcknowledgement) {
      return Decision(ticket: ticket, steps: finish(pending, hasRows: false))
    }
    var steps: [Step] = []
    if isRefused { steps = carryOutUnstored(&pending) }
    queue.append(pending)
    return Decision(ticket: ticket, steps: steps)
  }
}

extension GuestBook {
  /// Whether the disk has the guest like that already.
  private func isStored(_ change: Change) -> Bool {
    switch change.record {
    case .save(let guest): change.guest.flatMap { entries[$0]?.committed } == guest
    case .delete, .none: false
    }
  }
}

// MARK: The disk

extension GuestBook {
  /// The next changes to be stored in one transaction, unless a batch is on its way or there are none.
  public mutating func takeBatch(limit: Int = 256) -> [Change]? {
    guard writing.isEmpty, !queue.isEmpty else { return nil }
    writing = Array(queue.prefix(limit))
    queue.removeFirst(writing.count)
    return writing.map(\.change)
  }

  /// A write of another kind has succeeded: the disk takes something again.
  public mutating func diskWorks() { isRefused = false }

  /// The batch is on the disk: `finishNext` has what follows, a change at a time.
  public mutating func stored() {
    isRefused = false
    finishing += writing
    writing = []
  }

  /// The steps that follow from the oldest change that has been stored; nil when all have followed.
  public mutating func finishNext() -> [Step]? {
    guard !finishing.isEmpty else { return nil }
    return finish(finishing.removeFirst(), hasRows: true)
  }

  /// The disk took nothing of the batch. Requests are taken back, unless what they stand on waits to be stored; the rest
  /// is in the next batch again.
  public mutating func refused(_ error: GuestError) -> [Step] {
    isRefused = true
    let all = writing + queue
    writing = []
    queue = []
    return sort(all, keeping: [], error)
  }

  /// The disk has not answered for the batch that is on its way, and may yet. Orders are carried out, as when it refuses
  /// them; requests that are not on their way are taken back, and those that are wait for its answer.
  public mutating func unanswered(_ error: GuestError) -> [Step] {
    guard isWriting else { return [] }
    isRefused = true
    var steps: [Step] = []
    for index in writing.indices { steps += carryOutUnstored(&writing[index]) }
    let waiting = queue
    queue = []
    // What a batch that may still be stored stands for is not taken back.
    return steps + sort(waiting, keeping: Set(writing.compactMap(\.change.guest)), error)
  }

  /// Takes requests back, unless what they stand on waits to be stored, and queues the rest again.
  private mutating func sort(_ all: [Pending], keeping names: Set<GuestName>, _ error: GuestError) -> [Step] {
    var kept = names
    for pending in all where pending.weight != .request { if let name = pending.change.guest { kept.insert(name) } }
    var steps: [Step] = []
    for var pending in all {
      let mustStay = pending.weight != .request || pending.change.guest.map(kept.contains) ?? false
      if mustStay {
        steps += carryOutUnstored(&pending)
        queue.append(pending)
      } else {
        steps += takeBack(pending, error)
      }
    }
    return steps
  }

  private mutating func takeBack(_ pending: Pending, _ error: GuestError) -> [Step] {
    var steps: [Step] = []
    if let name = pending.change.guest, var entry = entries[name] {
      if let committed = entry.committed {
        entry.current = committed
        entry.unstoredEnds = []
        entry.isLeaving = false
        entries[name] = entry
      } else {
        forget(name)
      }
    }
    if let name = pending.change.guest {
      for effect in pending.effects {
        if case .launch(let run) = effect { steps.append(.discard(run.id, name)) }
      }
    }
    if let request = pending.change.request { steps.append(.requestRefused(request.key)) }
    if let ticket = pending.ticket { steps.append(.refused(ticket, error)) }
    return steps
  }

  /// While the disk takes nothing, orders are carried out all the same, once, with the time after which they are given up,
  /// and their callers look for the end.
  private func carryOutUnstored(_ pending: inout Pending) -> [Step] {
    guard pending.weight != .request, let name = pending.change.guest else { return [] }
    var steps: [Step] = []
    pending.effects.removeAll { effect in
      switch effect {
      case .stop: break
      case .armTimer: guard pending.change.leavesStopping else { return false }
      case .launch, .disarmTimer, .acknowledge, .delete: return false
      }
      steps.append(.perform(effect, name))
      return true
    }
    if let ticket = pending.ticket {
      steps.append(.settled(ticket))
      pending.ticket = nil
    }
    steps.append(.look(name, ended: pending.change.ended))
    return steps
  }

  /// It is on the disk: from now on it is so for all.
  private mutating func finish(_ pending: Pending, hasRows: Bool) -> [Step] {
    let change = pending.change
    var steps: [Step] = []
    switch change.record {
    case .save(let guest):
      if let name = change.guest {
        entries[name]?.committed = guest
        if let run = change.ended?.ended.run { entries[name]?.unstoredEnds.removeAll { $0.ended.run == run } }
      }
    case .delete: if let name = change.guest { forget(name) }
    case .none: break
    }
    if hasRows { steps.append(.publish(ofGuest: change.guest, ended: change.ended)) }
    if let request = change.request { steps.append(.requestStored(request.key)) }
    if let name = change.guest { for effect in pending.effects { steps.append(.perform(effect, name)) } }
    if let ticket = pending.ticket { steps.append(.settled(ticket)) }
    if let name = change.guest {
      if case .delete = change.record {
        steps.append(.removed(name, ended: change.ended))
      } else {
        steps.append(.look(name, ended: change.ended))
      }
    }
    return steps
  }
}

extension Change {
  /// The guest is to end by it: its timer is that of its orders, and of no restart.
  fileprivate var leavesStopping: Bool {
    switch record {
    case .save(let guest): guest.lifecycle.state == .stopping
    case .delete, .none: false
    }
  }
}

extension GuestLifecycle.Effect {
  fileprivate var isAcknowledgement: Bool {
    switch self {
    case .acknowledge: true
    case .launch, .stop, .armTimer, .disarmTimer, .delete: false
    }
  }
}
