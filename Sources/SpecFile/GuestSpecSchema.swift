public import Guest

/// Guest specs as files: the table of keys behind `docs/guest-spec.md`.
public enum GuestSpecFile {
  private typealias Bound = GuestSpec.Bound

  /// Reads a spec from YAML or JSON and checks every rule that can be checked without looking at the host.
  ///
  /// - Parameter isPartial: whether `rootfs` and `command` may be missing, because flags supply them. The rules that
  ///   look at several keys together are left for `check` then.
  /// - Throws: everything that is wrong, with its places.
  public static func decode(
    _ bytes: [UInt8], file: String, isPartial: Bool = false
  ) throws(SpecFileError) -> GuestSpec {
    let form = try schema.decode(bytes, file: file, isPartial: isPartial) { form, problems in
      guard !isPartial else { return }
      for problem in form.spec.problems() {
        problems.report(key: form.fileKey(problem.key), problem.message)
      }
    }
    return form.spec
  }

  /// YAML with the keys that are not at their defaults. Decodes to the same value.
  public static func yaml(_ spec: GuestSpec) -> String {
    value(spec, style: .human, includingDefaults: false).yaml
  }

  /// For JSON: with every key, sizes in bytes and times in seconds. Decodes to the same value.
  public static func value(_ spec: GuestSpec) -> DataValue {
    value(spec, style: .plain, includingDefaults: true)
  }

  public static func value(_ spec: GuestSpec, style: NumberStyle, includingDefaults: Bool) -> DataValue {
    schema.write(SpecForm(spec), style: style, includingDefaults: includingDefaults)
  }

  /// Every key with its type, bounds, default and meaning.
  public static var reference: [ReferenceRow] { schema.rows }

  // MARK: Kinds that flags share

  public static let memory = ValueKind<UInt64>.size(in: Bound.memory)
  public static let tmpfsSize = ValueKind<UInt64>.size(in: Bound.tmpfs)
  public static let pids = ValueKind<UInt64>.integer(in: Bound.pids)
  public static let cpu = ValueKind<UInt64>.thousandths("number of CPUs", in: Bound.cpuMillis)
  public static let duration = ValueKind<UInt64>.duration(in: 0...Bound.millis)
  public static let restartMode = ValueKind<RestartPolicy.Mode>.choice([
    "never": .never, "onReboot": .onReboot, "onFailure": .onFailure, "always": .always,
  ])
  public static let rootfsMode = ValueKind<Rootfs.Mode>.choice([
    "direct": .direct, "readOnly": .readOnly, "overlay": .overlay,
  ])
  public static let network = ValueKind<NetworkMode>.choice(["none": .none, "host": .host])
  public static let console = ValueKind<ConsoleMode>.choice(["pty": .pty, "pipes": .pipes])
  public static let signal = ValueKind<Int32>("signal", allowed: "1 to 64") { node, problems in
    guard let number = node.text.flatMap({ SignalName.number($0) }) else {
      problems.report(node.position, "expected a signal such as TERM or SIGRTMIN+3, found \(node.kindDescription)")
      return nil
    }
    return number
  } write: { number, _ in
    .text(SignalName.name(number))
  }

  // MARK: The table

  private static let empty = GuestSpec(rootfs: Rootfs(path: ""), command: [])
  private static let path = ValueKind<String>.text("path", maximumBytes: Bound.path)

