import Guest
import SpecFile

/// The type of a value in the output for programs.
indirect enum Shape: Sendable {
  case text
  /// One of these words.
  case words([String])
  case bool
  /// A whole number, 0 or more.
  case count
  /// A whole number that may be negative.
  case integer
  /// A number, 0 or more, with a fraction.
  case number
  /// Seconds, with a fraction.
  case seconds
  /// RFC 3339, in UTC.
  case time
  case uuid
  /// An object of the table, by its name.
  case object(String)
  case list(Shape)
  /// Names and texts of the administrator's own.
  case labels
  /// A guest's spec, as `lodge help spec` lists it.
  case spec
}

/// A member of an object in the output for programs.
struct OutputField: Sendable {
  /// Whether it is there.
  enum Presence: Sendable {
    case always
    /// There, and null where there is no value or it is not known.
    case nullable
    /// Left out where it does not apply.
    case sometimes
    /// Left out where it does not apply, and null where it is not known.
    case sometimesNull
  }

  var name: String
  var shape: Shape
  var presence: Presence
  var meaning: String

  init(_ name: String, _ shape: Shape, _ meaning: String) { self.init(name, shape, .always, meaning) }

  init(_ name: String, _ shape: Shape, _ presence: Presence, _ meaning: String) {
    self.name = name
    self.shape = shape
    self.presence = presence
    self.meaning = meaning
  }
}

/// An object in the output for programs.
struct OutputObject: Sendable {
  var name: String
  var meaning: String
  var fields: [OutputField]

  init(_ name: String, _ meaning: String, _ fields: [OutputField]) {
    self.name = name
    self.meaning = meaning
    self.fields = fields
  }
}

/// The documents that verbs print: with `-o json` and `-o yaml` an object with `schemaVersion` and the results in a list,
/// with `-o jsonl` each result on a line of its own, with `schemaVersion` in front.
struct OutputDocument: Sendable {
  /// `ls`, `daemon status`.
  var verbs: [String]
  /// The member that holds the results; nil where the document is one object itself.
  var list: String?
  /// Of each result; of a stream any of them.
  var objects: [String]
  /// Members beside the list.
  var extra: [OutputField] = []
}

/// Everything that is printed for programs, as one table: `lodge help json`, the JSON Schema files and the tests are
/// made from it. Within a schema version a field comes and never goes, and its meaning stays.
enum OutputSchema {
  static let documents: [OutputDocument] = [
    OutputDocument(
      verbs: ["ls"], list: "guests", objects: ["guest"],
      extra: [OutputField("sequence", .count, "the journal's newest number when the list was true")]),
    OutputDocument(verbs: ["show"], list: "guests", objects: ["guestDetails"]),
    OutputDocument(
      verbs: ["create", "run", "start", "stop", "kill", "restart"], list: "guests", objects: ["guest", "checked"]),
    OutputDocument(verbs: ["rm"], list: "guests", objects: ["removed"]),
    OutputDocument(verbs: ["apply"], list: "guests", objects: ["applied"]),
    OutputDocument(verbs: ["top"], list: "guests", objects: ["consumption"]),
    OutputDocument(verbs: ["why"], list: "guests", objects: ["explained"]),
    OutputDocument(verbs: ["wait"], list: "guests", objects: ["waited"]),
    OutputDocument(verbs: ["runs"], list: "runs", objects: ["run"]),
    OutputDocument(verbs: ["events"], list: "events", objects: ["event", "gap", "snapshot"]),
    OutputDocument(verbs: ["host"], objects: ["host"]),
    OutputDocument(verbs: ["daemon status"], objects: ["daemonStatus"]),
    OutputDocument(verbs: ["daemon clients"], list: "clients", objects: ["client"]),
    OutputDocument(verbs: ["daemon limits"], list: "limits", objects: ["limit"]),
    OutputDocument(verbs: ["on add", "on rm"], list: "hooks", objects: ["hookDone"]),
    OutputDocument(verbs: ["on test"], list: "hooks", objects: ["hookTested"]),
    OutputDocument(verbs: ["on ls"], list: "hooks", objects: ["hook"]),
    OutputDocument(verbs: ["version"], objects: ["version"]),
  ]

  static let objects: [OutputObject] =
    [
      OutputObject("guest", "a guest", guestFields),
      OutputObject("guestDetails", "a guest with everything known of it: a guest's fields, and these", detailFields),
      run, cause, actor, facts, initStatus, startFailure, memoryKills, order, fence, usage, event, gap, snapshot,
    ] + results + host + [error]

  static func object(_ name: String) -> OutputObject? { objects.first { $0.name == name } }

