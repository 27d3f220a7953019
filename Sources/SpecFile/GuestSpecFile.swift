public import Guest
@_exported public import SpecKeys

/// Guest specs as files, YAML or JSON. The keys are those of `GuestKeys`.
public enum GuestSpecFile {
  /// Reads a spec and checks every rule that can be checked without looking at the host.
  ///
  /// - Parameters:
  ///   - name: the guest that it is for; a key `name` has to say the same. Nil takes any.
  ///   - isPartial: whether `rootfs` and `command` may be missing, because flags supply them. The rules that look at
  ///     several keys together are left for `GuestSpec.problems()` then.
  /// - Throws: everything that is wrong, with its places.
  public static func decode(
    _ bytes: [UInt8], file: String, for name: String? = nil, isPartial: Bool = false
  ) throws(SpecFileError) -> GuestSpec {
    var problems = Problems(file: file, isPartial: isPartial)
    let start = Position(line: 1, column: 1)
    var node = try Node.parse(bytes, &problems) ?? Node(position: start, content: .mapping([]))
    if let entry = takeName(from: &node), let found = guestName(entry, &problems), let name, found.value != name {
      problems.report(entry.value.position, "name: the file is for \(found), and not for \(name)")
    }
    let form = GuestKeys.schema.readSound(node, &problems).root
    if !isPartial { for problem in form.brokenRules() { problems.report(problem) } }
    try problems.check()
    return form.spec
  }

  /// The entry `name` of a document, which is not a setting of the guest.
  static func takeName(from node: inout Node) -> Node.Entry? {
    guard case .mapping(let entries) = node.content, let entry = entries.first(where: { $0.key == "name" }) else {
      return nil
    }
    node.content = .mapping(entries.filter { $0.key != "name" })
    return entry
  }

  /// The guest that a document is for; nil after a report.
  static func guestName(_ entry: Node.Entry, _ problems: inout Problems) -> GuestName? {
    let position = entry.value.position
    guard let text = entry.value.text else {
      problems.report(position, "name: expected a guest's name, found \(entry.value.kindDescription)")
      return nil
    }
    do throws(GuestError) {
      return try GuestName(text)
    } catch {
      problems.report(position, "name: \(error.message)")
      return nil
    }
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
  public static var reference: [ReferenceRow] { [GuestKeys.nameRow] + GuestKeys.reference }

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
  ///   - check: further rules; it reports what it finds. Keys that could not be read are at their defaults.
  /// - Throws: everything that is wrong with the file.
  public func decode(
    _ bytes: [UInt8], file: String, isPartial: Bool = false,
    check: (Root, inout Problems) -> Void = { _, _ in }
  ) throws(SpecFileError) -> Root {
    let start = Position(line: 1, column: 1)
    var problems = Problems(file: file, isPartial: isPartial)
    let node = try Node.parse(bytes, &problems) ?? Node(position: start, content: .mapping([]))
    let root = readSound(node, &problems).root
    check(root, &problems)
    try problems.check()
    return root
  }
}
