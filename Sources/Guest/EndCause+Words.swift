/// The words of ends: screens, filters, JSON, hooks and messages take them from here and from nowhere else.
extension EndCause {
  /// The kind in one word, stable: `cause.kind` of the JSON output, and a word of the filter `cause=`.
  public var kind: String {
    switch self {
    case .exited: "exited"
    case .signaled: "signaled"
    case .oom: "oom"
    case .reboot: "reboot"
    case .halt: "halt"
    case .powerOff: "powerOff"
    case .stopped: "stopped"
    case .startFailed: "startFailed"
    case .controllerLost: "controllerLost"
    case .hostReset: "hostReset"
    case .notKnown: "notKnown"
    }
  }

  /// All that `kind` can be, in the order of the protocol's numbers.
  public static let kinds = [
    "exited", "signaled", "oom", "reboot", "halt", "powerOff", "stopped", "startFailed", "controllerLost", "hostReset",
    "notKnown",
  ]

  /// The word that `inWords` begins with where it is not the kind itself; a word of the filter `cause=` too.
  public var group: String? {
    switch self {
    case .exited(let code): code == 0 ? "clean" : "failed"
    case .signaled: "killed"
    case .reboot, .halt, .powerOff: "clean"
    case .stopped(_, let how, _):
      switch how {
      case .forced: "killed"
      case .polite, .cancelled: nil
      }
    case .oom, .startFailed, .controllerLost, .hostReset, .notKnown: nil
    }
  }

  /// All that `group` can be, each with the kinds that can have it.
  public static let groups = [
    (word: "clean", kinds: ["exited", "reboot", "halt", "powerOff"]), (word: "failed", kinds: ["exited"]),
    (word: "killed", kinds: ["signaled", "stopped"]),
  ]

  /// A few words for a person, for a table's column or a pair of brackets.
  public var inWords: String {
    switch self {
    case .exited(0): return "clean: exit 0"
    case .exited(let code): return "failed: exit \(code)"
    case .signaled(let signal, let core): return "killed: \(SignalName.name(signal))\(core ? ", core dumped" : "")"
    case .oom(let oom):
      let victim = oom.victim.suffix
      switch oom.limit {
      case .own: return "oom\(victim) (limit \(Self.size(oom.limitBytes)))"
      case .parent: return "oom\(victim) (a limit above the guest)"
      case .host: return "oom\(victim) (host out of memory)"
      }
    case .reboot: return "clean: guest reboot"
    case .halt: return "clean: guest halt"
    case .powerOff: return "clean: guest power off"
    case .stopped(let actor, .polite, _): return "stopped by \(actor.inWords)"
    case .stopped(let actor, .forced, _): return "killed by \(actor.inWords)"
    case .stopped(let actor, .cancelled, _): return "start cancelled by \(actor.inWords)"
    case .startFailed(let failure): return "start failed: \(failure.step)"
    case .controllerLost: return "controller lost"
    case .hostReset: return "host went down"
    case .notKnown: return "ended: how is not known"
    }
  }

  /// `512M`: whole binary units where they divide, as a spec file takes them.
  static func size(_ bytes: UInt64) -> String {
    for (unit, name) in [(UInt64(1) << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")]
    where bytes >= unit && bytes % unit == 0 {
      return "\(bytes / unit)\(name)"
    }
    return "\(bytes)"
  }
}

extension Actor {
  /// `uid 1000`, `guest`, `policy` or `daemon`.
  public var inWords: String {
    switch self {
    case .guest: "guest"
    case .user(let uid, _): uid == 0 ? "root" : "uid \(uid)"
    case .policy: "policy"
    case .daemon: "daemon"
    }
  }
}

extension EndHeadline {
  /// The cause in a few words, and that something else happened while it was being stopped.
  public var inWords: String {
    guard let order = whileStopping else { return cause.inWords }
    return "\(cause.inWords), while stopping (\(order.verb.word) by \(order.by.inWords))"
  }
}

extension OutOfMemory.Victim {
  fileprivate var suffix: String {
    switch self {
    case .initProcess: ""
    case .child: " in a child"
    }
  }
}

extension GuestState {
  /// As the journal, JSON and screens have it.
  public var word: String {
    switch self {
    case .stopped: "stopped"
    case .starting: "starting"
    case .running: "running"
    case .stopping: "stopping"
    case .waiting: "waiting"
    }
  }
}

extension EndOrder.Verb {
  /// As the journal, JSON and screens have it.
  public var word: String {
    switch self {
    case .stop: "stop"
    case .kill: "kill"
    case .remove: "remove"
    case .restart: "restart"
    case .shutdown: "shutdown"
    }
  }
}

extension GuestEvent.Notice {
  /// As JSON and hooks have it.
  public var word: String {
    switch self {
    case .restartsGivenUp: "restartsGivenUp"
    case .controllerSilent: "controllerSilent"
    case .controllerAnswers: "controllerAnswers"
    case .tasksStuck: "tasksStuck"
    }
  }
}
