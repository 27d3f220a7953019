import Guest
import GuestWire
public import Operations
public import RPC
import SpecKeys
import Supervision
public import WireProtocol
public import WireServices
import XDR

/// The admin program: messages of admin.x to operations, and their results back. It decides nothing.
public struct AdminProgram<Daemon: DaemonOperations>: DoorProgram {
  private let daemon: Daemon
  private let version: String

  /// - Parameter version: of the daemon, for the greeting.
  public init(_ daemon: Daemon, version: String) {
    self.daemon = daemon
    self.version = version
  }

  /// What a client may rely on beyond the version. Names are never reused.
  public static var features: [String] {
    [
      "events.gap", "events.snapshot", "events.tick", "guests.labels", "guests.run", "hooks", "logs.follow",
      "requests.idempotent", "wait",
    ]
  }

  public let served = ServedProgram(Admin.self, features: Self.features)

  public func cost(of procedure: Int32) -> CallCost {
    switch procedure {
    case Admin.EventsRead.number, Admin.GuestRuns.number: .readsJournal
    case Admin.GuestWait.number, Admin.LogRead.number: .waits
    default: .plain
    }
  }

  public func serve(_ call: IncomingCall, by caller: Caller) async throws -> ServedReply? {
    // Rights come before arguments: not a byte of them is read for a caller that may not ask.
    if aboutTheDaemon.contains(call.procedure.number) { try caller.checkEverything() }
    let context = Context(caller)
    let reply = try await dispatchAdmin(self, procedure: call.procedure.number, args: call.args, context: context)
    return reply.map { ServedReply(encoded: $0, subscription: context.subscription) }
  }

  public func sent(_ reply: ServedReply) async {
    if let subscription = reply.subscription { await daemon.activate(subscription) }
  }

  /// One call. Used by one task only.
  public final class Context: @unchecked Sendable {
    let caller: Caller
    /// The subscription that the call has begun.
    var subscription: UInt32?

    init(_ caller: Caller) { self.caller = caller }
  }
}

/// What is about no guest, and so needs its right on everything.
private let aboutTheDaemon: Set = [
  Admin.HookAdd.number, Admin.HookRemove.number, Admin.HookTest.number, Admin.HookList.number, Admin.HostInfo.number,
  Admin.DaemonStatus.number, Admin.DaemonClients.number, Admin.DaemonLimits.number, Admin.DaemonTrace.number,
]

extension RPCErrorBody {
  /// Every error that a program's handlers throw leaves through here.
  ///
  /// - Returns: `isFault` for one that no handler should throw.
  public static func answer(to error: any Error, of procedure: String) -> (body: RPCErrorBody, isFault: Bool) {
    switch error {
    case let error as GuestError: (RPCErrorBody(error), false)
    case let error as RPCErrorBody: (error, false)
    case is CancellationError:
      (RPCErrorBody(GuestError(.cancelled, "\(procedure): the client has gone")), false)
    case let error as XDRError: (RPCErrorBody(GuestError(.invalidArgument, "\(procedure): \(error)")), false)
    case let error: (RPCErrorBody(GuestError(.internalError, "\(procedure): \(error)")), true)
    }
  }
}

// MARK: Guests

extension AdminProgram: AdminService {
  public func hello(_ args: Wire.HelloArgs, context: Context) async throws -> Wire.HelloReply {
    Wire.HelloReply(server: "lodged \(version)", versions: [Admin.version], features: Self.features)
  }

  public func guestCreate(_ args: Wire.GuestCreateArgs, context: Context) async throws -> Wire.GuestCreateReply {
    let request = try identity(Admin.GuestCreate.self, args, args.request)
    let result = try await daemon.create(
      GuestName(args.name), GuestSpec(args.spec), replacing: args.replace, request, by: context.caller)
    return Wire.GuestCreateReply(guest: .init(result.guest), atNextStart: result.atNextStart)
  }

  public func guestChange(_ args: Wire.GuestChangeArgs, context: Context) async throws -> Wire.GuestCreateReply {
    let request = try identity(Admin.GuestChange.self, args, args.request)
    // The second is only compared: rules that came after it was defined do not matter.
    let result = try await daemon.change(
      GuestName(args.name), GuestSpec(args.spec), expecting: GuestSpec(args.expected, checkingRules: false), request,
      by: context.caller)
    return Wire.GuestCreateReply(guest: .init(result.guest), atNextStart: result.atNextStart)
  }

  public func guestRemove(_ args: Wire.GuestRemoveArgs, context: Context) async throws {
    let request = try identity(Admin.GuestRemove.self, args, args.request)
    try await daemon.remove(GuestName(args.name), force: args.force, request, by: context.caller)
  }