  // MARK: Guests

  static let guestFields = [
    OutputField("name", .text, "its name"),
    OutputField("state", .words(GuestState.allCases.map(\.word)), "waiting: for the time of its restart"),
    OutputField("run", .uuid, .nullable, "the present run"),
    OutputField("runs", .count, "runs so far, the present one included"),
    OutputField("restarts", .count, "restarts by policy since an administrator last started it"),
    OutputField("startedAt", .time, .nullable, "of the present run"),
    OutputField("uptime", .seconds, .nullable, "of the present run"),
    OutputField("initPid", .integer, .nullable, "of the present run, on the host"),
    OutputField("last", .object("run"), .nullable, "the run that ended last"),
    OutputField("restart", .object("restart"), .nullable, "the restart that it waits for"),
    OutputField("autostart", .bool, "whether it starts when the daemon starts after a boot of the host"),
    OutputField("degraded", .bool, "its controller does not answer"),
    OutputField("stuckTasks", .text, .nullable, "tasks that a kill has not ended"),
    OutputField("note", .text, .nullable, "why it stays as it is, for example that restarts were given up"),
    OutputField("labels", .labels, "those of its spec"),
  ]

  static let detailFields =
    guestFields + [
      OutputField("createdAt", .time, .nullable, "when it was defined"),
      OutputField("memory", .count, .nullable, "bytes that the present run uses"),
      OutputField("memoryPeak", .count, .nullable, "most bytes that the present run used at once"),
      OutputField("cpuTime", .seconds, .nullable, "CPU time of the present run"),
      OutputField("tasks", .count, .nullable, "processes and threads of the present run"),
      OutputField("cgroup", .text, .nullable, "of the present run"),
      OutputField("runDirectory", .text, "files of the present run"),
      OutputField("logPath", .text, "the console log"),
      OutputField("specPending", .bool, "the spec was changed since the present run began"),
      OutputField("spec", .spec, "in force at the next start"),
      OutputField("running", .spec, .nullable, "in force in the present run"),
    ]

  private static let results = [
    OutputObject(
      "consumption", "the use that a running guest makes of the host",
      [
        OutputField("name", .text, "of the guest"), OutputField("run", .uuid, "its present run"),
        OutputField("uptime", .seconds, "of that run"),
        OutputField("cpu", .number, .nullable, "share of one CPU, on average over the run; 1 is one whole CPU"),
        OutputField("cpuTime", .seconds, .nullable, "CPU time of the run"),
        OutputField("memory", .count, .nullable, "bytes in use, page cache included"),
        OutputField("memoryPeak", .count, .nullable, "most bytes in use at once"),
        OutputField("memoryLimit", .count, .nullable, "limits.memory of its spec; null: none is given there"),
        OutputField("tasks", .count, .nullable, "processes and threads"),
        OutputField("tasksLimit", .count, .nullable, "limits.pids of its spec; null: none is given there"),
      ]),
    OutputObject(
      "restart", "a restart that a guest waits for",
      [
        OutputField("at", .time, "when, by the wall clock"), OutputField("in", .seconds, "time until then"),
        OutputField("attempt", .count, "which one, counted from 1"),
        OutputField("limit", .count, .nullable, "of how many; null: no limit"),
      ]),
    OutputObject(
      "checked", "a spec that create --check found sound",
      [OutputField("name", .text, "of the guest"), OutputField("spec", .spec, "with every key")]),
    OutputObject(
      "removed", "a guest that was removed",
      [OutputField("name", .text, "its name"), OutputField("removed", .bool, "true")]),
    OutputObject(
      "applied", "the result of apply for one guest, done or planned",
      [
        OutputField("name", .text, "of the guest"),
        OutputField("action", .words(Applied.Action.allCases.map(\.rawValue)), "done, or planned with --dry-run"),
        OutputField("changes", .list(.object("change")), "key by key"),
        OutputField("atNextStart", .bool, "the guest runs, and what changed takes effect at its next start"),
      ]),
    OutputObject(
      "change", "a key of a spec that differs",
      [
        OutputField("key", .text, "limits.memory"), OutputField("from", .text, .nullable, "null: it was not there"),
        OutputField("to", .text, .nullable, "null: it is removed"),
      ]),
    OutputObject(
      "explained", "the answer of why",
      [
        OutputField("name", .text, "of the guest"), OutputField("why", .text, "the sentences for a person"),
        OutputField("state", .words(GuestState.allCases.map(\.word)), "its state"),
        OutputField("run", .object("run"), .nullable, "the run that it is about"),
      ]),
    OutputObject(
      "waited", "the answer of wait",
      [
        OutputField("name", .text, "of the guest"),
        OutputField("state", .words(GuestState.allCases.map(\.word)), "its state"),
        OutputField("run", .object("run"), .nullable, "the run that ended"),
        OutputField("exitCode", .integer, "the exit code of this program for it"),
      ]),
  ]

