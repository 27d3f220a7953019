import Guest
import LinuxSystem
import RPC
import RPCSocket
import SpecFile
import WireProtocol
import XDR

/// The result for one target.
struct Outcome {
  /// For people.
  var line: String
  /// For programs.
  var json: DataValue
  var status = ExitStatus.done
}

/// One action on several guests at once: all calls are sent ahead, results are printed in order.
struct Action<Procedure: RPCProcedure> {
  /// For errors: `stop`.
  var verb: String
  var arguments: (String) -> Procedure.Args
  /// The status line after so many nanoseconds: `web: stopping, 3 s`.
  var status: (String, UInt64) -> String
  /// The work that goes on after Ctrl-C, and how to follow it.
  var follow: (String) -> String
  var outcome: (String, Procedure.Reply) -> Outcome
  /// The question after the connection was lost, where it can be asked again: with the guest as it was before the first
  /// question was decided, nil if that is not known because neither was answered.
  var again: ((String, Wire.GuestSummary?) -> Procedure.Args)?
  /// Until when a daemon that has gone is waited for (CLOCK_BOOTTIME); nil where the verb has no limit of its own.
  var deadline: Int64?
  /// The request has an id: after the connection was lost the very same is sent again, and answered by what was decided
  /// the first time.
  var isIdempotent = false
  /// How long to wait, nanoseconds; what was asked for goes on after it.
  var timeout: UInt64?
  /// A refusal with `wrongState` is no failure of a guest that is in one of these states already.
  var isDone: Set<GuestState> = []
  /// After the verb, for the note: `already stopped`.
  var doneWords = ""

  /// - Returns: the exit code for all of them.
  func run(on chosen: Chosen, in context: Context) throws -> ExitStatus {
    if let note = chosen.nothing(to: verb) {
      context.tell(note)
      if context.format.isForPrograms { try context.write([], as: "guests") }
      return .done
    }
    return try run(on: chosen.names, in: context)
  }

  func run(on names: [String], in context: Context) throws -> ExitStatus {
    try context.catchingInterrupts {
      let run = ActionRun(self, names, context, try context.client(for: Procedure.self))
      let status = try run.carryOut()
      if context.format.isForPrograms { try context.write(run.documents, as: "guests") }
      return status
    }
  }
}

/// An action under way.
private final class ActionRun<Procedure: RPCProcedure> {
  /// So many calls are open at once: less than a connection may have.
  private var window: Int { min(32, RPCLimits.callsInFlight / (action.again == nil ? 2 : 4)) }
  private static var second: UInt64 { 1_000_000_000 }

  private let action: Action<Procedure>
  private let names: [String]
  private let context: Context
  private var client: BlockingClient
  private let begin = Clock.bootNanoseconds
  /// Of the first names; those of the others are not asked yet.
  private var tickets: [Result<BlockingClient.Ticket<Procedure>, RPCCallError>] = []
  /// The requests as they were made, for the same indexes.
  private var asked: [Procedure.Args] = []
  /// Replies that had come, by index, when the connection they came over was lost.
  private var saved: [Int: Procedure.Reply] = [:]
  /// Looks at the guests, each sent right before the question: requests of a connection are decided in their order, so
  /// what a look shows was so before the question was decided.
  private var looks: [Int: BlockingClient.Ticket<Admin.GuestList>] = [:]
  private var seen: [Int: Wire.GuestSummary] = [:]
  private var isAskingAgain = false
  private var results: [ExitStatus] = []
  private(set) var documents: [DataValue] = []

  init(_ action: Action<Procedure>, _ names: [String], _ context: Context, _ client: BlockingClient) {
    self.action = action
    self.names = names
    self.context = context
    self.client = client
  }

  func carryOut() throws(Failure) -> ExitStatus {
    var index = 0
    while index < names.count {
      ask(through: min(index + window, names.count))
      do throws(RPCCallError) {
        guard let reply = try reply(to: index) else {
          giveUp(from: index)
          return isLate ? .timedOut : .interrupted
        }
        tell(action.outcome(names[index], reply), of: names[index], isLast: index + 1 == names.count)
      } catch {
        context.console.clearStatus()
        if case .connectionClosed = error {
          if try reconnect(at: index) { continue }
          // All that is still open is lost with it, and reported once.
          context.report(Failure(error, "\(action.verb) \(names[index...].joined(separator: ", "))"))
          results.append(.unreachable)
          break
        }
        let failure = Failure(error, "\(action.verb) \(names[index])")
        if let done = try done(names[index], failure) {
          tell(done, of: names[index], isLast: index + 1 == names.count)
        } else {
          results.append(failure.status)
          context.report(failure)
        }
      }
      index += 1
    }
    return .combined(results)
  }

  private func ask(through end: Int) {
    while tickets.count < end {
      let name = names[tickets.count]
      let index = tickets.count
      // Made once for each guest: another time it would be another request.
      if index == asked.count { asked.append(action.arguments(name)) }
      let arguments = isAskingAgain ? action.again?(name, seen[index]) ?? asked[index] : asked[index]
      do throws(RPCCallError) {
        if action.again != nil, seen[index] == nil {
          looks[index] = try client.send(Admin.GuestList.self, .init(after: "", pattern: name, labels: [], limit: 1))
        }
        tickets.append(.success(try client.send(Procedure.self, arguments)))
      } catch {
        tickets.append(.failure(error))
      }
    }
  }

