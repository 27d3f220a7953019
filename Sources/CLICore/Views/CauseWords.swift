import Guest

// Whole sentences about ends and doers, for `why`, `events` and the replies of `stop`. The words of a table's column
// are `EndCause.inWords`.

extension ExitRecord {
  /// The order whose force ended it.
  var forcingOrder: EndOrder? { facts.orders.kept.first(where: \.killSent) }

  /// How a guest went that shut itself down because it was asked to.
  var manner: String? {
    switch facts.reboots.first(where: { $0 != .restart }) {
    case .halt: "halted"
    case .powerOff: "powered off"
    case .restart, nil: nil
    }
  }

  /// The end, with the guest as "it": `its init exited with code 3`.
  var sentence: String {
    guard let order = headline.whileStopping else { return causeSentence }
    return "\(causeSentence), while it was being stopped (\(order.verb.word) by \(order.by.description))"
  }

  private var causeSentence: String {
    switch cause {
    case .exited(let code): "its init exited with code \(code)"
    case .signaled(let signal, let coreDumped):
      "its init was ended by \(SignalName.name(signal)), which was not sent by Lodge"
        + (coreDumped ? ", and dumped core" : "")
    case .oom(let oom): oom.sentence
    case .reboot: "it asked for a reboot"
    case .halt: "it halted"
    case .powerOff: "it powered itself off"
    case .stopped(let actor, .polite, let status):
      "\(actor.description) stopped it, and it went politely"
        + (manner.map { ": it \($0)" } ?? status.map { ", \($0.phrase)" } ?? "")
    case .stopped(let actor, .forced, _):
      switch forcingOrder?.verb {
      case .kill: "\(actor.description) killed it"
      case .remove: "\(actor.description) removed it, and had it killed for that"
      case .stop, .restart, .shutdown, nil: "\(actor.description) stopped it, by force (SIGKILL)"
      }
    case .stopped(let actor, .cancelled, _): "\(actor.description) called it off before its init ran"
    case .startFailed(let failure): "it could not be started: \(Visible.text(failure.message, limit: 500))"
    case .controllerLost:
      "\(lossSentence), so what was left of the guest was killed; how it would have ended is not known"
    case .hostReset: "the host went down while it ran"
    case .notKnown: "\(lossSentence); how its init ended is not known"
    }
  }

  /// Why there is no word of its controller.
  private var lossSentence: String {
    switch facts.fence {
    case .controllerDied, nil: "its controller died and left no record"
    case .orderOverdue(let number):
      "its controller did not carry out order \(number) in time, and it was killed without it"
    case .launchOverdue: "its controller did not answer the launch in time"
    case .controllerUnreachable: "its run directory was gone, and its controller could not be reached"
    case .recordUnreadable: "its controller left a record of the end that is damaged"
    case .nothingFound: "neither its controller nor a record of its end was found"
    }
  }

  private var lossDetails: String {
    switch facts.fence {
    case .controllerDied, nil: "its controller died"
    case .orderOverdue, .launchOverdue: "its controller did not answer"
    case .controllerUnreachable: "its controller could not be reached"
    case .recordUnreadable: "its exit record is damaged"
    case .nothingFound: "nothing of it was found"
    }
  }

  /// `ended`, or that only its result was seen.
  var endedWord: String { facts.endSeen ? "ended" : "was found to have ended" }

  /// Details for the line of an event, after `kind`.
  var details: String {
    guard let order = headline.whileStopping else { return causeDetails }
    return "\(causeDetails), while stopping (\(order.verb.word) by \(order.by.description))"
  }

  private var causeDetails: String {
    switch cause {
    case .exited(let code): return "exit \(code)"
    case .signaled(let signal, let coreDumped):
      return "\(SignalName.name(signal)), not sent by Lodge\(coreDumped ? ", core dumped" : "")"
    case .oom(let oom): return oom.details
    case .reboot: return "the guest rebooted"
    case .halt: return "the guest halted"
    case .powerOff: return "the guest powered off"
    case .stopped(let actor, let how, let status):
      switch how {
      case .polite:
        return "by \(actor.description), politely" + ((manner ?? status?.short).map { ", \($0)" } ?? "")
      case .forced: return "by \(actor.description), by force"
      case .cancelled: return "by \(actor.description), before its init ran"
      }
    case .startFailed(let failure): return Visible.text(failure.message, limit: 500)
    case .controllerLost: return "\(lossDetails); what was left of the guest was killed"
    case .hostReset: return "the host went down"
    case .notKnown: return "\(lossDetails); how its init ended is not known"
    }
  }