  // MARK: Ends

  private static let run = OutputObject(
    "run", "a run that has ended",
    [
      OutputField("guest", .text, "its guest"), OutputField("number", .count, "1 is the guest's first run"),
      OutputField("run", .uuid, "its id"), OutputField("startedAt", .time, .nullable, "null: init was never executed"),
      OutputField("endedAt", .time, "when it ended"),
      OutputField("length", .seconds, .nullable, "null: not known, the host went down meanwhile"),
      OutputField("startedBy", .object("actor"), "the one who started it"),
      OutputField("cause", .object("cause"), "the reason of its end"),
      OutputField("bad", .bool, "whether an administrator wants to hear of it"),
      OutputField("whileStopping", .object("order"), .nullable, "the order at work when something else ended it"),
      OutputField("facts", .object("facts"), "everything that was seen of the end"),
      OutputField("usage", .object("usage"), "of the whole run"),
      OutputField("logTail", .list(.text), "the last lines of its console"),
    ])

  private static let cause = OutputObject(
    "cause", "the reason of an end; the kind says which of the others are there",
    [
      OutputField("kind", .words(EndCause.kinds), "the kind"),
      OutputField("code", .integer, .sometimes, "init's exit code"),
      OutputField("signal", .count, .sometimes, "the signal that ended init"),
      OutputField("signalName", .text, .sometimes, "its name: SIGSEGV"),
      OutputField("coreDumped", .bool, .sometimes, "with signal"),
      OutputField("victim", .words(["init", "child"]), .sometimes, "of oom: the process that was killed"),
      OutputField("limit", .words(["own", "parent", "host"]), .sometimes, "of oom: the limit that was reached"),
      OutputField("limitBytes", .count, .sometimesNull, "of oom: its size; null: not known"),
      OutputField("kills", .count, .sometimes, "of oom: processes that were killed"),
      OutputField("by", .object("actor"), .sometimes, "of stopped: the one who ordered it, or the force"),
      OutputField("how", .words(["polite", "forced", "cancelled"]), .sometimes, "of stopped"),
      OutputField("step", .text, .sometimes, "of startFailed: the step that failed"),
      OutputField("errno", .integer, .sometimesNull, "of startFailed: the system's error number; null: none"),
      OutputField("message", .text, .sometimes, "of startFailed: for a person"),
    ])

  private static let actor = OutputObject(
    "actor", "the one who did something",
    [
      OutputField("kind", .words(["guest", "user", "policy", "daemon"]), "policy: the guest's restart policy"),
      OutputField("uid", .count, .sometimes, "of user"),
      OutputField("pid", .integer, .sometimes, "of user: the process that asked; 0: not known"),
    ])

  private static let facts = OutputObject(
    "facts", "what was seen of an end",
    [
      OutputField("recorded", .bool, "false: a former version recorded the end, without facts"),
      OutputField("initExecuted", .bool, .nullable, "null: not known"),
      OutputField("status", .object("initStatus"), .nullable, "how init ended"),
      OutputField("startFailure", .object("startFailure"), .nullable, "why it could not be started"),
      OutputField(
        "reboots", .list(.words(["restart", "halt", "powerOff"])), "calls of reboot(2) that the kernel took"),
      OutputField("rebootWatched", .bool, "whether these calls were watched"),
      OutputField("memory", .object("memoryKills"), .nullable, "kills to get memory back"),
      OutputField("orders", .list(.object("order")), "orders to end it"),
      OutputField("ordersOmitted", .count, "orders that are not kept"),
      OutputField("fence", .object("fence"), .nullable, "why there is no word of its controller"),
      OutputField("endSeen", .bool, "false: it ended at some time before endedAt, when that was found"),
      OutputField("startBoot", .uuid, .nullable, "the host's boot in which it began"),
      OutputField("endBoot", .uuid, .nullable, "the host's boot in which its end was recorded"),
    ])

  private static let initStatus = OutputObject(
    "initStatus", "how init ended, as wait(2) says it",
    [
      OutputField("code", .integer, .sometimes, "it exited"),
      OutputField("signal", .count, .sometimes, "a signal ended it"),
      OutputField("signalName", .text, .sometimes, "with signal"),
      OutputField("coreDumped", .bool, .sometimes, "with signal"),
      OutputField("witness", .words(["reaped", "zombie"]), "zombie: read from /proc, its controller did not answer"),
    ])