  /// Nil after Ctrl-C, and when the time is up.
  private func reply(to index: Int) throws(RPCCallError) -> Procedure.Reply? {
    if let reply = saved[index] { return reply }
    let ticket = try tickets[index].get()
    let others = names.count - index - 1
    // Nothing is said about what takes less than half a second.
    var patience = Self.second / 2
    while true {
      let left = action.timeout.map { $0 > elapsed ? $0 - elapsed : 0 } ?? .max
      if let reply = try client.receive(ticket, within: min(patience, left)) {
        takeLook(index)
        return reply
      }
      if context.wasInterrupted || isLate { return nil }
      patience = Self.second
      let text = action.status(names[index], elapsed)
      context.console.status(others > 0 ? "\(text) (and \(others) more)" : text)
    }
  }

  private func takeLook(_ index: Int) {
    guard let look = looks[index], let reply = try? client.receive(look, within: 0) else { return }
    looks[index] = nil
    if seen[index] == nil { seen[index] = reply.guests.first { $0.name == names[index] } }
  }

  /// The outcome for a guest that is already in the state that was asked for.
  private func done(_ name: String, _ failure: Failure) throws(Failure) -> Outcome? {
    guard !action.isDone.isEmpty, failure.code == GuestError.Code.wrongState.word,
      let details = try? context.call(Admin.GuestShow.self, .init(name: name), "\(action.verb) \(name)"),
      let guest = try? context.view(details.summary), action.isDone.contains(guest.state)
    else { return nil }
    let end = guest.last.map { record in
      " (\(record.ended.cause.inWords), \(TimeText.ago(record.ended.endedAt, now: context.now)))"
    }
    return Outcome(line: "\(name): \(action.doneWords)\(guest.isUp ? "" : end ?? "")", json: guest.json)
  }

  private func tell(_ outcome: Outcome, of name: String, isLast: Bool) {
    context.console.clearStatus()
    results.append(outcome.status)
    documents.append(outcome.json)
    if context.format == .name {
      context.console.line(name)
    } else {
      context.tell(outcome.line)
    }
    if !isLast { context.console.flush() }
  }

  private var elapsed: UInt64 { UInt64(max(0, Clock.bootNanoseconds - begin)) }

  private var isLate: Bool { action.timeout.map { elapsed >= $0 } ?? false }

  private func giveUp(from index: Int) {
    context.console.clearStatus()
    for name in names[index...] {
      context.console.errorLine("lodge: no longer waiting for \(name); \(action.follow(name))")
    }
  }

  /// For an order that is under way: a daemon that is restarted or upgraded is back sooner.
  private static var daemonPatience: Int64 { 60 * 1_000_000_000 }

  /// False where the question cannot be asked again.
  private func reconnect(at index: Int) throws(Failure) -> Bool {
    guard action.isIdempotent || action.again != nil else { return false }
    for (index, ticket) in tickets.enumerated().dropFirst(index) {
      takeLook(index)
      if let ticket = try? ticket.get(), let reply = try? client.receive(ticket, within: 0) { saved[index] = reply }
    }
    let deadline = action.isIdempotent ? Clock.bootNanoseconds + Self.daemonPatience : action.deadline
    do throws(Failure) {
      try context.awaitDaemon(for: Procedure.self, "\(action.verb) \(names[index])", deadline: deadline)
    } catch {
      guard error.status == .unreachable, let end = action.deadline, Clock.bootNanoseconds >= end else { throw error }
      throw Failure(
        .timedOut, code: GuestError.Code.timedOut.word,
        "\(action.verb) \(names[index]): the time is up, and the daemon has not come back",
        hint: "\(action.follow(names[index])) goes on")
    }
    client = try context.client(for: Procedure.self)
    tickets.removeSubrange(index...)
    looks = [:]
    isAskingAgain = true
    return true
  }
}

extension Context {
  /// Rows in the format that was asked for.
  func show<Row>(
    _ listing: Listing<Row>, _ rows: [Row], extra: [DataValue.Member] = [], whenEmpty: String = ""
  ) throws(Failure) {
    if let template { return console.write(try listing.text(rows, template: template)) }
    console.write(
      listing.text(
        rows, format: options.quiet ? .name : format, screen: screen, extra: extra, whenEmpty: whenEmpty))
  }

  /// Results for programs: in JSON and YAML an object with the version of the format.
  func write(_ documents: [DataValue], as name: String) throws(Failure) {
    let object = DataValue.object([
      .init("schemaVersion", .integer(outputSchemaVersion)), .init(name, .list(documents)),
    ])
    switch format {
    case .json: console.line(object.indentedJSON)
    case .jsonl: for document in documents { try line(document) }
    case .yaml: console.write(object.yaml)
    case .table, .wide, .csv, .name: break
    }
  }

  /// One document for programs.
  func write(_ members: [DataValue.Member]) throws(Failure) {
    let object = DataValue.object([.init("schemaVersion", .integer(outputSchemaVersion))] + members)
    switch format {
    case .json: console.line(object.indentedJSON)
    case .jsonl: try line(.object(members))
    case .yaml: console.write(object.yaml)
    case .table, .wide, .csv, .name: break
    }
  }

  /// An id that makes a request safe to send again.
  var newRequest: [UInt8]? { try? Random.uuid() }
}
