internal import Guest

/// Everything about one key that is not its type: what it needs and who may use it.
public struct KeyTraits: Sendable, Hashable {
  /// The right that reading a value needs.
  public enum Reading: String, Sendable, Hashable, CaseIterable {
    /// All who may see the guest.
    case view
    /// Only those who may look inside it: the value can hold secrets.
    case inspect
  }

  /// The right that a change of the value needs.
  public enum Changing: String, Sendable, Hashable, CaseIterable {
    case operate
    case admin
  }

  /// The name of the host's feature that the key needs, as `lodge host` lists it; nil where every host will do.
  public var feature: String?
  public var reading: Reading
  public var changing: Changing
  /// Whether the kernel lets the value be changed in a guest that runs. Otherwise it holds from the next start on.
  public var isLive: Bool

  public init(
    needs feature: String? = nil, reading: Reading = .view, changing: Changing = .admin, isLive: Bool = false
  ) {
    self.feature = feature
    self.reading = reading
    self.changing = changing
    self.isLive = isLive
  }
}

/// One key in the reference.
public struct ReferenceRow: Sendable, Hashable {
  /// From the top, for example `limits.memory` or `mounts[].source`.
  public var path: String
  public var type: String
  public var allowed: String
  /// The unit of a plain number, for example `bytes`; empty for a value without one.
  public var unit = ""
  /// The value of a key that is left out; empty for a required key.
  public var defaultText: String
  public var meaning: String
  public var traits = KeyTraits()

  func below(_ prefix: String) -> ReferenceRow {
    var row = self
    row.path = path.hasPrefix("[") || prefix.isEmpty ? prefix + path : "\(prefix).\(path)"
    return row
  }
}

/// The keys of a mapping and the value that they make: one table that reads it, writes it and documents it.
///
///     static let schema = Schema(defaults: Limits(), [
///       Key("memory", .size(in: 1 << 20...1 << 50).optional, \.memoryBytes, "most memory the guest may have"),
///     ])
///     let limits = try schema.decode(bytes, file: "limits.yaml")
public struct Schema<Root: Sendable>: Sendable {
  /// The value with every key left out.
  public let defaults: Root
  public let keys: [Key<Root>]
  private let foreign: ForeignWords
  private let rule: @Sendable (Root, inout Problems) -> Void
  /// The value in one text, as another tool writes it, in the form that it has here.
  private let foreignForm: @Sendable (String) -> String?

  /// - Parameters:
  ///   - foreign: words of other tools for these keys.
  ///   - foreignForm: the mapping that another tool's text stands for.
  ///   - rule: a rule that looks at several keys of the mapping; it is checked where all of them could be read.
  public init(
    defaults: Root, foreign: ForeignWords = .none, foreignForm: @escaping @Sendable (String) -> String? = { _ in nil },
    _ keys: [Key<Root>], rule: @escaping @Sendable (Root, inout Problems) -> Void = { _, _ in }
  ) {
    self.defaults = defaults
    self.keys = keys
    self.foreign = foreign
    self.foreignForm = foreignForm
    self.rule = rule
  }

  /// The value that a mapping makes; nil after a report.
  public func read(_ node: Node, _ problems: inout Problems) -> Root? {
    let found = readSound(node, &problems)
    return found.isSound ? found.root : nil
  }