  private static let startFailure = OutputObject(
    "startFailure", "why a start failed",
    [
      OutputField("step", .text, "the step that failed"), OutputField("errno", .integer, .nullable, "null: none"),
      OutputField("message", .text, "for a person"),
    ])

  private static let memoryKills = OutputObject(
    "memoryKills", "what the kernel killed in the run to get memory back",
    [
      OutputField("kills", .count, "processes"), OutputField("initKilled", .bool, .nullable, "null: not known"),
      OutputField("witness", .words(["kernelLog", "counter", "status"]), .nullable, "how that is known"),
      OutputField("lastKillBeforeEnd", .seconds, .nullable, "from the last kill to the end"),
      OutputField("limit", .words(["own", "parent", "host"]), .nullable, "the limit that was reached"),
      OutputField("limitBytes", .count, .nullable, "the guest's own limit"),
    ])

  private static let order = OutputObject(
    "order", "an order to end a run",
    [
      OutputField("number", .count, "counted from 1 in each run"),
      OutputField("verb", .words(EndOrder.Verb.allCases.map(\.word)), "what was ordered"),
      OutputField("by", .object("actor"), "the one who ordered it"), OutputField("at", .time, .nullable, "when"),
      OutputField("signal", .text, .nullable, "the polite signal, where another than the spec's was ordered"),
      OutputField("timeout", .seconds, .nullable, "the time it has, where another than the spec's was ordered"),
      OutputField("noKill", .bool, "ordered without force"),
      OutputField("signalsSent", .list(.text), "to init, in their order"),
      OutputField("killSent", .bool, "everything in the guest was killed for it"),
      OutputField("givenUp", .bool, "an order without force, whose time was over"),
    ])

  private static let fence = OutputObject(
    "fence", "why the daemon recorded an end without the word of its controller",
    [
      OutputField(
        "reason",
        .words([
          "controllerDied", "orderOverdue", "launchOverdue", "controllerUnreachable", "recordUnreadable",
          "nothingFound",
        ]), "the reason"),
      OutputField("order", .count, .sometimes, "of orderOverdue: the order's number"),
    ])

  private static let usage = OutputObject(
    "usage", "what a run used",
    [
      OutputField("memoryPeak", .count, .nullable, "bytes"), OutputField("memoryLimit", .count, .nullable, "bytes"),
      OutputField("cpuTime", .seconds, .nullable, "CPU time"),
    ])

  // MARK: Events

  private static let event = OutputObject(
    "event", "a row of the journal: the whole transition",
    [
      OutputField("seq", .count, "rises by one, and is never used again on this host"),
      OutputField("time", .time, "when"), OutputField("boot", .uuid, "the host's boot"),
      OutputField("type", .words(GuestEvent.Kind.allCases.map(\.word)), "the type"),
      OutputField("guest", .text, .sometimes, "its guest"), OutputField("run", .uuid, .sometimes, "its run"),
      OutputField("runNumber", .count, .sometimes, "its run, as runs has it in number"),
      OutputField("from", .words(GuestState.allCases.map(\.word)), .sometimes, "of state: the state before"),
      OutputField("to", .words(GuestState.allCases.map(\.word)), .sometimes, "of state: the state after"),
      OutputField("cause", .object("cause"), .sometimes, "where a run ended"),
      OutputField("bad", .bool, .sometimes, "where a run ended: whether an administrator wants to hear of it"),
      OutputField("whileStopping", .object("order"), .sometimes, "where a run ended: the order at work meanwhile"),
      OutputField("facts", .object("facts"), .sometimes, "where a run ended: everything that was seen"),
      OutputField("order", .object("order"), .sometimes, "of order"),
      OutputField("notice", .words(GuestEvent.Notice.allCases.map(\.word)), .sometimes, "of notice: which one"),
      OutputField("startedAt", .time, .sometimesNull, "where a run ended; null: init was never executed"),
      OutputField("endedAt", .time, .sometimes, "where a run ended: before time if the daemon heard of it later"),
      OutputField("length", .seconds, .sometimesNull, "where a run ended; null: not known"),
      OutputField("usage", .object("usage"), .sometimes, "where a run ended"),
      OutputField("actor", .object("actor"), "the one who did it"),
      OutputField("message", .text, .sometimes, "for a person"), OutputField("labels", .labels, "the guest's"),
    ])

  private static let gap = OutputObject(
    "gap", "a line of events: the journal no longer keeps these events",
    [
      OutputField("type", .words(["gap"]), "gap"), OutputField("from", .count, "the first that is missing"),
      OutputField("to", .count, "the last that is missing"),
    ])

