public import Guest

// Requests about one guest. Each is decided once for its id, by the book; its answer then follows from the sequel alone.
//
//   request --> RequestLedger: known? --> the sequel of before
//           --> GuestBook.decide ------> change, effects, and the sequel, which is stored with them

/// A request that changes one guest, or ends what runs in it.
public enum GuestRequest: Sendable, Hashable {
  /// Defines a guest of that name.
  case create(GuestSpec)
  /// Defines a guest and starts it, both or neither.
  case run(GuestSpec)
  /// Changes the spec. `expecting`: the one that it has to have now; nil takes any.
  case change(GuestSpec, expecting: GuestSpec?)
  case remove(force: Bool)
  case start
  case stop(EndOrder)
  case restart(EndOrder)
  /// A signal to init that is not an order to end it.
  case signal(Int32)

  /// The verb of a request that begins something, which is refused while nothing can be stored. An order to end a guest is
  /// carried out all the same, and has none.
  public var begins: String? {
    switch self {
    case .create: "create"
    case .run: "run"
    case .change: "change"
    case .remove: "remove"
    case .start: "start"
    case .restart: "restart"
    case .signal: "kill"
    case .stop: nil
    }
  }

  public var weight: GuestBook.Weight { begins == nil ? .order : .request }

  /// It defines a guest, which counts against the bound of guests.
  public var defines: Bool {
    switch self {
    case .create, .run: true
    case .change, .remove, .start, .stop, .restart, .signal: false
    }
  }
}

/// The actor of a request, and the request's id.
public struct Asked: Sendable {
  public var actor: Actor
  /// Nil for requests without an id: each of them is carried out.
  public var request: (key: RequestLedger.Key, digest: UInt64)?

  public init(actor: Actor, request: (key: RequestLedger.Key, digest: UInt64)?) {
    self.actor = actor
    self.request = request
  }

  /// What is stored of the request with its decision; nil without an id.
  public func record(_ guest: GuestName, _ sequel: RequestLedger.Sequel, at moment: Moment) -> RequestLedger.Record? {
    request.map {
      .init(key: $0.key, digest: $0.digest, guest: guest, sequel: sequel, at: moment.wall, bootAt: moment.boot)
    }
  }
}

/// A request that was decided.
public struct DecidedRequest: Sendable {
  public var decision: GuestBook.Decision
  public var sequel: RequestLedger.Sequel
  /// Nil for a request without an id.
  public var record: RequestLedger.Record?
}

extension GuestBook {
  /// Decides a request. A refusal changes nothing.
  public mutating func decide(
    _ request: GuestRequest, _ name: GuestName, _ asked: Asked, _ context: GuestLifecycle.Context
  ) throws(GuestError) -> DecidedRequest {
    let actor = asked.actor
    switch request {
    case .create(let spec):
      let sequel = RequestLedger.Sequel.defined(atNextStart: false)
      let record = asked.record(name, sequel, at: context.now)
      let decision = try create(name, spec, by: actor, at: context.now.wall, request: record)
      return DecidedRequest(decision: decision, sequel: sequel, record: record)
    case .run(let spec):
      var sequel = RequestLedger.Sequel.started(.zero)
      var record: RequestLedger.Record?
      let decision = try run(name, spec, by: actor, context) { lifecycle in
        sequel = .started(lifecycle.run?.id ?? .zero)
        record = asked.record(name, sequel, at: context.now)
        return record
      }
      return DecidedRequest(decision: decision, sequel: sequel, record: record)
    case .change(let spec, let expected):
      return try decide(
        request, name, asked, context, { lifecycle, _ in .defined(atNextStart: lifecycle.isSpecPending) },
        {
          lifecycle, _ throws(GuestError) in
          if let expected, lifecycle.defined != expected { throw Refusal.changedMeanwhile(name) }
          return lifecycle.configure(spec, by: actor)
        })
    case .remove(let force):
      return try decide(
        request, name, asked, context, { lifecycle, _ in .removed(lifecycle.run?.id) },
        {
          lifecycle, context throws(GuestError) in try lifecycle.remove(by: actor, force: force, context)
        })
    case .start:
      return try decide(
        request, name, asked, context, { lifecycle, _ in .started(lifecycle.run?.id ?? .zero) },
        {
          lifecycle, context throws(GuestError) in try lifecycle.start(by: actor, context)
        })
    case .stop(let order):
      return try decide(
        request, name, asked, context, { lifecycle, _ in .stopped(.init(newestOf: lifecycle)) },
        {
          lifecycle, context throws(GuestError) in try lifecycle.stop(order, context)
        })
    case .restart(let order):
      return try decide(
        request, name, asked, context,
        { lifecycle, former in
          .restarted(
            former: former.flatMap { _ in .init(newestOf: lifecycle) },
            number: former.map { $0.number + 1 } ?? lifecycle.runCount)
        }, { lifecycle, context throws(GuestError) in try lifecycle.restart(order, context) })
    case .signal(let number):
      let lifecycle = try find(name).current.lifecycle
      switch lifecycle.state {
      case .running, .stopping: break
      case .stopped, .starting, .waiting: throw Refusal.noInit(name, lifecycle.state)
      }
      let record = asked.record(name, .signaled, at: context.now)
      // A signal may end the guest: the journal has who sent it.
      let event = lifecycle.signaling(number, by: actor)
      let decision = note([event], .request, at: context.now.wall, request: record)
      return DecidedRequest(decision: decision, sequel: .signaled, record: record)
    }
  }

  /// - Parameter sequel: from the lifecycle as it is by the decision, and the run that it had before.
  private mutating func decide(
    _ request: GuestRequest, _ name: GuestName, _ asked: Asked, _ context: GuestLifecycle.Context,
    _ sequel: (GuestLifecycle, _ former: GuestLifecycle.Run?) -> RequestLedger.Sequel,
    _ body: (inout GuestLifecycle, GuestLifecycle.Context) throws(GuestError) -> GuestLifecycle.Transition
  ) throws(GuestError) -> DecidedRequest {
    let former = self[name]?.current.lifecycle.run
    var decided: (sequel: RequestLedger.Sequel, record: RequestLedger.Record?)?
    let decision = try decide(
      name, request.weight, context,
      request: { lifecycle in
        let result = sequel(lifecycle, former)
        let record = asked.record(name, result, at: context.now)
        decided = (result, record)
        return record
      }, body)
    guard let decided else { preconditionFailure("a request about \(name) was decided without a sequel") }
    return DecidedRequest(decision: decision, sequel: decided.sequel, record: decided.record)
  }
}

// MARK: What is not even decided

extension GuestRequest {
  /// How many guests there may be, and the file that says so.
  public struct Room: Sendable, Hashable {
    public var guests: Int
    public var configuration: String

    public init(guests: Int, configuration: String) {
      self.guests = guests
      self.configuration = configuration
    }
  }

  /// Why a request is not decided at present; nil if it is. While nothing can be stored, nothing new is begun.
  ///
  /// - Parameter isEnding: the daemon is shutting down.
  public func refusal(
    _ name: GuestName, in book: GuestBook, _ health: StorageHealth, _ room: Room, isEnding: Bool
  ) -> GuestError? {
    guard let verb = begins else { return nil }
    let intent = "\(verb) \(name)"
    if defines, book[name] == nil, book.count >= room.guests {
      return Refusal.tooManyGuests(intent, count: book.count, configuration: room.configuration)
    }
    if isEnding { return GuestError(.unavailable, "\(intent): the daemon is shutting down") }
    return health.refusal(of: intent)
  }
}
