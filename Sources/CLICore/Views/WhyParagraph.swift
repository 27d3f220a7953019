import Guest

/// The answer to "why is it as it is": what ended, how, who asked, what it used, its last words, what happens next, and
/// what can be done about it.
struct WhyParagraph {
  var guest: GuestView
  var now: Timestamp
  /// The run it is about: the one that ended last, unless another was asked for.
  var run: RunRecord?
  var zone = Zone.utc

  /// As one text without line ends of its own, but for the log: for programs, and before it is wrapped.
  var text: String { ([prose] + log.map { "    " + $0 } + advice).joined(separator: "\n") }

  /// For people: wrapped, with the log's lines cut off at the edge and the advice at the end.
  func text(_ screen: Screen) -> String {
    var lines = [screen.wrapped(prose)]
    lines += log.map { screen.line("    " + $0) }
    lines += advice.map { screen.wrapped($0) }
    return lines.joined(separator: "\n")
  }

  private var prose: String {
    var sentences: [String] = []
    if let present { sentences.append(present) }
    if let run {
      sentences.append(ending(run))
      sentences += run.ended.otherFacts
      if let usage = usage(run.ended.usage) { sentences.append(usage) }
    } else if guest.isUp {
      sentences.append("No run of it has ended yet.")
    } else {
      sentences.append("\(guest.name) has never run.")
    }
    if let next { sentences.append(next) }
    if let tail = run?.ended.logTail, !tail.isEmpty { sentences.append("The last lines of its log:") }
    return sentences.joined(separator: " ")
  }

  private var log: [String] { (run?.ended.logTail ?? []).map { Visible.text($0) } }

  private var advice: [String] { Advice.lines(guest: guest, run: run) }

  private var present: String? {
    switch guest.state {
    case .running:
      "\(guest.name) is running, for \(TimeText.span(nanoseconds: guest.upNanos)) now (run \(guest.runs))."
    case .starting: "\(guest.name) is starting (run \(guest.runs))."
    case .stopping: "\(guest.name) is stopping (run \(guest.runs))."
    case .stopped, .waiting: nil
    }
  }

  private func ending(_ record: RunRecord) -> String {
    let ended = record.ended
    let when = "\(TimeText.ago(ended.endedAt, now: now)) (\(TimeText.moment(ended.endedAt, zone)))"
    let starter =
      switch record.startedBy {
      case .user: "\(record.startedBy.description)"
      case .policy: "its policy"
      case .daemon, .guest: "the daemon"
      }
    let subject = guest.isUp ? "The run before, run \(record.number)," : "Run \(record.number) of \(guest.name)"
    if case .startFailed(let failure) = ended.cause {
      return
        "\(subject) failed to start \(when): \(Visible.text(failure.message, limit: 500)). It was started by \(starter)."
    }
    let length = ended.knownLength.map { " after \(TimeText.span(nanoseconds: $0))" } ?? ""
    return "\(subject) \(ended.endedWord) \(when)\(length): \(ended.sentence). It was started by \(starter)."
  }

  private func usage(_ usage: RunUsage) -> String? {
    var parts: [String] = []
    if let peak = usage.memoryPeakBytes {
      let bound =
        usage.memoryLimitBytes.map { " of its \(Quantities.size($0)) of memory" } ?? " of memory, without a limit,"
      parts.append("used at most \(SizeText.approximate(peak))\(bound)")
    }
    if let micros = usage.cpuMicros { parts.append("took \(TimeText.span(nanoseconds: micros &* 1000)) of CPU time") }
    return parts.isEmpty ? nil : "It " + parts.joined(separator: " and ") + "."
  }

  private var next: String? {
    var parts: [String] = []
    if let restart = guest.restart {
      parts.append(
        "It starts again in \(TimeText.span(nanoseconds: restart.inMillis &* 1_000_000)) (\(restart.ordinal)).")
    } else if guest.note == GuestView.removed {
      parts.append("It was removed.")
    } else if guest.state == .stopped {
      parts.append(
        guest.note.isEmpty
          ? "It stays stopped until it is started\(guest.autostart ? ", or the host boots" : "")."
          : "It stays stopped: \(Visible.text(guest.note)).")
    }
    if !guest.stuckTasks.isEmpty {
      parts.append("Tasks that a kill has not ended: \(Visible.text(guest.stuckTasks)).")
    }
    if guest.degraded { parts.append("Its controller does not answer; lodge kill works all the same.") }
    return parts.isEmpty ? nil : parts.joined(separator: " ")
  }
}

/// The end of `why`: what can be done, and the command that does it.
enum Advice {
  static func lines(guest: GuestView, run: RunRecord?) -> [String] {
    var lines: [String] = []
    if let run, let text = about(run, of: guest) { lines.append(text) }
    if guest.state == .stopped, guest.note != GuestView.removed, !guest.note.isEmpty {
      lines.append("lodge start \(guest.name) starts it and counts its restarts anew.")
    }
    return lines
  }

  private static func about(_ run: RunRecord, of guest: GuestView) -> String? {
    let name = guest.name
    let log = "lodge logs \(name) --run \(run.number)"
    switch run.ended.cause {
    case .exited(0), .reboot, .halt, .powerOff, .stopped(_, .polite, _), .stopped(_, .cancelled, _): return nil
    case .exited: return "\(log) prints everything it said."
    case .signaled(let signal, _):
      return signal == 9
        ? "Look for what sent the signal on the host (dmesg, the shell's history); \(log) prints what it said."
        : "\(log) prints what it said before."
    case .oom(let oom):
      switch oom.limit {
      case .own:
        return "Give it more with limits.memory in its spec (lodge show \(name) --spec), or look in its log: \(log)."
      case .parent: return "Raise the limit of the group above it, or give the guest a smaller one of its own."
      case .host: return "Give the guests limits.memory, so that one of them cannot take the host's."
      }
    case .stopped(_, .forced, _):
      switch run.ended.forcingOrder?.verb {
      case .kill, .remove: return nil
      case .stop, .restart, .shutdown, nil: break
      }
      return
        "A stop comes to force when init does not end in time. As process 1 it ignores every signal that it has no handler "
        + "for: name the one it knows in stop.signal, or run it below a small init. stop.timeout is how long it is given."
    case .notKnown: return nil
    case .startFailed(let failure):
      if failure.step.hasPrefix("exec"), failure.exitCode == 127 {
        return "Check the command and its interpreter in the guest's tree: lodge show \(name)."
      }
      return "lodge show \(name) has its spec, lodge host what this host can do."
    case .controllerLost: return "The daemon's log knows more: journalctl -u lodged."
    case .hostReset: return nil
    }
  }
}