  public func guestStart(_ args: Wire.GuestStartArgs, context: Context) async throws -> Wire.GuestStartReply {
    let request = try identity(Admin.GuestStart.self, args, args.request)
    let result = try await daemon.start(GuestName(args.name), request, by: context.caller)
    return Wire.GuestStartReply(guest: .init(result.guest), run: result.run.bytes)
  }

  public func guestRun(_ args: Wire.GuestCreateArgs, context: Context) async throws -> Wire.GuestStartReply {
    let request = try identity(Admin.GuestRun.self, args, args.request)
    guard !args.replace else {
      throw GuestError(.invalidArgument, "run \(args.name): it makes a guest, and changes none")
    }
    let result = try await daemon.run(GuestName(args.name), GuestSpec(args.spec), request, by: context.caller)
    return Wire.GuestStartReply(guest: .init(result.guest), run: result.run.bytes)
  }

  public func guestStop(_ args: Wire.GuestStopArgs, context: Context) async throws -> Wire.GuestEndedReply {
    let request = try identity(Admin.GuestStop.self, args, args.request)
    let name = try GuestName(args.name)
    return .init(try await daemon.stop(name, order(.stop, args, context), request, by: context.caller))
  }

  public func guestKill(_ args: Wire.GuestKillArgs, context: Context) async throws -> Wire.GuestEndedReply {
    let request = try identity(Admin.GuestKill.self, args, args.request)
    let name = try GuestName(args.name)
    guard (1...64).contains(args.signal) else {
      throw GuestError(.invalidArgument, "kill \(name): signal \(args.signal) does not exist; 1 to 64 do")
    }
    guard args.signal == 9 else {
      let guest = try await daemon.signal(name, args.signal, request, by: context.caller)
      return Wire.GuestEndedReply(guest: .init(guest), ended: nil)
    }
    return .init(
      try await daemon.stop(name, EndOrder(.kill, by: context.caller.actor), request, by: context.caller))
  }

  public func guestRestart(_ args: Wire.GuestStopArgs, context: Context) async throws -> Wire.GuestStartReply {
    let request = try identity(Admin.GuestRestart.self, args, args.request)
    let name = try GuestName(args.name)
    let result = try await daemon.restart(name, order(.restart, args, context), request, by: context.caller)
    return Wire.GuestStartReply(guest: .init(result.guest), run: result.run.bytes)
  }

  public func guestList(_ args: Wire.GuestListArgs, context: Context) async throws -> Wire.GuestListReply {
    let page = try await daemon.list(
      after: args.after, matching: args.pattern, labels: args.labels.map { Label($0) },
      limit: limit(args.limit, Wire.listPageMax), by: context.caller)
    return Wire.GuestListReply(guests: page.guests.map { .init($0) }, more: page.hasMore, sequence: page.sequence)
  }

  public func guestShow(_ args: Wire.GuestNameArgs, context: Context) async throws -> Wire.GuestDetails {
    .init(try await daemon.show(GuestName(args.name), by: context.caller))
  }

  public func guestRuns(_ args: Wire.GuestRunsArgs, context: Context) async throws -> Wire.GuestRunsReply {
    let page = try await daemon.runs(
      of: GuestName(args.name), before: args.before, limit: limit(args.limit, Wire.runsPageMax), by: context.caller)
    return Wire.GuestRunsReply(runs: page.runs.map { .init($0) }, more: page.hasMore)
  }

  public func guestWait(_ args: Wire.GuestWaitArgs, context: Context) async throws -> Wire.GuestEndedReply {
    let name = try GuestName(args.name)
    let condition: GuestCondition
    switch args.condition {
    case .running: condition = .running
    case .stopped: condition = .stopped
    case .ended: condition = args.run.flatMap { RunID($0) }.map { .runEnded($0) } ?? .ended(since: args.since)
    case .unknown(let value): throw GuestError(.notSupported, "wait for \(name): condition \(value) is unknown")
    }
    return .init(
      try await daemon.wait(
        for: condition, of: name, timeoutMillis: args.timeoutMillis < 0 ? nil : args.timeoutMillis,
        by: context.caller))
  }

  public func logRead(_ args: Wire.LogReadArgs, context: Context) async throws -> Wire.LogReadReply {
    let piece = try await daemon.readLog(
      of: GuestName(args.name), LogQuery(cursor: args.cursor, tailLines: Int(args.tailLines), waits: args.wait),
      by: context.caller)
    // How much was lost with a rotated file is not known. That something was is the least that is said.
    return Wire.LogReadReply(
      bytes: piece.bytes, next: piece.next, end: piece.isEnd, lostBytes: piece.hasLost ? 1 : 0)
  }