  static let schema = Schema(
    defaults: SpecForm(empty),
    [
      Key(
        "description", .text(maximumBytes: Bound.description), \.spec.description, default: "",
        "what the guest is for, for people"),
      Key("rootfs", rootfs, \.spec.rootfs, default: nil, "the tree the guest sees as /; a path alone is rootfs.path"),
      Key(
        "command", command, \.spec.command, default: nil,
        "the guest's init and its arguments; the first is an absolute path inside the guest"),
      Key(
        "workdir", path, \.spec.workingDirectory, default: empty.workingDirectory, "where init begins, inside the guest"
      ),
      Key(
        "env",
        .table(
          "mapping of text", of: .text(maximumBytes: Bound.value), maximum: Bound.environment,
          make: { EnvironmentVariable($0, $1) }, split: { ($0.name, $0.value) }), \.spec.environment, default: [],
        "environment variables of init"),
      Key(
        "user", .text(allowed: "name or number, :group or :number may follow", maximumBytes: 129), \.spec.user,
        default: empty.user, "whom init runs as, looked up in the guest's own /etc/passwd and /etc/group"),
      Key(
        "groups", .list("list of text", of: .text(maximumBytes: 64), maximum: Bound.groups), \.spec.groups, default: [],
        "supplementary groups, names or numbers"),
      Key(
        "hostname", ValueKind<String>.text(allowed: "letters, digits, '.', '-'", maximumBytes: 64).optional,
        \.spec.hostname, default: .some(nil), defaultText: "the guest's name", "the guest's own hostname"),
      Key(
        "network", network, \.spec.network, default: empty.network,
        "a network of its own with loopback only, or the host's"),
      Key(
        "mounts", .list("list of mappings", of: mounts.kind("mapping"), maximum: Bound.mounts), \.mounts, default: [],
        "folders of the host, or memory, seen inside the guest, mounted in this order"),
      Key(
        "tmpfs", .list("list of mappings", of: tmpfs.kind("mapping"), maximum: Bound.mounts), \.tmpfs, default: [],
        "memory file systems, mounted after mounts"),
      Key("limits", limits, \.spec.limits, "limits of everything in the guest together"),
      Key(
        "rlimits",
        .table(
          "mapping of limits", of: rlimit, maximum: Bound.rlimits,
          make: { ResourceLimit($0, soft: $1.soft, hard: $1.hard) },
          split: { ($0.name, RlimitForm(soft: $0.soft, hard: $0.hard)) }),
        \.spec.rlimits, default: [],
        "limits of each process, getrlimit(2): \(ResourceLimit.names.joined(separator: ", "))"),
      Key("capabilities", capabilities, \.spec.capabilities, "changes to the usual capabilities, capabilities(7)"),
      Key(
        "console", console, \.spec.console, default: empty.console,
        "what init's output goes to: a pseudoterminal, or pipes that tell standard error apart in the log"),
      Key("log", log, \.spec.log, "how much of the console's output is kept"),
      Key(
        "restart", restart, \.spec.restart, default: empty.restart, defaultText: "onReboot",
        "whether it is started again after its end; a word alone is restart.policy"),
      Key("stop", stop, \.spec.stop, "how it is stopped"),
      Key(
        "autostart", .bool, \.spec.autostart, default: empty.autostart,
        "start it when the daemon starts after a boot of the host"),
      Key("transient", .bool, \.spec.transient, default: empty.transient, "remove it when its run has ended"),
      Key(
        "labels",
        .table(
          "mapping of text", of: .text(maximumBytes: 256), maximum: Bound.labels, make: { Label($0, $1) },
          split: { ($0.key, $0.value) }), \.spec.labels, default: [],
        "names and values of your own, for --filter and in every event"),
    ])

  private static let rootfs: ValueKind<Rootfs> = {
    let schema = Schema(
      defaults: empty.rootfs,
      [
        Key("path", path, \.path, default: nil, "absolute path on the host"),
        Key(
          "mode", rootfsMode, \.mode, default: empty.rootfs.mode,
          "as it is; nothing can be written; or writes go to memory and end with the run"),
        Key(
          "overlaySize", tmpfsSize.optional, \.overlayBytes, default: .some(nil), defaultText: "half the memory",
          "most that an overlay's writes may take"),
      ])
    return schema.kind("path or mapping").orShort("path or mapping") {
      $0.text != nil
    } read: { node, problems in
      node.text.map { Rootfs(path: $0) }
    } write: { value, style in
      style == .human && value == Rootfs(path: value.path) ? .text(value.path) : nil
    }
  }()

  private static let command = ValueKind<[String]>.list(
    "list of text", of: .text(maximumBytes: Bound.value), maximum: Bound.arguments
  ).orShort("list of text, or a path") {
    $0.text != nil
  } read: { node, problems in
    guard let text = node.text else { return nil }
    guard !text.contains(where: \.isWhitespace) else {
      let words = text.split(whereSeparator: \.isWhitespace).joined(separator: ", ")
      problems.report(node.position, "a command with arguments is a list: [\(Visible.text(words, limit: 60))]")
      return nil
    }
    return [text]
  } write: { _, _ in
    nil
  }

  private static let mounts = Schema(
    defaults: MountForm(),
    [
      Key(
        "type", .choice(["bind": false, "tmpfs": true]), \.isTmpfs, default: false, "a folder of the host, or memory"),
      Key(
        "source", path.optional, \.source, default: .some(nil), defaultText: "",
        "of a bind mount, and needed there: absolute path on the host"),
      Key("target", path, \.target, default: nil, "absolute path inside the guest; made if it is missing and can be"),
      Key("readOnly", .bool, \.readOnly, default: false, "nothing in it can be written"),
      Key(
        "size", tmpfsSize.optional, \.size, default: .some(nil), defaultText: "half the memory",
        "of a tmpfs: most it may take"),
    ])

  private static let tmpfs = Schema(
    defaults: TmpfsForm(),
    [
      Key("target", path, \.target, default: nil, "absolute path inside the guest"),
      Key(
        "size", tmpfsSize.optional, \.size, default: .some(nil), defaultText: "half the memory", "most it may take"),
    ])

