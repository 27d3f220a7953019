import Guest

/// What the reference says of one key.
public struct ReferenceRow: Sendable, Hashable {
  /// From the top, for example `limits.memory` or `mounts[].source`.
  public var path: String
  public var type: String
  public var allowed: String
  /// What holds if the key is left out; empty for a key that must be there.
  public var defaultText: String
  public var meaning: String

  func below(_ prefix: String) -> ReferenceRow {
    var row = self
    row.path = path.hasPrefix("[") || prefix.isEmpty ? prefix + path : "\(prefix).\(path)"
    return row
  }
}

/// The keys of a mapping and the value they make: reads it, writes it, and documents it, all from one table.
///
///     static let schema = Schema(defaults: Limits(), [
///       Key("memory", .size(in: 1 << 20...1 << 50).optional, \.memoryBytes, "most memory the guest may have"),
///     ])
///     let limits = try schema.decode(bytes, file: "limits.yaml")
public struct Schema<Root: Sendable>: Sendable {
  /// The value with every key left out.
  public let defaults: Root
  public let keys: [Key<Root>]

  public init(defaults: Root, _ keys: [Key<Root>]) {
    self.defaults = defaults
    self.keys = keys
  }

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

  /// The value that a mapping makes; nil after a report.
  public func read(_ node: Node, _ problems: inout Problems) -> Root? {
    guard case .mapping(let entries) = node.isNull ? .mapping([]) : node.content else {
      problems.report(node.position, "expected a mapping (key: value), found \(node.kindDescription)")
      return nil
    }
    var root = defaults
    var isSound = true
    for entry in entries {
      let name = Visible.text(entry.key, limit: 40)
      guard let key = keys.first(where: { $0.name == entry.key }) else {
        let text = "unknown key\(suggestion(for: entry.key))"
        problems.within(name, entry.keyPosition) { $0.report(entry.keyPosition, text) }
        isSound = false
        continue
      }
      // A key without a value, as it is left behind when everything below it is commented out, is a key left out.
      if entry.value.isNull, !key.isRequired { continue }
      let isRead = problems.within(name, entry.value.position) { key.read(entry.value, &root, &$0) }
      isSound = isSound && isRead
    }
    for key in keys where key.isRequired && !problems.isPartial && !entries.contains(where: { $0.key == key.name }) {
      problems.report(node.position, "key \"\(key.name)\" is missing")
      isSound = false
    }
    return isSound ? root : nil
  }

  /// What `read` makes the same value of.
  ///
  /// - Parameter includingDefaults: whether keys are written that could be left out.
  public func write(_ root: Root, style: NumberStyle, includingDefaults: Bool) -> DataValue {
    .object(
      keys.compactMap { key in
        key.write(root, style, includingDefaults).map { DataValue.Member(key.name, $0) }
      })
  }

  /// The reference, in the order of the table.
  public var rows: [ReferenceRow] {
    keys.flatMap { key in [key.row] + key.rows.map { $0.below(key.name) } }
  }

  private func suggestion(for name: String) -> String {
    if let known = nearest(to: name, in: keys.map(\.name)) { return " (did you mean \"\(known)\"?)" }
    // Right key, wrong level.
    if let row = rows.first(where: { $0.path.split(separator: ".").last.map(String.init) == name }) {
      return " (did you mean \"\(row.path)\"?)"
    }
    return "; known are \(keys.map(\.name).joined(separator: ", "))"
  }
}

/// One key of a mapping.
public struct Key<Root: Sendable>: Sendable {
  public let name: String
  let isRequired: Bool
  let row: ReferenceRow
  let rows: [ReferenceRow]
  let read: @Sendable (Node, inout Root, inout Problems) -> Bool
  let write: @Sendable (Root, NumberStyle, _ includingDefaults: Bool) -> DataValue?

  /// A key that sets one property.
  ///
  /// - Parameters:
  ///   - defaults: the value with every key left out; nil for a key that must be there.
  ///   - defaultText: what the reference says instead of that value.
  public init<Value: Equatable & Sendable>(
    _ name: String, _ kind: ValueKind<Value>, _ property: any WritableKeyPath<Root, Value> & Sendable,
    default defaultValue: Value?, defaultText: String? = nil, _ meaning: String
  ) {
    self.name = name
    isRequired = defaultValue == nil
    rows = kind.rows
    row = ReferenceRow(
      path: name, type: kind.name, allowed: kind.allowed,
      defaultText: defaultText ?? defaultValue.map { kind.write($0, .human).shortText } ?? "", meaning: meaning)
    read = { node, root, problems in
      guard let value = kind.read(node, &problems) else { return false }
      root[keyPath: property] = value
      return true
    }
    write = { root, style, includingDefaults in
      let value = root[keyPath: property]
      return includingDefaults || value != defaultValue ? kind.write(value, style) : nil
    }
  }

  /// A key that holds a mapping with keys of its own.
  public init<Section: Equatable & Sendable>(
    _ name: String, _ schema: Schema<Section>, _ property: any WritableKeyPath<Root, Section> & Sendable,
    _ meaning: String
  ) {
    self.name = name
    isRequired = false
    rows = schema.rows
    row = ReferenceRow(path: name, type: "mapping", allowed: "", defaultText: "", meaning: meaning)
    read = { node, root, problems in
      guard let section = schema.read(node, &problems) else { return false }
      root[keyPath: property] = section
      return true
    }
    write = { root, style, includingDefaults in
      let section = root[keyPath: property]
      guard includingDefaults || section != schema.defaults else { return nil }
      return schema.write(section, style: style, includingDefaults: includingDefaults)
    }
  }

  /// A key that is read and written in a way of its own.
  public init(
    _ name: String, row: ReferenceRow, rows: [ReferenceRow] = [], isRequired: Bool = false,
    read: @escaping @Sendable (Node, inout Root, inout Problems) -> Bool,
    write: @escaping @Sendable (Root, NumberStyle, _ includingDefaults: Bool) -> DataValue?
  ) {
    self.name = name
    self.isRequired = isRequired
    self.row = row
    self.rows = rows
    self.read = read
    self.write = write
  }
}

extension Schema where Root: Equatable {
  /// A value of this mapping as a kind, for lists of it.
  public func kind(_ name: String) -> ValueKind<Root> {
    var kind = ValueKind<Root>(name) { node, problems in
      read(node, &problems)
    } write: { value, style in
      // Programs are given every key, people what differs.
      write(value, style: style, includingDefaults: style == .plain)
    }
    kind.rows = rows
    return kind
  }
}

extension DataValue {
  /// How the reference shows a default.
  var shortText: String {
    switch self {
    case .null: "none"
    case .text(let text): text.isEmpty ? "empty" : text
    case .list(let items): items.isEmpty ? "empty" : json
    case .object(let members): members.isEmpty ? "empty" : json
    default: json
    }
  }
}