  private static let snapshot = OutputObject(
    "snapshot", "a line of events --snapshot: the state of a guest before the first event",
    [
      OutputField("type", .words(["snapshot"]), "snapshot"),
      OutputField("seq", .count, "events after this number follow"),
      OutputField("guest", .object("guest"), "the guest"),
    ])

  // MARK: Host

  private static let host = [
    OutputObject(
      "host", "the host",
      [
        OutputField("hostname", .text, "its name"), OutputField("kernel", .text, "its release"),
        OutputField("architecture", .text, "x86_64, aarch64"), OutputField("cpus", .count, "online"),
        OutputField("memory", .count, "bytes"), OutputField("boot", .uuid, "the present boot"),
        OutputField("cgroupMode", .text, "unified or hybrid"),
        OutputField("features", .list(.object("feature")), "what guests can be given here"),
      ]),
    OutputObject(
      "feature", "something that guests can be given",
      [
        OutputField("name", .text, "its name"), OutputField("available", .bool, "whether this host can"),
        OutputField("reason", .text, "why not, and what to do; or a detail"),
      ]),
    OutputObject(
      "daemonStatus", "the daemon",
      [
        OutputField("version", .text, "its version"), OutputField("pid", .integer, "its process"),
        OutputField("startedAt", .time, "when it started"), OutputField("root", .text, "the folder that it works in"),
        OutputField("database", .text, "its file"), OutputField("storage", .text, .nullable, "what is wrong with it"),
        OutputField("guests", .count, "guests there are"), OutputField("running", .count, "of them"),
        OutputField("connections", .count, "of clients"), OutputField("subscriptions", .count, "to events"),
        OutputField("journalOldest", .count, "the oldest number kept"),
        OutputField("journalNewest", .count, "the newest number"), OutputField("journalBytes", .count, "bytes"),
        OutputField("logLevel", .text, "of its own log"),
      ]),
    OutputObject(
      "client", "a connection to the daemon",
      [
        OutputField("id", .count, "its number"), OutputField("name", .text, "as it calls itself"),
        OutputField("uid", .count, "its user"), OutputField("pid", .integer, "its process"),
        OutputField("readOnly", .bool, "over the read-only socket"), OutputField("since", .time, "when it came"),
        OutputField("calls", .count, "so far"), OutputField("subscriptions", .count, "to events"),
        OutputField("bytesIn", .count, "from it"), OutputField("bytesOut", .count, "to it"),
        OutputField("queuedBytes", .count, "that it has not read"),
      ]),
    OutputObject(
      "limit", "a limit of the daemon",
      [
        OutputField("name", .text, "its name"), OutputField("used", .count, "in use"),
        OutputField("value", .count, "most that is allowed"), OutputField("meaning", .text, "for a person"),
      ]),
    OutputObject(
      "hook", "a program that the daemon runs at events",
      [
        OutputField("name", .text, "its name"), OutputField("filter", .text, "as it was given"),
        OutputField("program", .text, "its path"),
        OutputField("arguments", .list(.text), "of the program"), OutputField("runs", .count, "attempts so far"),
        OutputField("failures", .count, "of them"),
        OutputField("position", .count, "the newest number it is done with"),
        OutputField("timeout", .seconds, "time it may take"),
        OutputField("retries", .count, "attempts after the first"),
        OutputField("lastError", .text, .nullable, "of the last event"),
      ]),
    OutputObject(
      "hookDone", "a hook that was added or removed",
      [
        OutputField("name", .text, "its name"), OutputField("added", .bool, .sometimes, "true"),
        OutputField("removed", .bool, .sometimes, "true"),
      ]),
    OutputObject(
      "hookTested", "a hook whose program was run for no event",
      [
        OutputField("name", .text, "its name"), OutputField("failure", .text, .nullable, "null: it ended with code 0"),
        OutputField("log", .text, "the file with its output"),
      ]),
    OutputObject(
      "version", "versions",
      [
        OutputField("lodge", .text, "of this program"),
        OutputField("daemon", .text, .nullable, "null: it does not answer"),
        OutputField("features", .list(.text), "what the daemon can do beyond its protocol's version"),
      ]),
  ]

  private static let error = OutputObject(
    "error", "a line on standard error with -o json and -o jsonl",
    [
      OutputField(
        "code", .words(GuestError.Code.allCases.map(\.word)), "stable, for programs"),
      OutputField("message", .text, "for a person"), OutputField("hint", .text, .sometimes, "the next step"),
    ])
}
