import Guest
import GuestWire
import Operations
import SpecKeys
import Synchronization
import Testing
import WireProtocol
import XDR

@testable import AdminProgram
@testable import RPC

/// Messages of admin.x become operations, and their results messages; nothing else happens in between.
@Suite struct AdminProgramTests {
  private let daemon = FakeDaemon()
  private let request = [UInt8](repeating: 7, count: 16)
  private let noFilter = Wire.EventFilter(guestPattern: "", types: [], causes: [], labels: [])

  private var program: AdminProgram<FakeDaemon> { AdminProgram(daemon, version: "9") }

  private func caller(_ procedure: RPCProcedureInfo, _ access: Access = Access(base: .admin)) -> Caller {
    Caller(
      actor: .user(uid: 1000, pid: 5), access: access, scope: FakeScope(), needed: Right(procedure.right),
      procedure: procedure.name)
  }

  private func call<Procedure: RPCProcedure>(_ procedure: Procedure.Type, _ args: [UInt8]) throws -> IncomingCall {
    let info = try #require(Admin.procedures.first { $0.number == Procedure.number })
    return IncomingCall(
      program: Admin.number, version: Admin.version, procedure: info, serial: 1, args: args[...], descriptors: [])
  }

  @discardableResult
  private func ask<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: Procedure.Args
  ) async throws -> Procedure.Reply {
    let call = try call(procedure, try args.xdrEncoded())
    let reply = try await program.serve(call, by: caller(call.procedure))
    return try Procedure.Reply(xdr: try #require(reply).encoded[...])
  }

  /// The error with which a call is refused; nil if it is not.
  private func refusal<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: Procedure.Args
  ) async throws -> GuestError? {
    do {
      try await ask(procedure, args)
      return nil
    } catch let error as GuestError {
      return error
    }
  }

  private func stopArgs(signal: Int32 = 0, timeout: Int64 = -1, noKill: Bool = false) -> Wire.GuestStopArgs {
    .init(request: nil, name: "web", signal: signal, timeoutMillis: timeout, noKill: noKill)
  }

  // MARK: Arguments

  @Test(arguments: ["..", "-web", "a/b", "we b"]) func aNameThatIsNoneAsksForNothing(_ name: String) async throws {
    let refusals = [
      try await refusal(Admin.GuestStart.self, .init(request: nil, name: name)),
      try await refusal(Admin.GuestShow.self, .init(name: name)),
      try await refusal(Admin.GuestRemove.self, .init(request: nil, name: name, force: true)),
      try await refusal(Admin.GuestKill.self, .init(request: nil, name: name, signal: 9)),
      try await refusal(Admin.GuestRuns.self, .init(name: name, before: 0, limit: 0)),
    ]
    #expect(refusals.allSatisfy { $0?.code == .invalidArgument })
    #expect(daemon.asked.isEmpty)
  }

  @Test func argumentsThatAreCutAskForNothing() async throws {
    let whole = try Wire.GuestStartArgs(request: request, name: "web").xdrEncoded()
    for length in 0..<whole.count {
      let call = try call(Admin.GuestStart.self, Array(whole.prefix(length)))
      await #expect(throws: XDRError.self) { _ = try await program.serve(call, by: caller(call.procedure)) }
    }
    #expect(daemon.asked.isEmpty)
  }

  @Test(arguments: [-1, 65, .max, .min] as [Int32]) func aSignalThatDoesNotExistIsRefused(_ signal: Int32) async throws
  {
    let refusals = [
      try await refusal(Admin.GuestStop.self, stopArgs(signal: signal)),
      try await refusal(Admin.GuestRestart.self, stopArgs(signal: signal)),
      try await refusal(Admin.GuestKill.self, .init(request: nil, name: "web", signal: signal)),
    ]
    #expect(refusals.allSatisfy { $0?.code == .invalidArgument })
    #expect(daemon.asked.isEmpty)
  }

  @Test func aKillWithZeroIsRefusedAndAStopWithZeroTakesTheSpecs() async throws {
    let refusal = try await refusal(Admin.GuestKill.self, .init(request: nil, name: "web", signal: 0))
    #expect(refusal?.code == .invalidArgument)
    try await ask(Admin.GuestStop.self, stopArgs())
    #expect(daemon.orders.map(\.signal) == [nil])
    #expect(daemon.orders.map(\.timeoutMillis) == [nil])
  }

  @Test func anOrderHasItsActorVerbAndBounds() async throws {
    try await ask(Admin.GuestStop.self, stopArgs(signal: 15, timeout: 0, noKill: true))
    try await ask(Admin.GuestRestart.self, stopArgs(timeout: 1_500))
    try await ask(Admin.GuestKill.self, .init(request: nil, name: "web", signal: 9))
    #expect(daemon.orders.map(\.verb) == [.stop, .restart, .kill])
    #expect(daemon.orders.map(\.timeoutMillis) == [0, 1_500, nil])
    #expect(daemon.orders.map(\.signal) == [15, nil, nil])
    #expect(daemon.orders.map(\.noKill) == [true, false, false])
    #expect(daemon.orders.allSatisfy { $0.by == .user(uid: 1000, pid: 5) })
  }

  @Test func aTimeoutBeyondAYearIsRefused() async throws {
    let longest = Int64(GuestSpec.Bound.millis)
    let refusal = try await refusal(Admin.GuestStop.self, stopArgs(timeout: longest + 1))
    #expect(refusal?.code == .invalidArgument && daemon.asked.isEmpty)
    try await ask(Admin.GuestStop.self, stopArgs(timeout: longest))
    #expect(daemon.orders.map(\.timeoutMillis) == [UInt64(longest)])
  }

  @Test func onlyNineEndsAGuest() async throws {
    for signal in [1, 8, 10, 64] as [Int32] {
      try await ask(Admin.GuestKill.self, .init(request: nil, name: "web", signal: signal))
    }
    #expect(daemon.asked == ["signal web 1", "signal web 8", "signal web 10", "signal web 64"])
  }

  @Test func aKeyThatIsUnknownIsRefusedByItsName() async throws {
    var spec = Wire.GuestSettings(GuestSpec(rootfs: Rootfs(path: "/"), command: ["/init"]))
    spec.list.append(.init(key: "limits.warp", value: "9"))
    let refusal = try await refusal(
      Admin.GuestCreate.self, .init(request: nil, name: "web", spec: spec, replace: false))
    #expect(refusal?.message.contains("limits.warp") == true)
    #expect(daemon.asked.isEmpty)
  }

  @Test func aRunThatWouldReplaceIsRefused() async throws {
    let spec = Wire.GuestSettings(GuestSpec(rootfs: Rootfs(path: "/"), command: ["/init"]))
    let refusal = try await refusal(Admin.GuestRun.self, .init(request: nil, name: "web", spec: spec, replace: true))
    #expect(refusal?.code == .invalidArgument)
    try await ask(Admin.GuestRun.self, .init(request: nil, name: "web", spec: spec, replace: false))
    #expect(daemon.asked == ["run web"])
  }

  @Test func aConditionOfANewerClientIsNotSupported() async throws {
    let args = Wire.GuestWaitArgs(name: "web", condition: .unknown(99), run: nil, since: 0, timeoutMillis: -1)
    let refusal = try await refusal(Admin.GuestWait.self, args)
    #expect(refusal?.code == .notSupported)
  }

  @Test func conditionsAndTimeoutsOfWaits() async throws {
    let run = RunID.zero
    for (condition, id, timeout) in [
      (.running, nil, -1), (.stopped, nil, 0), (.ended, run.bytes, 5), (.ended, nil, -7),
    ] as [(Wire.WaitCondition, [UInt8]?, Int64)] {
      try await ask(
        Admin.GuestWait.self, .init(name: "web", condition: condition, run: id, since: 3, timeoutMillis: timeout))
    }
    #expect(
      daemon.asked == [
        "wait web running for ever", "wait web stopped 0", "wait web \(GuestCondition.runEnded(run)) 5",
        "wait web \(GuestCondition.ended(since: 3)) for ever",
      ])
  }

  @Test func pagesHaveTheBoundsOfTheProtocol() async throws {
    for limit in [0, 1, 5_000] as [UInt32] {
      try await ask(Admin.GuestList.self, .init(after: "", pattern: "", labels: [], limit: limit))
      try await ask(Admin.GuestRuns.self, .init(name: "web", before: 2, limit: limit))
      try await ask(Admin.EventsRead.self, .init(since: .now, filter: noFilter, limit: limit))
    }
    let whole = ["list \(Wire.listPageMax)", "runs web 2 \(Wire.runsPageMax)", "read \(Wire.eventsPageMax)"]
    #expect(daemon.asked == whole + ["list 1", "runs web 2 1", "read 1"] + whole)
  }

  @Test func aHookForEventsThatAreUnknownIsRefused() async throws {
    var filter = noFilter
    filter.causes = [.oom, .unknown(99)]
    let hook = Wire.HookSpec(name: "page", filter: filter, program: "/bin/page", timeoutMillis: 0, retries: 0)
    let refusal = try await refusal(Admin.HookAdd.self, hook)
    #expect(refusal?.code == .notSupported && daemon.asked.isEmpty)
  }

  @Test func aChangeCarriesTheSpecThatWasRead() async throws {
    var spec = GuestSpec(rootfs: Rootfs(path: "/"), command: ["/init"])
    spec.hostname = "old"
    let expected = Wire.GuestSettings(spec)
    spec.hostname = "new"
    let reply = try await ask(
      Admin.GuestChange.self, .init(request: request, name: "web", spec: .init(spec), expected: expected))
    #expect(daemon.asked == ["change web old to new"])
    #expect(daemon.requests.first??.id.bytes == request)
    #expect(reply.atNextStart)
  }

  @Test func aHookKeepsItsArgumentsAndItsTrialSaysWhyItFailed() async throws {
    let hook = HookSpec(
      name: "page", filter: EventFilter(noFilter), program: "/bin/page", timeoutMillis: 5, retries: 1,
      arguments: ["", "--to", "ops"])
    #expect(try HookSpec(Wire.HookSpec(xdr: Wire.HookSpec(hook).xdrEncoded()[...])) == hook)
    let reply = try await ask(Admin.HookTest.self, .init(name: "page"))
    #expect(reply.failure == "exit 3" && reply.log == "/log")
    #expect(daemon.asked == ["testHook page"])
  }

  @Test func aSubscriptionToEventsThatAreUnknownGetsNone() async throws {
    var filter = noFilter
    filter.types = [.unknown(99)]
    try await ask(Admin.EventsSubscribe.self, .init(since: .boot, snapshot: false, filter: filter, tickMillis: 0))
    #expect(daemon.filters.first?.kinds == [])
    #expect(daemon.asked == ["subscribe boot"])
  }

  // MARK: Requests

  @Test func aRequestIsKnownByItsIdAndItsArguments() async throws {
    let other = [UInt8](repeating: 8, count: 16)
    for (id, name) in [(request, "web"), (request, "web"), (request, "db"), (other, "web"), (nil, "web")]
      as [([UInt8]?, String)]
    {
      try await ask(Admin.GuestStart.self, .init(request: id, name: name))
    }
    try await ask(Admin.GuestRemove.self, .init(request: request, name: "web", force: false))
    let digests = daemon.requests.map { $0?.digest }
    #expect(digests[0] == digests[1] && digests[0] != digests[2])
    #expect(daemon.requests[4] == nil)
    #expect(digests[5] != digests[0], "the procedure is part of it")
    #expect(daemon.requests[0]?.id.bytes == request)
  }

  // MARK: Rights

  @Test func everyOperationHearsTheRightOfItsProcedure() async throws {
    try await ask(Admin.GuestStart.self, .init(request: nil, name: "web"))
    try await ask(Admin.LogRead.self, .init(name: "web", cursor: [], tailLines: 1, wait: false))
    try await ask(Admin.HookList.self, XDRVoid())
    try await ask(Admin.DaemonTrace.self, .init(level: "debug"))
    #expect(daemon.callers.map(\.needed) == [.operate, .inspect, .view, .admin])
    #expect(daemon.callers.first?.procedure == Admin.GuestStart.name)
  }

  @Test(arguments: Right.allCases) func rightsAreTheSameOnBothSides(_ right: Right) {
    #expect(Right(RPCRight(right)) == right)
    #expect("\(right)" == "\(RPCRight(right))", "messages say one word")
  }

  @Test func aCallerMayDoWhatItsGrantsCover() throws {
    let web = try GuestName("web-1")
    let db = try GuestName("db")
    var grant = Grant()
    grant.guests = "web-*"
    grant.right = .operate
    let info = try #require(Admin.procedures.first { $0.number == Admin.GuestStart.number })
    let granted = caller(info, Access(base: .view, grants: [grant]))
    try granted.check(web, [])
    let error = #expect(throws: GuestError.self) { try granted.check(db, []) }
    #expect(error?.code == .denied && error?.message.contains("only the right to view") == true)
    let everything = #expect(throws: GuestError.self) { try granted.checkEverything() }
    #expect(everything?.code == .denied)
    try caller(info).checkEverything()
  }

  // MARK: Answers

  @Test func errorsKeepTheirWords() {
    let start = GuestError(.startFailed, "start web: mount", hint: "mount it", errno: 2, step: "mount /proc")
    let answer = RPCErrorBody.answer(to: start, of: "X")
    #expect(answer.body.code == .startFailed && answer.body.hint == "mount it" && !answer.isFault)
    #expect(answer.body.errnoNumber == 2 && answer.body.step == "mount /proc")
    let wire = RPCErrorBody(.limitReached, "too many")
    #expect(RPCErrorBody.answer(to: wire, of: "X").body == wire)
    #expect(RPCErrorBody.answer(to: CancellationError(), of: "X").body.code == .cancelled)
    let fault = RPCErrorBody.answer(to: FakeDaemon.Fault(), of: "X")
    #expect(GuestError(fault.body).code == .internalError && fault.isFault && fault.body.message.hasPrefix("X: "))
  }

  @Test(arguments: GuestError.Code.allCases) func everyCodeReachesTheClient(_ code: GuestError.Code) async throws {
    daemon.failure = GuestError(code, "no")
    let error = try await refusal(Admin.GuestStart.self, .init(request: nil, name: "web"))
    let body = RPCErrorBody.answer(to: try #require(error), of: "X").body
    #expect(GuestError(body) == GuestError(code, "no"))
  }

  @Test func aProcedureThatDoesNotExistHasNoAnswer() async throws {
    let info = RPCProcedureInfo(number: 999, name: "NONE")
    let call = IncomingCall(
      program: Admin.number, version: Admin.version, procedure: info, serial: 1, args: [], descriptors: [])
    let reply = try await program.serve(call, by: caller(info))
    #expect(reply == nil)
  }

  /// Its events follow when the reply is on its way, and not before.
  @Test func aSubscriptionBeginsAfterItsReply() async throws {
    let args = Wire.EventsSubscribeArgs(since: .now, snapshot: true, filter: noFilter, tickMillis: 0)
    let call = try call(Admin.EventsSubscribe.self, try args.xdrEncoded())
    let reply = try await program.serve(call, by: caller(call.procedure))
    #expect(daemon.asked == ["subscribe snapshot"])
    await program.sent(try #require(reply))
    #expect(daemon.asked == ["subscribe snapshot", "activate 42"])
    let other = try await program.serve(try self.call(Admin.HookList.self, []), by: caller(call.procedure))
    await program.sent(try #require(other))
    #expect(daemon.asked.last == "hooks", "no other reply begins one")
  }

  @Test func valuesThatAreUnknownAreAbsentOrZeroAsTheProtocolSays() async throws {
    let shown = try await ask(Admin.GuestShow.self, .init(name: "web"))
    #expect(shown.usage.count == 1 && shown.running == nil && shown.summary.last == nil)
    #expect(shown.summary.initPid == 0 && shown.summary.startedAt == 0 && shown.summary.restartAt == 0)
    let log = try await ask(Admin.LogRead.self, .init(name: "web", cursor: [], tailLines: 0, wait: true))
    #expect(log.lostBytes == 1 && log.next == [2] && !log.end)
    let page = try await ask(Admin.EventsRead.self, .init(since: .sequence(1), filter: noFilter, limit: 0))
    #expect(page.lostFrom == 2 && page.lostTo == 8 && page.events.map(\.sequence) == [9])
  }

  @Test func reportsFitTheBoundsOfTheProtocol() async throws {
    let host = try await ask(Admin.HostInfo.self, XDRVoid())
    #expect(host.hostname.utf8.count == 64 && host.features.count == 64)
    let hooks = try await ask(Admin.HookList.self, XDRVoid())
    #expect(hooks.hooks.first?.spec.filter.causes == [.oom] && hooks.hooks.first?.lastError == "exit 1")
    let status = try await ask(Admin.DaemonStatus.self, XDRVoid())
    #expect(status.storage == "full")
  }

  @Test func eventsGoOutAsTheyAreStored() throws {
    let row = try EventDelivery.row(encoded: [1, 2, 3, 4]).frame(for: 258)
    #expect(row.bytes.suffix(8) == [0, 0, 1, 2, 1, 2, 3, 4])
    let gap = try EventDelivery.gap(2...3).frame(for: 1)
    #expect(gap.bytes.suffix(20) == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3])
  }

  // MARK: The table of programs

  @Test func everyProcedureHasACost() {
    let costs = Dictionary(grouping: Admin.procedures.filter { !$0.isEvent }) { program.cost(of: $0.number) }
    #expect(Set((costs[.waits] ?? []).map(\.number)) == [Admin.GuestWait.number, Admin.LogRead.number])
    #expect(Set((costs[.readsJournal] ?? []).map(\.number)) == [Admin.EventsRead.number, Admin.GuestRuns.number])
  }

  private struct OtherProgram: DoorProgram {
    var served: ServedProgram { ServedProgram(number: 7, version: 1, name: "OTHER", procedures: []) }
    func cost(of procedure: Int32) -> CallCost { .plain }
    func serve(_ call: IncomingCall, by caller: Caller) async throws -> ServedReply? { nil }
    func sent(_ reply: ServedReply) async {}
  }

  /// A second program is one more row.
  @Test func programsAreFoundByNumberAndVersion() {
    let table = ProgramTable([program, OtherProgram()])
    #expect(table[Admin.number, Admin.version]?.served.name == Admin.name)
    #expect(table[7, 1]?.served.name == "OTHER")
    #expect(table[7, 2] == nil && table[8, 1] == nil)
  }

  private final class CountingProgram: DoorProgram {
    let asked = Mutex(0)
    var served: ServedProgram {
      asked.withLock { $0 += 1 }
      return ServedProgram(number: 7, version: 1, name: "OTHER", procedures: [])
    }
    func cost(of procedure: Int32) -> CallCost { .plain }
    func serve(_ call: IncomingCall, by caller: Caller) async throws -> ServedReply? { nil }
    func sent(_ reply: ServedReply) async {}
  }

  /// Programs are looked up several times a call, and for each call that waits: that makes nothing anew.
  @Test func aLookUpAsksNoProgramWhatItServes() {
    let program = CountingProgram()
    let table = ProgramTable([program])
    let before = program.asked.withLock { $0 }
    for _ in 0..<100 { _ = table[7, 1]?.cost(of: 1) }
    #expect(program.asked.withLock { $0 } == before)
    #expect(table.served.map(\.name) == ["OTHER"])
  }
}
