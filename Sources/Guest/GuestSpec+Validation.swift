/// One rule of `docs/guest-spec.md` that a spec breaks.
public struct SpecProblem: Error, Sendable, Hashable, CustomStringConvertible {
  /// The key as in a spec file, for example `limits.memory` or `mounts[2].target`.
  public var key: String
  /// What is wrong, and what is allowed.
  public var message: String

  public init(_ key: String, _ message: String) {
    self.key = key
    self.message = message
  }

  public var description: String { "\(key): \(message)" }
}

extension GuestSpec {
  /// Bounds of a spec, the same as in `protocol/guest.x`.
  public enum Bound {
    public static let path = 4095
    public static let value = 4096
    public static let arguments = 128
    public static let environment = 128
    public static let mounts = 64
    public static let labels = 32
    public static let groups = 32
    public static let rlimits = 16
    public static let capabilities = 64
    public static let description = 256
    /// Longest time of any setting: 365 days.
    public static let millis: UInt64 = 365 * 86_400_000
    public static let memory: ClosedRange<UInt64> = (1 << 20)...(1 << 50)
    public static let tmpfs: ClosedRange<UInt64> = 4096...(1 << 50)
    public static let pids: ClosedRange<UInt64> = 1...4_194_304
    public static let cpuMillis: ClosedRange<UInt64> = 10...1_024_000
    public static let logBytes: ClosedRange<UInt64> = 65_536...(1 << 34)
    public static let logFiles: ClosedRange<UInt32> = 1...100
  }

