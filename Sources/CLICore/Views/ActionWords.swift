import Guest
import GuestWire
import SpecFile
import WireProtocol

// Lines for people after a guest was started or ended.

extension Context {
  func json(_ summary: Wire.GuestSummary) -> DataValue {
    (try? GuestView(summary).json) ?? .members(["name": .text(summary.name)])
  }

  func started(_ name: String, _ reply: Wire.GuestStartReply) -> Outcome {
    let state = GuestState(reply.guest.state)?.word ?? "running"
    // It may have ended already when the reply was made.
    let text = state == "running" ? "running" : "started, and \(state) by now"
    let pid = reply.guest.initPid > 0 ? ", init \(reply.guest.initPid)" : ""
    return Outcome(line: "\(name): \(text) (run \(reply.guest.runs)\(pid))", json: json(reply.guest))
  }

  func ended(_ name: String, _ reply: Wire.GuestEndedReply, verb: String) -> Outcome {
    guard let wire = reply.ended, let record = try? RunRecord(wire) else {
      return Outcome(line: "\(name): \(verb); its restart was called off", json: json(reply.guest))
    }
    let length = record.ended.knownLength.map { "; it had run for \(TimeText.span(nanoseconds: $0))" } ?? ""
    let how =
      switch record.ended.cause {
      case .stopped(_, .polite, let status): "stopped politely (\(record.ended.manner ?? status?.short ?? "gone"))"
      case .stopped(let actor, .forced, _):
        switch record.ended.forcingOrder?.verb {
        case .kill, .remove: verb == "killed" ? "killed" : "killed by \(actor.description)"
        case .stop, .restart, .shutdown, nil: "stopped by force: it did not go in time"
        }
      case .stopped(_, .cancelled, _): "its start was called off"
      case .exited, .signaled, .oom, .reboot, .halt, .powerOff, .startFailed, .controllerLost, .hostReset, .notKnown:
        record.ended.headline.whileStopping == nil
          ? "had ended by itself: \(record.ended.cause.inWords)" : record.ended.headline.inWords
      }
    return Outcome(line: "\(name): \(how)\(length)", json: json(reply.guest))
  }
}
