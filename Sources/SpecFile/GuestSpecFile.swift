public import Guest
@_exported public import SpecKeys

/// Guest specs as files, YAML or JSON. The keys are those of `GuestKeys`.
public enum GuestSpecFile {
  /// Reads a spec and checks every rule that can be checked without looking at the host.
  ///
  /// - Parameter isPartial: whether `rootfs` and `command` may be missing, because flags supply them. The rules that
  ///   look at several keys together are left for `GuestSpec.problems()` then.
  /// - Throws: everything that is wrong, with its places.
  public static func decode(
    _ bytes: [UInt8], file: String, isPartial: Bool = false
  ) throws(SpecFileError) -> GuestSpec {
    let form = try GuestKeys.schema.decode(bytes, file: file, isPartial: isPartial) { form, problems in
      guard !isPartial else { return }
      for problem in form.brokenRules() { problems.report(key: problem.key, problem.message) }
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

  /// Every key with its type, bounds, default and meaning.
  public static var reference: [ReferenceRow] { GuestKeys.reference }

  // Kinds that flags share.
  public static let duration = GuestKeys.duration
  public static let signal = GuestKeys.signal
  public static let restartMode = GuestKeys.restartMode
  public static let tmpfsSize = GuestKeys.tmpfsSize

  public static func value(_ spec: GuestSpec, style: NumberStyle, includingDefaults: Bool) -> DataValue {
    GuestKeys.schema.write(SpecForm(spec), style: style, includingDefaults: includingDefaults)
  }
}

extension Schema {
  /// Reads a whole file. An empty file, and one of comments only, is an empty mapping.
  ///
  /// - Parameters:
  ///   - isPartial: whether keys that must be there may be missing.
  ///   - check: further rules, run where all keys could be read; it reports what it finds.
  /// - Throws: everything that is wrong with the file.
  public func decode(
    _ bytes: [UInt8], file: String, isPartial: Bool = false,
    check: (Root, inout Problems) -> Void = { _, _ in }
  ) throws(SpecFileError) -> Root {
    let start = Position(line: 1, column: 1)
    let node = try Node.parse(bytes, file: file) ?? Node(position: start, content: .mapping([]))
    var problems = Problems(file: file, isPartial: isPartial)
    let root = read(node, &problems)
    if let root, problems.isEmpty { check(root, &problems) }
    try problems.check()
    guard let root else { preconditionFailure("a file was refused without a reason") }
    return root
  }
}