  /// Every rule that this spec breaks, in the order of the keys; empty if it is sound.
  ///
  /// Only what can be known without looking at the host: whether a path exists is found out at the start.
  public func problems() -> [SpecProblem] {
    var found: [SpecProblem] = []
    func check(_ holds: Bool, _ key: String, _ message: @autoclosure () -> String) {
      if !holds { found.append(SpecProblem(key, message())) }
    }
    func text(_ value: String, _ key: String, max: Int, allowEmpty: Bool = true) {
      check(value.utf8.count <= max, key, "\(value.utf8.count) bytes long; at most \(max) are allowed")
      check(!value.utf8.contains(0), key, "it contains a NUL byte")
      check(allowEmpty || !value.isEmpty, key, "it is empty")
    }
    func path(_ value: String, _ key: String) {
      text(value, key, max: Bound.path)
      check(value.utf8.first == UInt8(ascii: "/"), key, "\"\(Visible.text(value, limit: 80))\" is not an absolute path")
      check(!value.split(separator: "/").contains(".."), key, "\"..\" is not allowed in it")
    }
    func count(_ value: Int, _ key: String, max: Int) {
      check(value <= max, key, "\(value) entries; at most \(max) are allowed")
    }
    func range<Value: Comparable>(_ value: Value, _ key: String, _ allowed: ClosedRange<Value>) {
      check(
        allowed.contains(value), key,
        "\(value) is out of bounds; \(allowed.lowerBound) to \(allowed.upperBound) is allowed")
    }

    text(description, "description", max: Bound.description)
    path(rootfs.path, "rootfs.path")
    if let bytes = rootfs.overlayBytes { range(bytes, "rootfs.overlaySize", Bound.tmpfs) }
    check(!command.isEmpty, "command", "it is empty; the first entry is the path of the guest's init")
    count(command.count, "command", max: Bound.arguments)
    for (index, argument) in command.enumerated() { text(argument, "command[\(index)]", max: Bound.value) }
    if let program = command.first { path(program, "command[0]") }
    path(workingDirectory, "workdir")
    count(environment.count, "env", max: Bound.environment)
    var names: Set<String> = []
    for variable in environment {
      let key = "env.\(Visible.text(variable.name, limit: 40))"
      text(variable.name, key, max: 256, allowEmpty: false)
      check(!variable.name.utf8.contains(UInt8(ascii: "=")), key, "a name cannot contain '='")
      text(variable.value, key, max: Bound.value)
      check(names.insert(variable.name).inserted, key, "it is given twice")
    }
    text(user, "user", max: 129, allowEmpty: false)
    check(user.split(separator: ":", omittingEmptySubsequences: false).count <= 2, "user", "more than one ':' in it")
    count(groups.count, "groups", max: Bound.groups)
    for (index, group) in groups.enumerated() { text(group, "groups[\(index)]", max: 64, allowEmpty: false) }
    if let hostname {
      text(hostname, "hostname", max: 64, allowEmpty: false)
      check(
        hostname.utf8.allSatisfy { isHostnameByte($0) }, "hostname", "only letters, digits, '.' and '-' are allowed")
    }
    count(mounts.count, "mounts", max: Bound.mounts)
    var targets: Set<String> = []
    for (index, mount) in mounts.enumerated() {
      let key = "mounts[\(index)]"
      switch mount.source {
      case .bind(let source): path(source, key + ".source")
      case .tmpfs(let options):
        if let bytes = options.bytes { range(bytes, key + ".size", Bound.tmpfs) }
        if let mode = options.mode { range(mode, key + ".mode", 0...0o7777) }
        // 2^32-1 stands for "no change" in chown(2), so it names nobody.
        if let uid = options.uid { range(uid, key + ".uid", 0...UInt32.max - 1) }
        if let gid = options.gid { range(gid, key + ".gid", 0...UInt32.max - 1) }
      }
      path(mount.target, key + ".target")
      check(
        mount.target.utf8.contains { $0 != UInt8(ascii: "/") }, key + ".target", "\"/\" is the root filesystem itself")
      check(targets.insert(mount.target).inserted, key + ".target", "\(mount.target) is a target twice")
    }
    if let bytes = limits.memoryBytes { range(bytes, "limits.memory", Bound.memory) }
    if let pids = limits.pids { range(pids, "limits.pids", Bound.pids) }
    if let millis = limits.cpuMillis { range(millis, "limits.cpu", Bound.cpuMillis) }
    count(rlimits.count, "rlimits", max: Bound.rlimits)
    for limit in rlimits {
      let key = "rlimits.\(Visible.text(limit.name, limit: 20))"
      check(
        ResourceLimit.names.contains(limit.name), key,
        "unknown limit; known are \(ResourceLimit.names.joined(separator: ", "))")
      check(limit.soft <= limit.hard, key, "the soft limit is above the hard one")
    }
    for (key, names) in [("capabilities.add", capabilities.added), ("capabilities.drop", capabilities.dropped)] {
      count(names.count, key, max: Bound.capabilities)
      for name in names where !(Capabilities.names.contains(name) || (name == "all" && key.hasSuffix("drop"))) {
        check(
          false, key,
          "\"\(Visible.text(name, limit: 40))\" is no capability; see capabilities(7), without CAP_, lower case")
      }
    }
    range(log.maximumBytes, "log.maxSize", Bound.logBytes)
    range(log.files, "log.files", Bound.logFiles)
    range(restart.minimumUptimeMillis, "restart.minimumUptime", 0...Bound.millis)
    range(restart.backoffInitialMillis, "restart.backoff.initial", 0...Bound.millis)
    range(restart.backoffMaximumMillis, "restart.backoff.maximum", 0...Bound.millis)
    check(
      restart.backoffInitialMillis <= restart.backoffMaximumMillis, "restart.backoff.initial",
      "it is longer than restart.backoff.maximum")
    range(restart.limitCount, "restart.limit", 0...1_000_000)
    range(restart.limitWindowMillis, "restart.within", 0...Bound.millis)
    range(stop.signal, "stop.signal", 1...64)
    range(stop.timeoutMillis, "stop.timeout", 0...Bound.millis)
    range(stop.termTimeoutMillis, "stop.termTimeout", 0...Bound.millis)
    count(labels.count, "labels", max: Bound.labels)
    var keys: Set<String> = []
    for label in labels {
      let key = "labels.\(Visible.text(label.key, limit: 40))"
      text(label.key, key, max: 64, allowEmpty: false)
      text(label.value, key, max: 256)
      check(keys.insert(label.key).inserted, key, "it is given twice")
    }
    return found
  }

  /// Throws the first broken rule as `invalidArgument`.
  public func validate() throws(GuestError) {
    guard let problem = problems().first else { return }
    throw GuestError(.invalidArgument, "guest spec: \(problem)")
  }
}

private func isHostnameByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
    UInt8(ascii: "0")...UInt8(ascii: "9"),
    UInt8(ascii: "."), UInt8(ascii: "-"):
    true
  default: false
  }
}
