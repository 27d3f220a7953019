import Guest

/// The answer to "why is it as it is": what ended, how, who asked, what it used, its last words, and what happens next.
struct WhyParagraph {
  var guest: GuestView
  var now: Timestamp
  /// The run it is about: the one that ended last, unless another was asked for.
  var run: RunRecord?

  var text: String {
    var sentences: [String] = []
    if let present { sentences.append(present) }
    if let run {
      sentences.append(ending(run))
      if let usage = usage(run.ended.usage) { sentences.append(usage) }
    } else if guest.isUp {
      sentences.append("No run of it has ended yet.")
    } else {
      sentences.append("\(guest.name) has never run.")
    }
    if let next { sentences.append(next) }
    var text = sentences.joined(separator: " ")
    if let tail = run?.ended.logTail, !tail.isEmpty {
      text += "\nIts log ended:\n" + tail.map { "    " + Visible.text($0) }.joined(separator: "\n")
    }
    return text
  }

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
    let when = "\(TimeText.ago(ended.endedAt, now: now)) (\(TimeText.dateAndClock(ended.endedAt)) UTC)"
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
    return "\(subject) ended \(when)\(length): \(ended.cause.sentence). It was started by \(starter)."
  }

  private func usage(_ usage: RunUsage) -> String? {
    var parts: [String] = []
    if usage.memoryPeakBytes > 0 {
      let limit = usage.memoryLimitBytes > 0 ? " of its \(Quantities.size(usage.memoryLimitBytes))" : ""
      parts.append("used at most \(SizeText.approximate(usage.memoryPeakBytes))\(limit) of memory")
      if usage.memoryLimitBytes == 0 { parts[0] += ", without a limit," }
    }
    if usage.cpuMicros > 0 { parts.append("took \(TimeText.span(nanoseconds: usage.cpuMicros &* 1000)) of CPU time") }
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
          ? "It stays stopped until somebody starts it\(guest.autostart ? ", or the host boots" : "")."
          : "It stays stopped: \(Visible.text(guest.note)).")
    }
    if !guest.stuckTasks.isEmpty {
      parts.append("Tasks that a kill has not ended: \(Visible.text(guest.stuckTasks)).")
    }
    if guest.degraded { parts.append("Its controller does not answer; lodge kill works all the same.") }
    return parts.isEmpty ? nil : parts.joined(separator: " ")
  }
}
