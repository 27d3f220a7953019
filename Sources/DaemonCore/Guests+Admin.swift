internal import Guest
internal import GuestStore
internal import GuestWire
internal import Logging
internal import NIOCore
internal import RPC
internal import RPCNIO
internal import SpecKeys
internal import Supervision
internal import WireProtocol
internal import WireServices
internal import XDR

/// What the handlers need beside the manager itself.
struct AdminServices: Sendable {
  let clients: ClientList
  let logs: LogReader
  let hooks: HookRunner
  let host: HostReport
  let levels: LogLevels
  let limits: DaemonLimits

  /// What a client may rely on beyond the version. Names are never reused.
  static let features = [
    "events.gap", "events.snapshot", "events.tick", "guests.labels", "guests.run", "hooks", "logs.follow",
    "requests.idempotent",
    "wait",
  ]
}

// What each procedure of the admin program does: typed in, typed out. All of it in the manager's own isolation, so that
// calls of one connection are decided in the order in which they were sent.

extension Guests {
  /// The guest that a call is about, if the caller may do with it what the call does.
  fileprivate func permitted(_ text: String, _ context: CallContext) throws(GuestError) -> GuestName {
    let name = try GuestName(text)
    try context.check(name, labels(of: name))
    return name
  }

  private func labels(of name: GuestName) -> [Label] { book[name]?.current.lifecycle.settings.labels ?? [] }

  fileprivate func shown(_ record: RunRecord, of name: GuestName, _ context: CallContext) -> RunRecord {
    context.access.shown(record, of: name, labels(of: name))
  }

  fileprivate func endedReply(
    _ name: GuestName, _ ended: RunRecord?, _ context: CallContext
  ) async throws -> Wire.GuestEndedReply {
    Wire.GuestEndedReply(
      guest: try await lastKnown(name, for: context.access),
      ended: ended.map { .init(shown($0, of: name, context)) })
  }
}

extension Guests: AdminService {
  typealias Context = CallContext

  func hello(_ args: Wire.HelloArgs, context: CallContext) async throws -> Wire.HelloReply {
    Wire.HelloReply(
      server: "lodged \(LodgeVersion.current)", versions: [Admin.version], features: AdminServices.features)
  }

  // MARK: Guests

  func guestCreate(_ args: Wire.GuestCreateArgs, context: CallContext) async throws -> Wire.GuestCreateReply {
    let asked = try Asked(Admin.GuestCreate.self, args, id: args.request, context)
    let spec = try GuestSpec(args.spec)
    // Of a guest that is changed, its present labels count as well as those it gets.
    let name = try permitted(args.name, context)
    try context.check(name, spec.labels)
    let atNextStart = try await define(name, spec, replacing: args.replace, asked)
    return Wire.GuestCreateReply(guest: try await lastKnown(name, for: context.access), atNextStart: atNextStart)
  }

  func guestRemove(_ args: Wire.GuestRemoveArgs, context: CallContext) async throws {
    let asked = try Asked(Admin.GuestRemove.self, args, id: args.request, context)
    try await remove(permitted(args.name, context), force: args.force, asked)
  }

  func guestStart(_ args: Wire.GuestStartArgs, context: CallContext) async throws -> Wire.GuestStartReply {
    let asked = try Asked(Admin.GuestStart.self, args, id: args.request, context)
    let name = try permitted(args.name, context)
    let run = try await start(name, asked)
    return Wire.GuestStartReply(guest: try await lastKnown(name, for: context.access), run: run.bytes)
  }

  func guestRun(_ args: Wire.GuestCreateArgs, context: CallContext) async throws -> Wire.GuestStartReply {
    let asked = try Asked(Admin.GuestRun.self, args, id: args.request, context)
    guard !args.replace else {
      throw GuestError(.invalidArgument, "run \(args.name): it makes a guest, and changes none")
    }
    let spec = try GuestSpec(args.spec)
    let name = try permitted(args.name, context)
    try context.check(name, spec.labels)
    let run = try await run(name, spec, asked)
    return Wire.GuestStartReply(guest: try await lastKnown(name, for: context.access), run: run.bytes)
  }

  func guestStop(_ args: Wire.GuestStopArgs, context: CallContext) async throws -> Wire.GuestEndedReply {
    let asked = try Asked(Admin.GuestStop.self, args, id: args.request, context)
    let name = try permitted(args.name, context)
    let ended = try await stop(name, try order(.stop, args, context), asked)
    return try await endedReply(name, ended, context)
  }

  func guestKill(_ args: Wire.GuestKillArgs, context: CallContext) async throws -> Wire.GuestEndedReply {
    let asked = try Asked(Admin.GuestKill.self, args, id: args.request, context)
    let name = try permitted(args.name, context)
    guard (1...64).contains(args.signal) else {
      throw GuestError(.invalidArgument, "kill \(name): signal \(args.signal) does not exist; 1 to 64 do")
    }
    guard args.signal == 9 else {
      try await signal(name, args.signal, asked)
      return try await endedReply(name, nil, context)
    }
    let ended = try await stop(name, EndOrder(.kill, by: context.actor), asked)
    return try await endedReply(name, ended, context)
  }

