public import Guest

extension GuestSpec {
  /// The bounds that the table's rows use.
  public enum Bound {
    public static let path = 4095
    /// Longest argument, and longest variable with its name: MAX_ARG_STRLEN of the kernel without its NUL (execve(2)).
    public static let value = 131_071
    /// Arguments and environment together. The kernel takes twice as much; a spec has to fit into one message.
    public static let argumentsTotal = 1 << 20
    public static let arguments = 20_000
    public static let environment = 20_000
    public static let mounts = 64
    public static let labels = 32
    public static let groups = 32
    public static let rlimits = 16
    public static let capabilities = 64
    public static let description = 256
    /// Longest time of any setting: 365 days.
    public static let millis: UInt64 = 365 * 86_400_000
    public static let tmpfs: ClosedRange<UInt64> = 4096...(1 << 50)
    public static let logBytes: ClosedRange<UInt64> = 65_536...(1 << 34)
    public static let logFiles: ClosedRange<UInt32> = 1...100
    /// 2^32-1 stands for "no change" in chown(2) and setuid(2), so it names no user.
    public static let ids: ClosedRange<UInt32> = 0...UInt32.max - 1
  }
}

/// The table of keys of a guest's spec. Files, flags, messages, the database, the reference page and the JSON Schema are
/// all made from it, and it holds the bounds of every value: a new key is a row here and a property of `GuestSpec`.
public enum GuestKeys {
  private typealias Bound = GuestSpec.Bound
  private static let empty = GuestSpec(rootfs: Rootfs(path: ""), command: [])

  public static let schema = Schema(
    defaults: SpecForm(empty), foreign: foreign,
    [
      Key(
        "description", .text(maximumBytes: Bound.description), \.spec.description, default: "",
        "what the guest is for, for people", traits: KeyTraits(changing: .operate, isLive: true)),
      Key(
        "rootfs", rootfs, \.spec.rootfs, isRequired: true, short: rootfsShort,
        "the tree the guest sees as /; a path alone is rootfs.path"),
      Key(
        "command", command, \.spec.command, default: nil,
        "the guest's init and its arguments; the first is an absolute path inside the guest",
        traits: KeyTraits(reading: .inspect)),
      Key(
        "workdir", path, \.spec.workingDirectory, default: empty.workingDirectory, "where init begins, inside the guest"
      ),
      Key(
        "env",
        .table(
          "mapping of text", of: .text(maximumBytes: Bound.value), maximum: Bound.environment,
          checkName: { name in
            if name.isEmpty { return "a name is empty" }
            if name.utf8.contains(0) { return "it contains a NUL byte" }
            return name.utf8.contains(UInt8(ascii: "=")) ? "a name cannot contain '='" : nil
          },
          make: { EnvironmentVariable($0, $1) }, split: { ($0.name, $0.value) }), \.spec.environment, default: [],
        "environment variables of init", traits: KeyTraits(reading: .inspect)),
      Key(
        "user", user, \.spec.user, default: empty.user,
        "whom init runs as, looked up in the guest's own /etc/passwd and /etc/group"),
      Key(
        "groups", .list("list of text", of: .text(maximumBytes: 64, allowsEmpty: false), maximum: Bound.groups),
        \.spec.groups, default: [], "supplementary groups, names or numbers"),
      Key(
        "hostname", hostname.optional, \.spec.hostname, default: .some(nil), defaultText: "the guest's name",
        "the guest's own hostname"),
      Key(
        "network", network, \.spec.network, default: empty.network,
        "a network of its own with loopback only, or the host's"),
      Key(
        "mounts",
        .list("list of mappings", of: mounts.kind("mapping"), maximum: Bound.mounts)
          .answering { ForeignValues.mount($0).map { "[\($0)]" } }, \.mounts, default: [],
        "folders of the host, or memory, seen inside the guest, mounted in this order"),
      Key(
        "tmpfs",
        .list("list of mappings", of: tmpfs.kind("mapping"), maximum: Bound.mounts)
          .answering { ForeignValues.tmpfs($0).map { "[\($0)]" } }, \.tmpfs, default: [],
        "memory file systems, mounted after mounts"),
      Key("limits", limits, \.spec.limits, "limits of everything in the guest together"),
      Key(
        "rlimits",
        .table(
          "mapping of limits", of: rlimit, maximum: Bound.rlimits,
          checkName: { name in
            ResourceLimit.names.contains(name)
              ? nil : "unknown limit; known are \(ResourceLimit.names.joined(separator: ", "))"
          },
          make: { ResourceLimit($0, soft: $1.soft, hard: $1.hard) },
          split: { ($0.name, RlimitForm(soft: $0.soft, hard: $0.hard)) }),
        \.spec.rlimits, default: [],
        "limits of each process, getrlimit(2): \(ResourceLimit.names.joined(separator: ", ")); sigpending is by default an "
          + "eighth of the host's"),
      Key("capabilities", capabilities, \.spec.capabilities, "changes to the usual capabilities, capabilities(7)"),
      Key(
        "noNewPrivileges", .bool, \.spec.noNewPrivileges, default: empty.noNewPrivileges,
        "set-id programs and file capabilities have no effect in the guest; false lets sudo, su and ping work for users"
      ),
      Key(
        "console", console, \.spec.console, default: empty.console,
        "where init's output goes: a pseudoterminal, or pipes, which keep standard error apart in the log"),
      Key("log", log, \.spec.log, "how much of the console's output is kept"),
      Key(
        "restart", restart, \.spec.restart, short: restartShort, shortDefault: "onReboot",
        "whether it is started again after its end; a word alone is restart.policy"),
      Key("stop", stop, \.spec.stop, "how it is stopped"),
      Key(
        "autostart", .bool, \.spec.autostart, default: empty.autostart,
        "start it when the daemon starts after a boot of the host", traits: KeyTraits(changing: .operate, isLive: true)),
      Key("transient", .bool, \.spec.transient, default: empty.transient, "remove it when its run has ended"),
      Key(
        "labels",
        .table(
          "mapping of text", of: .text(maximumBytes: 256), maximum: Bound.labels,
          checkName: { name in
            if name.isEmpty { return "a name is empty" }
            if name.utf8.contains(0) { return "it contains a NUL byte" }
            return name.utf8.count > 64 ? "a name of \(name.utf8.count) bytes; at most 64 are allowed" : nil
          },
          make: { Label($0, $1) }, split: { ($0.key, $0.value) }), \.spec.labels, default: [],
        "names and values of your own, for --filter and in every event",
        traits: KeyTraits(changing: .operate, isLive: true)),
    ])

