import Guest
import SpecFile

// The objects that programs read from `-o json`, `jsonl` and `yaml`. Sizes in bytes, durations in seconds, times in RFC 3339 UTC.
// Golden files in the tests guard the names: within a schema version a field comes and never goes.

extension GuestView {
  var json: DataValue {
    .members([
      "name": .text(name.value),
      "state": .text(state.word),
      "run": .optional(run.map { .text($0.description) }),
      "runs": .unsigned(UInt64(runs)),
      "restarts": .unsigned(UInt64(restarts)),
      "startedAt": .time(startedAt),
      "uptime": isUp ? .seconds(nanoseconds: upNanos) : .null,
      "initPid": initPID > 0 ? .integer(Int64(initPID)) : .null,
      "last": .optional(last?.json),
      "restart": .optional(
        restart.map { restart in
          .members([
            "at": .time(restart.at),
            "in": .decimal(Double(restart.inMillis) / 1000),
            "attempt": .unsigned(UInt64(restart.attempt)),
            "limit": restart.limit == 0 ? .null : .unsigned(UInt64(restart.limit)),
          ])
        }),
      "autostart": .bool(autostart),
      "degraded": .bool(degraded),
      "stuckTasks": stuckTasks.isEmpty ? .null : .text(stuckTasks),
      "note": note.isEmpty ? .null : .text(note),
      "labels": .labels(labels),
    ])
  }
}

extension GuestDetails {
  /// - Parameter style: of the spec within it; everything else is plain numbers.
  var json: DataValue {
    guard case .object(let members) = guest.json else { preconditionFailure("a guest is an object") }
    let more = DataValue.members([
      "createdAt": .time(createdAt),
      "memory": .optional(usage.memoryBytes.map { .unsigned($0) }),
      "memoryPeak": .optional(usage.memoryPeakBytes.map { .unsigned($0) }),
      "cpuTime": .optional(usage.cpuMicros.map { .decimal(Double($0) / 1_000_000) }),
      "tasks": .optional(usage.tasks.map { .unsigned($0) }),
      "cgroup": cgroup.isEmpty ? .null : .text(cgroup),
      "runDirectory": .text(runDirectory),
      "logPath": .text(logPath),
      "specPending": .bool(isSpecPending),
      "spec": GuestSpecFile.value(defined),
      "running": .optional(running.map { GuestSpecFile.value($0) }),
    ])
    guard case .object(let others) = more else { preconditionFailure("members make an object") }
    return .object(members + others)
  }
}

extension RunRecord {
  var json: DataValue {
    .members([
      "guest": .text(ended.guest.value),
      "number": .unsigned(UInt64(number)),
      "run": .text(ended.run.description),
      "startedAt": .time(ended.startedAt),
      "endedAt": .time(ended.endedAt),
      "length": ended.lengthJSON,
      "startedBy": startedBy.json,
      "cause": ended.cause.json,
      "bad": .bool(ended.headline.isBad),
      "whileStopping": .optional(ended.headline.whileStopping?.json),
      "facts": ended.facts.json,
      "usage": ended.usage.json,
      "logTail": .list(ended.logTail.map { .text($0) }),
    ])
  }
}

extension ExitRecord {
  /// How long it ran; nil where that is not known: init was never executed, or the run was found to have ended before.
  var knownLength: UInt64? { startedAt == nil || isLengthLost ? nil : lengthNanos }

  var lengthJSON: DataValue { isLengthLost ? .null : .seconds(nanoseconds: lengthNanos) }

  /// A record of a former version has no such fact, and no length where the host went down.
  private var isLengthLost: Bool { !facts.endSeen || cause == .hostReset && lengthNanos == 0 }
}

extension RunUsage {
  var json: DataValue {
    .members([
      "memoryPeak": .optional(memoryPeakBytes.map { .unsigned($0) }),
      "memoryLimit": .optional(memoryLimitBytes.map { .unsigned($0) }),
      "cpuTime": .optional(cpuMicros.map { .decimal(Double($0) / 1_000_000) }),
    ])
  }
}

extension EndCause {
  var json: DataValue {
    var members: [DataValue.Member] = [.init("kind", .text(kind))]
    func add(_ name: String, _ value: DataValue) { members.append(.init(name, value)) }
    func add(_ status: WaitStatus?) {
      switch status {
      case .exited(let code): add("code", .integer(Int64(code)))
      case .signaled(let signal, let coreDumped):
        add("signal", .integer(Int64(signal)))
        add("signalName", .text(SignalName.name(signal)))
        add("coreDumped", .bool(coreDumped))
      case nil: break
      }
    }
    switch self {
    case .exited(let code): add(.exited(code))
    case .signaled(let signal, let coreDumped): add(.signaled(signal, coreDumped: coreDumped))
    case .oom(let oom):
      add("victim", .text(oom.victim.word))
      add("limit", .text(oom.limit.word))
      add("limitBytes", oom.limitBytes == 0 ? .null : .unsigned(oom.limitBytes))
      add("kills", .unsigned(UInt64(oom.kills)))
      add(oom.status)
    case .reboot, .halt, .powerOff, .controllerLost, .hostReset, .notKnown: break
    case .stopped(let actor, let how, let status):
      add("by", actor.json)
      add("how", .text(how.word))
      add(status)
    case .startFailed(let failure):
      add("step", .text(failure.step))
      add("errno", failure.errno == 0 ? .null : .integer(Int64(failure.errno)))
      add("message", .text(failure.message))
    }
    return .object(members)
  }
}

extension OutOfMemory.Victim {
  var word: String {
    switch self {
    case .initProcess: "init"
    case .child: "child"
    }
  }
}

extension OutOfMemory.Limit {
  var word: String {
    switch self {
    case .own: "own"
    case .parent: "parent"
    case .host: "host"
    }
  }
}

extension StopMethod {
  var word: String {
    switch self {
    case .polite: "polite"
    case .forced: "forced"
    case .cancelled: "cancelled"
    }
  }
}

extension Actor {
  var json: DataValue {
    switch self {
    case .guest: .members(["kind": .text("guest")])
    case .user(let uid, let pid):
      .members(["kind": .text("user"), "uid": .unsigned(UInt64(uid)), "pid": .integer(Int64(pid))])
    case .policy: .members(["kind": .text("policy")])
    case .daemon: .members(["kind": .text("daemon")])
    }
  }
}

extension DataValue {
  /// Of an object.
  func member(_ name: String) -> DataValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  static func optional(_ value: DataValue?) -> DataValue { value ?? .null }

  static func time(_ time: Timestamp?) -> DataValue { time.map { .text(TimeText.rfc3339($0)) } ?? .null }

  static func seconds(nanoseconds: UInt64) -> DataValue {
    // Microseconds are as fine as anything here is worth, and read better.
    .decimal(Double(nanoseconds / 1000) / 1_000_000)
  }

  static func labels(_ labels: [Label]) -> DataValue {
    .object(labels.map { Member($0.key, .text($0.value)) })
  }
}
