public import Guest

/// One rule of `docs/guest-spec.md` that a spec breaks.
public struct SpecProblem: Error, Sendable, Hashable, CustomStringConvertible {
  /// The key as in a spec file, for example `limits.memory` or `mounts[2].target`.
  public var key: String
  /// The fault, and what is allowed.
  public var message: String
  /// The other keys that the rule looks at.
  public var related: [String]

  public init(_ key: String, _ message: String, related: [String] = []) {
    self.key = key
    self.message = message
    self.related = related
  }

  public var description: String { "\(key): \(message)" }
}

extension GuestSpec {
  /// Every rule that this spec breaks: first those of single keys, in the order of the table, then those that compare
  /// keys. Empty if it is sound.
  ///
  /// Only what can be known without looking at the host: whether a path exists shows at the start.
  public func problems() -> [SpecProblem] {
    var form = SpecForm(self)
    var problems = Problems(file: "")
    let nowhere = Position(line: 1, column: 1)
    // Reading back what would be written puts every value through the check of its row; there is no second copy of it.
    for leaf in GuestKeys.leaves {
      guard let value = leaf.write(form, .plain, true), value != .null else { continue }
      _ = problems.within(leaf.path, nowhere) { leaf.read(Node(value), &form, &$0) }
    }
    return problems.diagnostics.map { SpecProblem($0.key, $0.message) } + SpecForm(self).brokenRules()
  }

  /// Throws the first broken rule as `invalidArgument`.
  public func validate() throws(GuestError) {
    guard let problem = problems().first else { return }
    throw GuestError(.invalidArgument, "guest spec: \(problem)")
  }
}

extension SpecForm {
  /// The rules that a single row of the table cannot check.
  public func brokenRules() -> [SpecProblem] {
    var found: [SpecProblem] = []
    func check(_ holds: Bool, _ key: String, and related: [String] = [], _ message: @autoclosure () -> String) {
      if !holds { found.append(SpecProblem(key, message(), related: related)) }
    }
    check(!spec.command.isEmpty, "command", "it is empty; the first entry is the path of the guest's init")
    if let program = spec.command.first, let problem = GuestKeys.pathProblem(program) {
      check(false, "command[0]", problem)
    }
    if let fault = StopPolicy.fault(ofPolite: spec.stop.signal) { check(false, "stop.signal", fault) }
    // setresuid(2) takes this number for "leave as it is", and what it would leave is root.
    for (key, ids) in [
      ("user", spec.user.split(separator: ":", maxSplits: 1)), ("groups", spec.groups.map { $0[...] }),
    ] {
      check(
        !ids.contains { UInt64($0) ?? 0 >= UInt64(UInt32.max) }, key, "numbers of users and groups go up to 4294967294")
    }
    if let fault = Self.fault(ofUser: spec.user) { check(false, "user", fault) }
    for (index, group) in spec.groups.enumerated() {
      if let fault = Self.fault(ofName: group[...], "group") { check(false, "groups[\(index)]", fault) }
    }
    for variable in spec.environment {
      let size = variable.name.utf8.count + 1 + variable.value.utf8.count
      check(
        size <= GuestSpec.Bound.value, "env.\(Visible.text(variable.name, limit: 40))",
        "name and value are \(size) bytes long; the kernel takes \(GuestSpec.Bound.value) (execve(2))")
    }
    check(
      argumentBytes <= GuestSpec.Bound.argumentsTotal, "command", and: ["env"],
      "arguments and environment take \(argumentBytes) bytes; at most \(GuestSpec.Bound.argumentsTotal) are allowed")
    var targets: Set<String> = []
    func checkTarget(_ target: String, _ key: String) {
      check(target.utf8.contains { $0 != UInt8(ascii: "/") }, key, "\"/\" is the root filesystem itself")
      if let fault = Self.fault(ofTarget: target) { check(false, key, fault) }
      check(targets.insert(target).inserted, key, "\(Visible.text(target, limit: 80)) is a target twice")
    }
    for (index, mount) in mounts.enumerated() {
      let key = "mounts[\(index)]"
      checkTarget(mount.target, key + ".target")
    }
    for (index, mount) in tmpfs.enumerated() { checkTarget(mount.target, "tmpfs[\(index)].target") }
    check(
      spec.restart.limitCount == 0 || spec.restart.limitWindowMillis > 0, "restart.within", and: ["restart.limit"],
      "no restart falls within no time, so the limit would never be reached; give a time, or limit: 0")
    check(
      spec.restart.backoffInitialMillis <= spec.restart.backoffMaximumMillis, "restart.backoff.initial",
      and: ["restart.backoff.maximum"],
      "it is longer than restart.backoff.maximum")
    switch spec.restart.mode {
    case .never, .onReboot: break
    case .onFailure, .always:
      check(
        !spec.transient, "transient", and: ["restart.policy"],
        "a transient guest is removed at its first end, and restart.policy asks for another run; leave one of them out")
    }
    return found
  }

  /// A name that no entry of /etc/passwd can have, or that stands for something else there (passwd(5), NIS).
  private static func fault(ofUser text: String) -> String? {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    for (part, what) in zip(parts, ["user", "group"]) {
      if part.isEmpty { return "the \(what) is missing in \"\(Visible.text(text, limit: 80))\"" }
      if let fault = fault(ofName: part, what) { return fault }
    }
    return nil
  }

  private static func fault(ofName name: Substring, _ what: String) -> String? {
    let isBlank = name.first?.isWhitespace == true || name.last?.isWhitespace == true
    guard isBlank || name.hasPrefix("+") || name.hasPrefix("-") || what == "group" && name.contains(":") else {
      return nil
    }
    return "\"\(Visible.text(String(name), limit: 80))\" is no name and no number of a \(what)"
  }

  /// A mount on what Lodge itself makes would hide it, or fail at the start.
  private static func fault(ofTarget target: String) -> String? {
    let parts = target.split(separator: "/").filter { $0 != "." }.map(String.init)
    let path = "/" + parts.joined(separator: "/")
    let made: Bool
    switch parts.first {
    case "proc": made = true
    case "sys": made = parts.count == 1 || parts.starts(with: ["sys", "fs", "cgroup"])
    case "dev": made = parts.count == 1 || parts[1] == "pts" || parts.count == 2 && devices.contains(parts[1])
    case _: made = false
    }
    guard made else { return nil }
    return "\(Visible.text(path, limit: 80)) is made by Lodge itself, and cannot be covered"
  }

  /// Names in /dev beside folders.
  private static let devices: Set = [
    "console", "fd", "full", "null", "ptmx", "random", "stderr", "stdin", "stdout", "tty", "urandom", "zero",
  ]

  /// As the kernel counts it for execve(2): every text with its NUL, and a pointer to it.
  private var argumentBytes: Int {
    spec.command.reduce(0) { $0 + $1.utf8.count + 9 }
      + spec.environment.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 10 }
  }
}