  /// The value that the sound keys of a mapping make; those that are not sound are reported, and left at their defaults.
  public func readSound(_ node: Node, _ problems: inout Problems) -> (root: Root, isSound: Bool) {
    guard case .mapping(let entries) = node.isNull ? .mapping([]) : node.content else {
      let form = node.text.flatMap(foreignForm).map { "; write \(Visible.text($0, limit: 200))" } ?? ""
      problems.report(node.position, "expected a mapping (key: value), found \(node.kindDescription)\(form)")
      return (defaults, false)
    }
    var root = defaults
    var isSound = true
    for entry in entries {
      let name = Visible.text(entry.key, limit: 40)
      guard let key = keys.first(where: { $0.name == entry.key }) else {
        let text = "unknown key\(suggestion(for: entry.key, at: problems.path))"
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
      problems.reportMissing(key.name, node.position)
      isSound = false
    }
    if isSound { isSound = problems.isSound { rule(root, &$0) } }
    return (root, isSound)
  }

  /// The value in the form that `read` takes.
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

  /// The keys that hold a value of their own, each by its whole path: the keys of sections stand for their sections.
  public var leaves: [Leaf<Root>] { keys.flatMap(\.leaves) }

  /// The mapping as a JSON Schema (json-schema.org, draft 2020-12).
  public var jsonSchema: DataValue {
    .members([
      "type": .text("object"), "additionalProperties": .bool(false),
      "required": keys.contains(where: \.isRequired)
        ? .list(keys.filter(\.isRequired).map { .text($0.name) }) : nil,
      "properties": .object(keys.map { DataValue.Member($0.name, $0.jsonSchema) }),
    ])
  }

  /// One answer to an unknown key: the word that was meant, or where the keys are listed.
  ///
  /// - Parameter path: of the mapping; empty at the top, whose keys are too many for an answer.
  private func suggestion(for name: String, at path: String) -> String {
    if let answer = foreign.answer(to: name), !keys.contains(where: { $0.name.lowercased() == name.lowercased() }) {
      return "; \(answer)"
    }
    if let known = nearest(to: name, in: keys.map(\.name)) { return " (did you mean \"\(known)\"?)" }
    // Right key, wrong level.
    if let row = rows.first(where: { $0.path.split(separator: ".").last.map(String.init) == name }) {
      return " (did you mean \"\(row.path)\"?)"
    }
    return path.isEmpty || keys.count > 8 ? "" : "; \(path) has \(keys.map(\.name).joined(separator: ", "))"
  }
}

/// A key with a value of its own, by its path from the top: a row of the table without the sections around it.
public struct Leaf<Root: Sendable>: Sendable {
  /// For example `restart.backoff.initial`.
  public let path: String
  public let isRequired: Bool
  /// How the value is written as one text: see `ValueForm`.
  public let form: ValueForm
  public let traits: KeyTraits
  fileprivate let makeRow: @Sendable () -> ReferenceRow
  public var row: ReferenceRow { makeRow() }
  /// False after a report to the problems.
  public let read: @Sendable (Node, inout Root, inout Problems) -> Bool
  /// Nil for a value at its default that may be left out.
  public let write: @Sendable (Root, NumberStyle, _ includingDefaults: Bool) -> DataValue?

  fileprivate func below<Outer: Sendable>(
    _ name: String, _ property: @escaping @Sendable () -> any WritableKeyPath<Outer, Root> & Sendable, isRequired: Bool
  ) -> Leaf<Outer> {
    Leaf<Outer>(
      path: "\(name).\(path)", isRequired: isRequired && self.isRequired, form: form, traits: traits,
      makeRow: { [makeRow] in makeRow().below(name) },
      read: { [read] node, outer, problems in read(node, &outer[keyPath: property()], &problems) },
      write: { [write] outer, style, includingDefaults in write(outer[keyPath: property()], style, includingDefaults) })
  }
}

/// A mapping that may also be written as one short text, as `rootfs: /srv/web` is.
public struct ShortForm<Section: Sendable>: Sendable {
  /// The reference's name for both together, for example "path or mapping".
  public var name: String
  /// A JSON Schema of the short text.
  public var jsonSchema: DataValue { makeSchema() }
  private let makeSchema: @Sendable () -> DataValue
  /// Nil after a report to the problems.
  public var read: @Sendable (Node, inout Problems) -> Section?
  /// Nil for a value that needs the mapping.
  public var write: @Sendable (Section) -> DataValue?

  public init(
    _ name: String, jsonSchema: @escaping @autoclosure @Sendable () -> DataValue,
    read: @escaping @Sendable (Node, inout Problems) -> Section?,
    write: @escaping @Sendable (Section) -> DataValue?
  ) {
    self.name = name
    makeSchema = jsonSchema
    self.read = read
    self.write = write
  }
}

/// The words of the reference and the JSON Schema about a key, made when they are asked for.
private struct KeyDocument {
  var row: ReferenceRow
  /// Of the keys below it.
  var rows: [ReferenceRow]
  var jsonSchema: DataValue
}

/// One key of a mapping.
public struct Key<Root: Sendable>: Sendable {
  public let name: String
  let isRequired: Bool
  let leaves: [Leaf<Root>]
  private let document: @Sendable () -> KeyDocument
  var row: ReferenceRow { document().row }
  var rows: [ReferenceRow] { document().rows }
  var jsonSchema: DataValue { document().jsonSchema }
  let read: @Sendable (Node, inout Root, inout Problems) -> Bool
  let write: @Sendable (Root, NumberStyle, _ includingDefaults: Bool) -> DataValue?

