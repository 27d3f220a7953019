public import Guest

// The kinds of value that several rows of the table, or flags beside them, share.
extension GuestKeys {
  private typealias Bound = GuestSpec.Bound

  public static let tmpfsSize = ValueKind<UInt64>.size(in: Bound.tmpfs)
  public static let duration = ValueKind<UInt64>.duration(in: 0...Bound.millis)
  public static let restartMode = ValueKind<RestartPolicy.Mode>.choice([
    "never": .never, "onReboot": .onReboot, "onFailure": .onFailure, "always": .always,
  ]).answering(ForeignValues.restart)
  public static let rootfsMode = ValueKind<Rootfs.Mode>.choice([
    "direct": .direct, "readOnly": .readOnly, "overlay": .overlay,
  ])
  public static let network = ValueKind<NetworkMode>.choice(["none": .none, "host": .host])
    .answering(ForeignValues.network)
  public static let console = ValueKind<ConsoleMode>.choice(["pty": .pty, "pipes": .pipes])
  static let id = ValueKind<UInt32>.integer(in: Bound.ids)

  public static let signal = ValueKind<Int32>(
    "signal", allowed: "1 to 64", form: .word,
    jsonSchema: .members(["type": .list([.text("string"), .text("integer")])])
  ) { node, problems in
    guard let number = node.text.flatMap({ SignalName.number($0) }) else {
      problems.report(node.position, "expected a signal such as TERM or SIGRTMIN+3, found \(node.kindDescription)")
      return nil
    }
    return number
  } write: { number, _ in
    .text(SignalName.name(number))
  }

  /// Permission bits as chmod(1) takes them: octal digits, whether they begin with 0 or not.
  static let fileMode = ValueKind<UInt32>(
    "permission bits", allowed: "0 to 7777, octal", form: .word,
    jsonSchema: .members(["type": .text("string"), "pattern": .text("^0*[0-7]{1,4}$")])
  ) { node, problems in
    guard let text = node.text, text.utf8.count <= 8, let bits = UInt32(text, radix: 8), bits <= 0o7777,
      text.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "7") })
    else {
      problems.report(node.position, "expected octal permission bits such as 0755, found \(node.kindDescription)")
      return nil
    }
    return bits
  } write: { bits, _ in
    let digits = String(bits, radix: 8)
    return .text(String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits)
  }

  /// The fault of a text as an absolute path; nil if it is one.
  static func pathProblem(_ text: String) -> String? {
    guard text.utf8.first == UInt8(ascii: "/") else {
      return "\"\(Visible.text(text, limit: 80))\" is not an absolute path"
    }
    return text.split(separator: "/").contains("..") ? "\"..\" is not allowed in it" : nil
  }

  static let path = ValueKind<String>.text("path", maximumBytes: Bound.path, check: pathProblem)

  static let user = ValueKind<String>.text(
    allowed: "name or number, :group or :number may follow", maximumBytes: 129, allowsEmpty: false
  ) { text in
    text.utf8.filter { $0 == UInt8(ascii: ":") }.count > 1 ? "more than one ':' in it" : nil
  }

  static let hostname = ValueKind<String>.text(
    allowed: "letters, digits, '.', '-'", maximumBytes: 64, allowsEmpty: false
  ) { text in
    let isSound = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    return isSound ? nil : "only letters, digits, '.' and '-' are allowed"
  }

  static let command = ValueKind<[String]>.list(
    "list of text", of: .text(maximumBytes: Bound.value), maximum: Bound.arguments
  ).orShort("list of text, or a path", jsonSchema: path.jsonSchema) {
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

  // MARK: Limits of processes

  /// One limit without its name.
  struct RlimitForm: Sendable, Hashable {
    var soft: UInt64
    var hard: UInt64
  }

  private static let rlimitValue = ValueKind<UInt64>(
    "number, size or unlimited", form: .word,
    jsonSchema: .members(["type": .list([.text("integer"), .text("string")])])
  ) { node, problems in
    if node.text == "unlimited" { return ResourceLimit.unlimited }
    guard let value = node.text.flatMap({ Quantity.bytes($0) }) else {
      problems.report(node.position, "expected a number, a size or unlimited, found \(node.kindDescription)")
      return nil
    }
    return value
  } write: { value, _ in
    value == ResourceLimit.unlimited ? .text("unlimited") : .unsigned(value)
  }

  static let rlimit = Schema(
    defaults: RlimitForm(soft: 0, hard: 0),
    [
      Key("soft", rlimitValue, \.soft, default: nil, "what holds at first"),
      Key("hard", rlimitValue, \.hard, default: nil, "how far a process may raise it"),
    ],
    rule: { limit, problems in
      if limit.soft > limit.hard { problems.reportHere("the soft limit is above the hard one") }
    }
  ).kind("number or mapping").orShort("number, size, unlimited, or {soft, hard}", jsonSchema: rlimitValue.jsonSchema) {
    $0.text != nil
  } read: { node, problems in
    rlimitValue.read(node, &problems).map { RlimitForm(soft: $0, hard: $0) }
  } write: { value, style in
    value.soft == value.hard ? rlimitValue.write(value.soft, style) : nil
  }

  // MARK: Capabilities

  static func capabilityNames(allowsAll: Bool) -> ValueKind<[String]> {
    .list(
      "list of names",
      of: .text(maximumBytes: 32) { name in
        Capabilities.names.contains(name) || (allowsAll && name == "all")
          ? nil
          : "\"\(Visible.text(name, limit: 40))\" is no capability; see capabilities(7), without CAP_, lower case"
      }.answering(ForeignValues.capability), maximum: GuestSpec.Bound.capabilities)
  }
}