  // MARK: Events

  public func eventsSubscribe(
    _ args: Wire.EventsSubscribeArgs, context: Context
  ) async throws -> Wire.EventsSubscribeReply {
    let subscription = try await daemon.subscribe(
      to: EventFilter(args.filter), from: args.snapshot ? nil : EventPlace(args.since), tickMillis: args.tickMillis,
      by: context.caller)
    context.subscription = subscription.number
    return Wire.EventsSubscribeReply(
      subscription: subscription.number, after: subscription.after, oldest: subscription.oldest,
      newest: subscription.newest)
  }

  public func eventsUnsubscribe(_ args: Wire.EventsUnsubscribeArgs, context: Context) async throws {
    try await daemon.unsubscribe(args.subscription, by: context.caller)
  }

  public func eventsRead(_ args: Wire.EventsReadArgs, context: Context) async throws -> Wire.EventsReadReply {
    let page = try await daemon.readEvents(
      EventFilter(args.filter), from: EventPlace(args.since), limit: limit(args.limit, Wire.eventsPageMax),
      by: context.caller, making: { Wire.Event($0) })
    return Wire.EventsReadReply(
      events: page.events, next: page.next, more: page.hasMore, lostFrom: page.lost?.lowerBound ?? 0,
      lostTo: page.lost?.upperBound ?? 0)
  }

  // MARK: Hooks

  public func hookAdd(_ args: Wire.HookSpec, context: Context) async throws {
    try await daemon.addHook(HookSpec(args), by: context.caller)
  }

  public func hookRemove(_ args: Wire.HookRemoveArgs, context: Context) async throws {
    try await daemon.removeHook(args.name, by: context.caller)
  }

  public func hookTest(_ args: Wire.HookTestArgs, context: Context) async throws -> Wire.HookTestReply {
    let trial = try await daemon.testHook(args.name, by: context.caller)
    return Wire.HookTestReply(failure: trial.failure ?? "", log: trial.log)
  }

  public func hookList(context: Context) async throws -> Wire.HookListReply {
    Wire.HookListReply(hooks: try await daemon.hooks(by: context.caller).map { .init($0) })
  }

  // MARK: The host and the daemon

  public func hostInfo(context: Context) async throws -> Wire.HostInfoReply {
    .init(try await daemon.host(by: context.caller))
  }

  public func daemonStatus(context: Context) async throws -> Wire.DaemonStatusReply {
    .init(try await daemon.status(by: context.caller))
  }

  public func daemonClients(context: Context) async throws -> Wire.DaemonClientsReply {
    Wire.DaemonClientsReply(
      clients: try await daemon.clients(by: context.caller).prefix(Int(Wire.clientsMax)).map { .init($0) })
  }

  public func daemonLimits(context: Context) async throws -> Wire.DaemonLimitsReply {
    Wire.DaemonLimitsReply(limits: try await daemon.limits(by: context.caller).map { .init($0) })
  }

  public func daemonTrace(_ args: Wire.DaemonTraceArgs, context: Context) async throws {
    try await daemon.setLogLevel(args.level, by: context.caller)
  }
}

// MARK: Arguments

extension AdminProgram {
  /// - Throws: an argument that cannot be encoded again; none does that was decoded.
  private func identity<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: Procedure.Args, _ id: [UInt8]?
  ) throws(XDRError) -> RequestIdentity? {
    guard let id = id.flatMap({ RequestID($0) }) else { return nil }
    return RequestIdentity(
      id: id,
      digest: RequestLedger.digest(
        procedure: UInt32(bitPattern: Procedure.number), arguments: try args.xdrEncoded()))
  }

  private func order(
    _ verb: EndOrder.Verb, _ args: Wire.GuestStopArgs, _ context: Context
  ) throws(GuestError) -> EndOrder {
    guard (0...64).contains(args.signal) else {
      throw GuestError(.invalidArgument, "\(verb.word) \(args.name): signal \(args.signal) does not exist; 1 to 64 do")
    }
    if args.timeoutMillis > Int64(GuestSpec.Bound.millis) {
      throw GuestError(.invalidArgument, "\(verb.word) \(args.name): a timeout of more than 365 days")
    }
    return EndOrder(
      verb, by: context.caller.actor, signal: args.signal == 0 ? nil : args.signal,
      timeoutMillis: args.timeoutMillis < 0 ? nil : UInt64(args.timeoutMillis), noKill: args.noKill)
  }

  /// 0 asks for a whole page.
  private func limit<Bound: BinaryInteger>(_ asked: UInt32, _ page: Bound) -> Int {
    asked == 0 ? Int(page) : min(Int(asked), Int(page))
  }
}