  /// A key that sets one property.
  ///
  /// - Parameters:
  ///   - property: made when a value is first read or written: the run time takes some ten microseconds for each.
  ///   - defaults: the value with every key left out; nil for a required key.
  ///   - defaultText: replaces that value in the reference.
  public init<Value: Equatable & Sendable>(
    _ name: String, _ kind: ValueKind<Value>,
    _ property: @escaping @autoclosure @Sendable () -> any WritableKeyPath<Root, Value> & Sendable,
    default defaultValue: Value?, defaultText: String? = nil, _ meaning: String, traits: KeyTraits = KeyTraits()
  ) {
    self.name = name
    isRequired = defaultValue == nil
    let makeRow: @Sendable (ValueDocument) -> ReferenceRow = { words in
      ReferenceRow(
        path: name, type: words.name, allowed: words.allowed, unit: words.unit,
        defaultText: defaultText ?? defaultValue.map { kind.write($0, .human).shortText } ?? "", meaning: meaning,
        traits: traits)
    }
    document = {
      let words = kind.document()
      return KeyDocument(
        row: makeRow(words),
        rows: words.rows.map { row in
          var row = row
          row.traits = traits
          return row
        },
        jsonSchema: words.jsonSchema.annotated(
          meaning, default: defaultText == nil ? defaultValue.map { kind.write($0, .plain) } : nil, traits))
    }
    read = { node, root, problems in
      guard let value = kind.read(node, &problems) else { return false }
      root[keyPath: property()] = value
      return true
    }
    write = { root, style, includingDefaults in
      let value = root[keyPath: property()]
      return includingDefaults || value != defaultValue ? kind.write(value, style) : nil
    }
    leaves = [
      Leaf(
        path: name, isRequired: isRequired, form: kind.form, traits: traits, makeRow: { makeRow(kind.document()) },
        read: read, write: write)
    ]
  }

  /// A key that holds a mapping with keys of its own.
  ///
  /// - Parameters:
  ///   - isRequired: whether the mapping has to be there, for the keys in it that have to be.
  ///   - short: another way to write it.
  ///   - shortDefault: the default in the reference, for a mapping with a short form.
  public init<Section: Equatable & Sendable>(
    _ name: String, _ schema: Schema<Section>,
    _ property: @escaping @autoclosure @Sendable () -> any WritableKeyPath<Root, Section> & Sendable,
    isRequired: Bool = false, short: ShortForm<Section>? = nil, shortDefault: String = "", _ meaning: String
  ) {
    self.name = name
    self.isRequired = isRequired
    leaves = schema.leaves.map { $0.below(name, property, isRequired: isRequired) }
    document = {
      let mapping = schema.jsonSchema
      return KeyDocument(
        row: ReferenceRow(
          path: name, type: short?.name ?? "mapping", allowed: "", defaultText: shortDefault, meaning: meaning),
        rows: schema.rows,
        jsonSchema: (short.map { .members(["anyOf": .list([$0.jsonSchema, mapping])]) } ?? mapping)
          .annotated(meaning, default: nil, KeyTraits()))
    }
    read = { node, root, problems in
      if node.text != nil, let short {
        guard let section = short.read(node, &problems) else { return false }
        root[keyPath: property()] = section
        return true
      }
      // Its sound keys are kept beside a fault, so that rules about them are checked, too.
      let found = schema.readSound(node, &problems)
      root[keyPath: property()] = found.root
      return found.isSound
    }
    write = { root, style, includingDefaults in
      let section = root[keyPath: property()]
      guard includingDefaults || isRequired || section != schema.defaults else { return nil }
      if style == .human, let text = short?.write(section) { return text }
      return schema.write(section, style: style, includingDefaults: includingDefaults)
    }
  }
}

extension Schema where Root: Equatable {
  /// A value of this mapping as a kind, for lists of it.
  public func kind(_ name: String) -> ValueKind<Root> {
    ValueKind<Root>(name, form: .structured, jsonSchema: jsonSchema) { node, problems in
      read(node, &problems)
    } write: { value, style in
      // Programs are given every key, people what differs.
      write(value, style: style, includingDefaults: style == .plain)
    }
    .documented { $0.rows = rows }
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
    case .bool, .integer, .unsigned, .decimal: json
    }
  }

  /// A JSON Schema with what a reader of it may want to know. Names with `x-lodge-` are ours.
  fileprivate func annotated(_ meaning: String, default defaultValue: DataValue?, _ traits: KeyTraits) -> DataValue {
    guard case .object(let members) = self else { return self }
    var all = members + [Member("description", .text(meaning))]
    if let defaultValue, defaultValue != .null { all.append(Member("default", defaultValue)) }
    if let feature = traits.feature { all.append(Member("x-lodge-needs", .text(feature))) }
    if traits.isLive { all.append(Member("x-lodge-live", .bool(true))) }
    return .object(all)
  }
}
