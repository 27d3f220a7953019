import Glibc
import Guest
import LinuxSystem
import RPC
import RPCSocket
import SpecFile
import WireProtocol
import XDR

/// What became of one target.
struct Outcome {
  /// For people.
  var line: String
  /// For programs.
  var json: DataValue
  var status = ExitStatus.done
}

/// One action on several guests at once: all calls are sent ahead, results are told in order.
struct Action<Procedure: RPCProcedure> {
  /// For errors: `stop`.
  var verb: String
  var arguments: (String) -> Procedure.Args
  /// What is being waited for, after so many nanoseconds, for the status line: `web: stopping, 3 s`.
  var status: (String, UInt64) -> String
  /// What goes on when nobody waits any longer, and how to follow it.
  var follow: (String) -> String
  var outcome: (String, Procedure.Reply) -> Outcome

  /// So many calls are open at once: less than a connection may have.
  private static var window: Int { min(32, RPCLimits.callsInFlight / 2) }

  /// - Returns: the exit code for all of them.
  func run(on names: [String], in context: Context) throws -> ExitStatus {
    let client = try context.client(for: Procedure.self)
    // From here on Ctrl-C ends the waiting, not the program.
    let signals = try? SignalFD([SIGINT])
    client.interrupts = signals.map { [$0.rawValue] } ?? []
    defer {
      client.interrupts = []
      if signals != nil { try? Signals.unblock([SIGINT]) }
    }
    let begin = Clock.bootNanoseconds
    var results: [ExitStatus] = []
    var documents: [DataValue] = []
    var tickets: [Result<BlockingClient.Ticket<Procedure>, RPCCallError>] = []
    for (index, name) in names.enumerated() {
      while tickets.count < min(index + Self.window, names.count) {
        tickets.append(send(names[tickets.count], client))
      }
      do throws(RPCCallError) {
        let ticket = try tickets[index].get()
        guard
          let reply = try wait(
            for: ticket, name, others: names.count - index - 1, client, context, since: begin, signals)
        else {
          context.console.clearStatus()
          for name in names[index...] {
            context.console.errorLine("lodge: no longer waiting for \(name); \(follow(name))")
          }
          return .interrupted
        }
        context.console.clearStatus()
        let outcome = outcome(name, reply)
        results.append(outcome.status)
        documents.append(outcome.json)
        context.tell(outcome.line)
        if index + 1 < names.count { context.console.flush() }
      } catch {
        let failure = Failure(error, "\(verb) \(Visible.text(name, limit: 80))")
        results.append(failure.status)
        context.report(failure)
        if case .connectionClosed = error { break }
      }
    }
    if context.format.isForPrograms { context.write(documents, as: "guests") }
    return .combined(results)
  }

  private func send(
    _ name: String, _ client: BlockingClient
  ) -> Result<BlockingClient.Ticket<Procedure>, RPCCallError> {
    do throws(RPCCallError) {
      return .success(try client.send(Procedure.self, arguments(name)))
    } catch {
      return .failure(error)
    }
  }

  /// Nil after Ctrl-C.
  private func wait(
    for ticket: BlockingClient.Ticket<Procedure>, _ name: String, others: Int, _ client: BlockingClient,
    _ context: Context, since begin: Int64, _ signals: SignalFD?
  ) throws(RPCCallError) -> Procedure.Reply? {
    let second: UInt64 = 1_000_000_000
    // Nothing is said about what takes less than half a second.
    var patience = second / 2
    while true {
      if let reply = try client.receive(ticket, within: patience) { return reply }
      if (try? signals?.next()) != nil { return nil }
      patience = second
      let text = status(name, UInt64(max(0, Clock.bootNanoseconds - begin)))
      context.console.status(others > 0 ? "\(text) (and \(others) more)" : text)
    }
  }
}

extension Context {
  /// Results for programs: in JSON and YAML an object with the version of the format.
  func write(_ documents: [DataValue], as name: String) {
    let object = DataValue.object([
      .init("schemaVersion", .integer(outputSchemaVersion)), .init(name, .list(documents)),
    ])
    switch format {
    case .json: console.line(object.indentedJSON)
    case .jsonl: for document in documents { console.line(document.json) }
    case .yaml: console.write(object.yaml)
    case .table, .wide, .csv, .name: break
    }
  }

  /// One document for programs.
  func write(_ members: [DataValue.Member]) {
    let object = DataValue.object([.init("schemaVersion", .integer(outputSchemaVersion))] + members)
    switch format {
    case .json: console.line(object.indentedJSON)
    case .jsonl: console.line(object.json)
    case .yaml: console.write(object.yaml)
    case .table, .wide, .csv, .name: break
    }
  }

  /// An id that makes a request safe to send again.
  var newRequest: [UInt8]? { try? Random.uuid() }
}