  /// The rows by their paths.
  public static let table = SettingsTable(schema)

  /// The keys with a value of their own, in the order of the table: `limits.memory`, not `limits`.
  public static var leaves: [Leaf<SpecForm>] { table.leaves }

  /// Every key with its type, bounds, default and meaning.
  public static var reference: [ReferenceRow] { schema.rows }

  /// The key of a file that says which guest it is for: no setting of the guest, and so no row of the table.
  public static let nameRow = ReferenceRow(
    path: "name", type: "text", allowed: "letters, digits, '.', '_' and '-'", defaultText: "",
    meaning: "the guest that the spec is for; of several specs in a file each has one")

  /// The table as a JSON Schema, for editors: `contrib/schema/guest-spec.schema.json`.
  public static var jsonSchema: DataValue {
    guard case .object(let members) = schema.jsonSchema else { return schema.jsonSchema }
    let name = DataValue.members([
      "type": .text("string"), "pattern": .text("^[A-Za-z0-9][A-Za-z0-9._-]*$"),
      "description": .text(nameRow.meaning),
    ])
    return .object(
      [
        .init("$schema", .text("https://json-schema.org/draft/2020-12/schema")),
        .init("title", .text("Lodge guest spec")),
      ]
        + members.map { member in
          guard member.name == "properties", case .object(let keys) = member.value else { return member }
          return DataValue.Member("properties", .object([DataValue.Member("name", name)] + keys))
        })
  }

  // MARK: Sections

  private static let limits = Schema(
    defaults: Limits(), foreign: foreignLimits,
    [
      Key(
        "memory", ValueKind<UInt64>.size(in: (1 << 20)...(1 << 50)).answering(ForeignValues.unlimited).optional,
        \.memoryBytes, default: .some(nil),
        "memory, page cache included",
        traits: KeyTraits(needs: "cgroup memory", isLive: true)),
      Key(
        "pids", ValueKind<UInt64>.integer(in: 1...4_194_304).answering(ForeignValues.unlimited).optional, \.pids,
        default: .some(nil),
        "processes and threads",
        traits: KeyTraits(needs: "cgroup pids", isLive: true)),
      Key(
        "cpu",
        ValueKind<UInt64>.thousandths("number of CPUs", unit: "CPUs", in: 10...1_024_000)
          .answering { ForeignValues.cpu($0) ?? ForeignValues.unlimited($0) }.optional,
        \.cpuMillis, default: .some(nil), "CPU time, 1.5 being one CPU and a half",
        traits: KeyTraits(needs: "cgroup cpu", isLive: true)),
      Key(
        "ioWeight", ValueKind<UInt64>.integer(in: 1...10_000).optional, \.ioWeight, default: .some(nil),
        "share of the disks among guests that want them at the same time, 100 being that of a guest without it",
        traits: KeyTraits(needs: "cgroup io", isLive: true)),
    ])

