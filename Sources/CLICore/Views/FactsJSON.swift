import Guest
import SpecFile

// The facts of an end for programs. What is not known is null.

extension EndFacts {
  var json: DataValue {
    .members([
      "recorded": .bool(areRecorded),
      "initExecuted": initExecuted.json,
      "status": .optional(status?.json),
      "startFailure": .optional(startFailure?.json),
      "reboots": .list(reboots.map { .text($0.word) }),
      "rebootWatched": .bool(rebootWatched),
      "memory": .optional(memory?.json),
      "orders": .list(orders.kept.map(\.json)),
      "ordersOmitted": .unsigned(UInt64(orders.omitted)),
      "fence": .optional(fence?.json),
      "startBoot": .optional(startBoot.map { .text($0.description) }),
      "endBoot": .optional(endBoot.map { .text($0.description) }),
      "endSeen": .bool(endSeen),
    ])
  }
}

extension Known {
  var json: DataValue {
    switch self {
    case .yes: .bool(true)
    case .no: .bool(false)
    case .notKnown: .null
    }
  }
}

extension WaitStatus {
  var members: [DataValue.Member] {
    switch self {
    case .exited(let code): [.init("code", .integer(Int64(code)))]
    case .signaled(let signal, let coreDumped):
      [
        .init("signal", .integer(Int64(signal))), .init("signalName", .text(SignalName.name(signal))),
        .init("coreDumped", .bool(coreDumped)),
      ]
    }
  }
}

extension InitStatus {
  var json: DataValue {
    let word =
      switch witness {
      case .reaped: "reaped"
      case .zombie: "zombie"
      }
    return .object(value.members + [.init("witness", .text(word))])
  }
}

extension StartFailure {
  var json: DataValue {
    .members([
      "step": .text(step), "errno": errno == 0 ? .null : .integer(Int64(errno)), "message": .text(message),
    ])
  }
}

extension RebootCommand {
  var word: String {
    switch self {
    case .restart: "restart"
    case .halt: "halt"
    case .powerOff: "powerOff"
    }
  }
}

extension MemoryKills {
  var json: DataValue {
    let word: String? =
      switch witness {
      case .kernelLog: "kernelLog"
      case .counter: "counter"
      case .status: "status"
      case nil: nil
      }
    return .members([
      "kills": .unsigned(UInt64(kills)),
      "initKilled": initKilled.json,
      "witness": .optional(word.map { .text($0) }),
      "lastKillBeforeEnd": .optional(lastKillBeforeEndMillis.map { .decimal(Double($0) / 1000) }),
      "limit": kills == 0 ? .null : .text(limit.word),
      "limitBytes": .optional(limitBytes.map { .unsigned($0) }),
    ])
  }
}

extension EndOrder {
  var json: DataValue {
    .members([
      "number": .unsigned(UInt64(number)),
      "verb": .text(verb.word),
      "by": by.json,
      "at": .time(at),
      "signal": .optional(signal.map { .text(SignalName.name($0)) }),
      "timeout": .optional(timeoutMillis.map { .decimal(Double($0) / 1000) }),
      "noKill": .bool(noKill),
      "signalsSent": .list(signalsSent.map { .text(SignalName.name($0)) }),
      "killSent": .bool(killSent),
      "givenUp": .bool(givenUp),
    ])
  }
}

extension Fence {
  var json: DataValue {
    switch self {
    case .controllerDied: .members(["reason": .text("controllerDied")])
    case .orderOverdue(let number):
      .members(["reason": .text("orderOverdue"), "order": .unsigned(UInt64(number))])
    case .launchOverdue: .members(["reason": .text("launchOverdue")])
    case .controllerUnreachable: .members(["reason": .text("controllerUnreachable")])
    case .recordUnreadable: .members(["reason": .text("recordUnreadable")])
    case .nothingFound: .members(["reason": .text("nothingFound")])
    }
  }
}