  private static let limits = Schema(
    defaults: Limits(),
    [
      Key("memory", memory.optional, \.memoryBytes, default: .some(nil), "memory, page cache included"),
      Key("pids", pids.optional, \.pids, default: .some(nil), "processes and threads"),
      Key("cpu", cpu.optional, \.cpuMillis, default: .some(nil), "CPU time, 1.5 being one CPU and a half"),
    ])

  /// One limit without its name.
  struct RlimitForm: Sendable, Hashable {
    var soft: UInt64
    var hard: UInt64
  }

  private static let rlimitValue = ValueKind<UInt64>("number, size or unlimited") { node, problems in
    if node.text == "unlimited" { return ResourceLimit.unlimited }
    guard let value = node.text.flatMap({ Quantity.bytes($0) }) else {
      problems.report(node.position, "expected a number, a size or unlimited, found \(node.kindDescription)")
      return nil
    }
    return value
  } write: { value, _ in
    value == ResourceLimit.unlimited ? .text("unlimited") : .unsigned(value)
  }

  private static let rlimit = Schema(
    defaults: RlimitForm(soft: 0, hard: 0),
    [
      Key("soft", rlimitValue, \.soft, default: nil, "what holds at first"),
      Key("hard", rlimitValue, \.hard, default: nil, "how far a process may raise it"),
    ]
  ).kind("number or mapping").orShort("number, size, unlimited, or {soft, hard}") {
    $0.text != nil
  } read: { node, problems in
    rlimitValue.read(node, &problems).map { RlimitForm(soft: $0, hard: $0) }
  } write: { value, style in
    value.soft == value.hard ? rlimitValue.write(value.soft, style) : nil
  }

  private static let capabilityNames = ValueKind<[String]>.list(
    "list of names", of: .text(maximumBytes: 32), maximum: Bound.capabilities)
  private static let capabilities = Schema(
    defaults: Capabilities(),
    [
      Key(
        "add", capabilityNames, \.added, default: [],
        "beside the usual ones, lower case without CAP_; usual are \(Capabilities.usual.joined(separator: ", "))"),
      Key("drop", capabilityNames, \.dropped, default: [], "of the usual ones; all drops them all before any is added"),
    ])

  private static let log = Schema(
    defaults: LogPolicy(),
    [
      Key(
        "maxSize", .size(in: Bound.logBytes), \.maximumBytes, default: LogPolicy().maximumBytes,
        "a log file is rotated at this size"),
      Key(
        "files", .integer(in: Bound.logFiles), \.files, default: LogPolicy().files,
        "so many are kept, the current one included"),
    ])

  private static let restart: ValueKind<RestartPolicy> = {
    let standard = RestartPolicy()
    let schema = Schema(
      defaults: standard,
      [
        Key(
          "policy", restartMode, \.mode, default: standard.mode,
          "never; when the guest itself rebooted; and when it failed; or however it ended, unless it was stopped"),
        Key(
          "minimumUptime", duration, \.minimumUptimeMillis, default: standard.minimumUptimeMillis,
          "a run at least this long was a good one: it resets the backoff"),
        Key("backoff", backoff, \.backoff, "the time before a restart, doubled each time"),
        Key(
          "limit", .integer(in: 0...1_000_000), \.limitCount, default: standard.limitCount,
          "give up after so many restarts; 0 never gives up"),
        Key("within", duration, \.limitWindowMillis, default: standard.limitWindowMillis, "the time limit counts in"),
      ])
    return schema.kind("policy or mapping").orShort("policy or mapping") {
      $0.text != nil
    } read: { node, problems in
      restartMode.read(node, &problems).map { RestartPolicy(mode: $0) }
    } write: { value, style in
      style == .human && value == RestartPolicy(mode: value.mode) ? restartMode.write(value.mode, style) : nil
    }
  }()

  private static let backoff = Schema(
    defaults: RestartPolicy().backoff,
    [
      Key("initial", duration, \.initial, default: RestartPolicy().backoff.initial, "before the first restart"),
      Key("maximum", duration, \.maximum, default: RestartPolicy().backoff.maximum, "never longer than this"),
    ])

  private static let stop = Schema(
    defaults: StopPolicy(),
    [
      Key("signal", signal, \.signal, default: StopPolicy().signal, "the polite signal, sent to init"),
      Key("timeout", duration, \.timeoutMillis, default: StopPolicy().timeoutMillis, "time it has to work"),
      Key(
        "termTimeout", duration, \.termTimeoutMillis, default: StopPolicy().termTimeoutMillis,
        "time SIGTERM then has, if it was not the polite signal; after it everything is killed"),
    ])
}

extension RestartPolicy {
  struct Backoff: Sendable, Hashable {
    var initial: UInt64
    var maximum: UInt64
  }

  var backoff: Backoff {
    get { Backoff(initial: backoffInitialMillis, maximum: backoffMaximumMillis) }
    set { (backoffInitialMillis, backoffMaximumMillis) = (newValue.initial, newValue.maximum) }
  }
}