  /// Further facts, in sentences; nothing where the headline has it all.
  var otherFacts: [String] {
    guard facts.areRecorded else { return ["A former version recorded it, without the facts."] }
    var sentences: [String] = []
    if let memory = facts.memory, memory.kills > 0 {
      let what = memory.kills == 1 ? "one of its processes" : "\(memory.kills) of its processes"
      switch (cause, memory.initKilled) {
      case (.oom, _): break
      case (_, .notKnown):
        sentences.append("During the run the kernel killed \(what) for memory; whether its init was one is not known.")
      case (_, .yes), (_, .no): sentences.append("During the run the kernel killed \(what) for memory.")
      }
    }
    switch (cause, facts.initExecuted) {
    case (.controllerLost, .notKnown), (.notKnown, .notKnown):
      sentences.append("Whether its init was executed is not known.")
    default: break
    }
    if let status = facts.status {
      switch status.witness {
      case .reaped: break
      case .zombie: sentences.append("Its controller did not answer; the kernel showed how its init ended.")
      }
    }
    if facts.orders.count > 1 || facts.orders.kept.contains(where: { $0.givenUp || $0.noKill }) {
      sentences.append("Orders to end it: \(facts.orders.kept.map(\.details).joined(separator: "; ")).")
      if facts.orders.omitted > 0 { sentences.append("\(facts.orders.omitted) more orders are not kept.") }
    }
    return sentences
  }
}

extension EndOrder {
  /// `stop by root (process 812), SIGTERM sent, then SIGKILL`.
  var details: String {
    var parts = ["\(verb.word) by \(by.description)"]
    if noKill { parts.append("without force") }
    let sent = signalsSent.map { SignalName.name($0) } + (killSent && !isForce ? ["SIGKILL"] : [])
    if !sent.isEmpty { parts.append("sent \(sent.joined(separator: ", then "))") }
    if givenUp { parts.append("given up") }
    return parts.joined(separator: ", ")
  }
}

extension EndCause {
  var color: Style.Color? {
    isBad ? .red : nil
  }

  /// How a shell would see it, for `run` and `wait`: the guest's own code, 128+n for a signal, and 125 to 127 where
  /// there is no code of the guest's.
  var exitCode: Int32 {
    switch self {
    case .exited(let code): code & 0xFF
    case .signaled(let signal, _): 128 + signal
    case .oom(let oom): oom.status.exitCode
    case .reboot, .halt, .powerOff: 0
    case .stopped(_, .polite, let status): status?.exitCode ?? 0
    case .stopped(_, .forced, let status): status?.exitCode ?? 137
    case .stopped(_, .cancelled, _): 125
    case .startFailed(let failure): failure.exitCode
    case .controllerLost, .hostReset, .notKnown: 125
    }
  }
}

extension StartFailure {
  private static let noSuchFile: Int32 = 2
  private static let notExecutable: Int32 = 8
  private static let denied: Int32 = 13

  /// As shells and container engines have it: 127 for an init that is not there, 126 for one that cannot be executed.
  var exitCode: Int32 {
    guard step.hasPrefix("exec") else { return 125 }
    switch errno {
    case Self.noSuchFile: return 127
    case Self.notExecutable, Self.denied: return 126
    default: return 125
    }
  }
}

extension WaitStatus {
  var exitCode: Int32 {
    switch self {
    case .exited(let code): code & 0xFF
    case .signaled(let signal, _): 128 + signal
    }
  }

  /// `exiting with code 0`.
  var phrase: String {
    switch self {
    case .exited(let code): "exiting with code \(code)"
    case .signaled(let signal, _): "ended by \(SignalName.name(signal))"
    }
  }

  /// `exit 0`.
  var short: String {
    switch self {
    case .exited(let code): "exit \(code)"
    case .signaled(let signal, _): SignalName.name(signal)
    }
  }
}

extension OutOfMemory {
  var sentence: String {
    let reason =
      switch limit {
      case .own: "it had reached its own limit\(limitBytes == 0 ? "" : " of \(Quantities.size(limitBytes))")"
      case .parent: "a limit above the guest was reached"
      case .host: "the host had none left"
      }
    switch victim {
    case .initProcess: return "the kernel killed its init to get memory back: \(reason)"
    case .child:
      let what = kills == 1 ? "one of its processes" : "\(kills) of its processes"
      return "the kernel killed \(what) to get memory back (\(reason)), then its init ended: \(status.short)"
    }
  }

  var details: String {
    let reason =
      switch limit {
      case .own: limitBytes == 0 ? "own limit" : "memory limit \(Quantities.size(limitBytes)) reached (own limit)"
      case .parent: "a limit above the guest reached"
      case .host: "host out of memory"
      }
    switch victim {
    case .initProcess: return "init killed, \(reason)"
    case .child: return "a child killed, \(reason); init: \(status.short)"
    }
  }
}

extension Actor {
  /// `root (process 812)`, `uid 1000 (process 33)`, `the guest itself`, `its restart policy`, `the daemon`.
  var description: String {
    switch self {
    case .guest: "the guest itself"
    case .user(let uid, let pid):
      (uid == 0 ? "root" : "uid \(uid)") + (pid > 0 ? " (process \(pid))" : "")
    case .policy: "its policy"
    case .daemon: "the daemon"
    }
  }
}