  private static let rootfs = Schema(
    defaults: empty.rootfs,
    [
      Key("path", path, \.path, default: nil, "absolute path on the host"),
      Key(
        "mode", rootfsMode, \.mode, default: empty.rootfs.mode,
        "as it is; nothing can be written; or writes go to memory and end with the run"),
      Key(
        "overlaySize", tmpfsSize.optional, \.overlayBytes, default: .some(nil), defaultText: "half the memory",
        "most that an overlay's writes may take", traits: KeyTraits(needs: "overlay")),
    ])

  private static let rootfsShort = ShortForm<Rootfs>("path or mapping", jsonSchema: path.jsonSchema) { node, problems in
    path.read(node, &problems).map { Rootfs(path: $0) }
  } write: { value in
    value == Rootfs(path: value.path) ? .text(value.path) : nil
  }

  private static let mounts = Schema(
    defaults: MountForm(), foreign: foreignMounts, foreignForm: ForeignValues.mount,
    [
      Key(
        "type", .choice(["bind": false, "tmpfs": true]), \.isTmpfs, default: false, "a folder of the host, or memory"),
      Key(
        "source", path.optional, \.source, default: .some(nil), defaultText: "",
        "of a bind mount, and needed there: absolute path on the host"),
      Key("target", path, \.target, default: nil, "absolute path inside the guest; made if it is missing and can be"),
      Key("readOnly", .bool, \.readOnly, default: false, "nothing in it can be written"),
    ] + tmpfsOptions("of a tmpfs: "),
    rule: { mount, problems in
      if mount.isTmpfs {
        if mount.source != nil { problems.report(below: "source", "a tmpfs has none; remove it, or the type") }
        return
      }
      if mount.source?.isEmpty ?? true { problems.report(below: "source", "it is missing; a bind mount needs it") }
      if mount.options != TmpfsOptions() {
        problems.reportHere("size, mode, uid and gid are for a tmpfs; remove them, or add type: tmpfs")
      }
    })

  private static let tmpfs = Schema(
    defaults: TmpfsForm(), foreign: foreignMounts, foreignForm: ForeignValues.tmpfs,
    [Key("target", path, \.target, default: nil, "absolute path inside the guest")] + tmpfsOptions(""))

  private static func tmpfsOptions<Root: TmpfsHolder>(_ prefix: String) -> [Key<Root>] {
    [
      Key(
        "size", tmpfsSize.optional, \.options.bytes, default: .some(nil), defaultText: "half the memory",
        prefix + "most it may take"),
      Key(
        "mode", fileMode.optional, \.options.mode, default: .some(nil),
        defaultText: "that of the covered folder, or 1777", prefix + "permission bits of its top folder"),
      Key(
        "uid", id.optional, \.options.uid, default: .some(nil),
        defaultText: "that of the covered folder, or 0", prefix + "owner of its top folder, inside the guest"),
      Key(
        "gid", id.optional, \.options.gid, default: .some(nil),
        defaultText: "that of the covered folder, or 0", prefix + "group of its top folder, inside the guest"),
    ]
  }

  private static let capabilities = Schema(
    defaults: Capabilities(),
    [
      Key(
        "add", capabilityNames(allowsAll: false), \.added, default: [],
        "beside the usual ones, lower case without CAP_; usual are \(Capabilities.usual.joined(separator: ", "))"),
      Key(
        "drop", capabilityNames(allowsAll: true), \.dropped, default: [],
        "of the usual ones; all drops them all before any is added"),
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

  private static let standardRestart = RestartPolicy()
  private static let restart = Schema(
    defaults: standardRestart, foreign: foreignRestart,
    [
      Key(
        "policy", restartMode, \.mode, default: standardRestart.mode,
        "never; when the guest itself rebooted; and when it failed; or however it ended, unless it was stopped"),
      Key(
        "minimumUptime", duration, \.minimumUptimeMillis, default: standardRestart.minimumUptimeMillis,
        "a run at least this long was a good one: it resets the backoff"),
      Key("backoff", backoff, \.backoff, "the time before a restart, doubled each time"),
      Key(
        "limit", .integer(in: 0...1_000_000), \.limitCount, default: standardRestart.limitCount,
        "give up after so many restarts; 0 never gives up"),
      Key(
        "within", duration, \.limitWindowMillis, default: standardRestart.limitWindowMillis,
        "the time limit counts in"),
    ])

  private static let restartShort = ShortForm<RestartPolicy>(
    "policy or mapping", jsonSchema: restartMode.jsonSchema
  ) { node, problems in
    restartMode.read(node, &problems).map { RestartPolicy(mode: $0) }
  } write: { value in
    value == RestartPolicy(mode: value.mode) ? restartMode.write(value.mode, .human) : nil
  }

  private static let backoff = Schema(
    defaults: standardRestart.backoff,
    [
      Key("initial", duration, \.initial, default: standardRestart.backoff.initial, "before the first restart"),
      Key("maximum", duration, \.maximum, default: standardRestart.backoff.maximum, "never longer than this"),
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