  func guestRestart(_ args: Wire.GuestStopArgs, context: CallContext) async throws -> Wire.GuestStartReply {
    let asked = try Asked(Admin.GuestRestart.self, args, id: args.request, context)
    let name = try permitted(args.name, context)
    let run = try await restart(name, try order(.restart, args, context), asked)
    return Wire.GuestStartReply(guest: try await lastKnown(name, for: context.access), run: run.bytes)
  }

  fileprivate func order(
    _ verb: EndOrder.Verb, _ args: Wire.GuestStopArgs, _ context: CallContext
  ) throws(GuestError) -> EndOrder {
    guard (0...64).contains(args.signal) else {
      throw GuestError(.invalidArgument, "stop \(args.name): signal \(args.signal) does not exist; 1 to 64 do")
    }
    if args.timeoutMillis > Int64(GuestSpec.Bound.millis) {
      throw GuestError(.invalidArgument, "stop \(args.name): a timeout of more than 365 days")
    }
    return EndOrder(
      verb, by: context.actor, signal: args.signal == 0 ? nil : args.signal,
      timeoutMillis: args.timeoutMillis < 0 ? nil : UInt64(args.timeoutMillis), noKill: args.noKill)
  }

  func guestList(_ args: Wire.GuestListArgs, context: CallContext) async throws -> Wire.GuestListReply {
    list(args, for: context.access)
  }

  func guestShow(_ args: Wire.GuestNameArgs, context: CallContext) async throws -> Wire.GuestDetails {
    let name = try permitted(args.name, context)
    return try await details(of: name, for: context.access)
  }

  func guestRuns(_ args: Wire.GuestRunsArgs, context: CallContext) async throws -> Wire.GuestRunsReply {
    let name = try permitted(args.name, context)
    let limit = args.limit == 0 ? Int(Wire.runsPageMax) : min(Int(args.limit), Int(Wire.runsPageMax))
    let runs = try await reading { try $0.runs(of: name, before: args.before, limit: limit + 1) }
    if runs.isEmpty { _ = try await lastKnown(name, for: context.access) }
    return Wire.GuestRunsReply(
      runs: runs.prefix(limit).map { .init(shown($0, of: name, context)) }, more: runs.count > limit)
  }

  func guestWait(_ args: Wire.GuestWaitArgs, context: CallContext) async throws -> Wire.GuestEndedReply {
    let name = try permitted(args.name, context)
    let ended = try await wait(args, name)
    return try await endedReply(name, ended, context)
  }

  func logRead(_ args: Wire.LogReadArgs, context: CallContext) async throws -> Wire.LogReadReply {
    let name = try permitted(args.name, context)
    return try await services.logs.read(args, name)
  }

  // MARK: Events

  func eventsSubscribe(_ args: Wire.EventsSubscribeArgs, context: CallContext) async throws -> Wire.EventsSubscribeReply
  {
    try await subscribe(args, context)
  }

  func eventsUnsubscribe(_ args: Wire.EventsUnsubscribeArgs, context: CallContext) async throws {
    guard unsubscribe(args.subscription, context) else {
      throw GuestError(.notFound, "unsubscribe: there is no subscription \(args.subscription) on this connection")
    }
  }

  func eventsRead(_ args: Wire.EventsReadArgs, context: CallContext) async throws -> Wire.EventsReadReply {
    try await readEvents(args, for: context.access)
  }

  // MARK: Hooks

  func hookAdd(_ args: Wire.HookSpec, context: CallContext) async throws {
    try await services.hooks.add(args)
  }

  func hookRemove(_ args: Wire.HookRemoveArgs, context: CallContext) async throws {
    try await services.hooks.remove(args.name)
  }

  func hookList(context: CallContext) async throws -> Wire.HookListReply {
    await services.hooks.list(for: context.access)
  }

  // MARK: Host and daemon

  func hostInfo(context: CallContext) async throws -> Wire.HostInfoReply { services.host.reply() }

  func daemonStatus(context: CallContext) async throws -> Wire.DaemonStatusReply {
    let size = (try? await reading { try $0.size() }) ?? 0
    return status(clients: services.clients, level: services.levels.current, journalBytes: size)
  }

  func daemonClients(context: CallContext) async throws -> Wire.DaemonClientsReply {
    clientReport(services.clients)
  }

  func daemonLimits(context: CallContext) async throws -> Wire.DaemonLimitsReply {
    limitReport(services.clients, services.limits)
  }

  func daemonTrace(_ args: Wire.DaemonTraceArgs, context: CallContext) async throws {
    guard services.levels.set(args.level) else {
      throw GuestError(
        .invalidArgument, "trace: level \"\(Visible.text(args.level))\" does not exist",
        hint: "levels are trace, debug, info, notice, warning and error")
    }
  }
}
