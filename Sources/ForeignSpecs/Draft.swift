import Guest
public import SpecFile

/// A spec that is made from another tool's description of a container, setting by setting.
///
/// Each setting is read by the table of keys as it comes: what the table refuses is left out with its reason, so that
/// what is printed is never refused later.
public struct Draft: Sendable {
  /// Something of the source that the spec does not have, or has otherwise.
  public struct Note: Sendable, Hashable {
    public var position: Position
    /// As the source names it, from the top: `services.web.ports`.
    public var key: String
    public var text: String
  }

  public private(set) var name: String
  public private(set) var notes: [Note] = []
  private var values: [String: DataValue] = [:]

  /// - Parameter name: as the source has it; other characters than those of a guest's name become hyphens.
  init(name: String, at position: Position, key: String) {
    var fitting = String(
      name.unicodeScalars.map { scalar -> Character in
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_", "-", ".": Character(scalar)
        case _: "-"
        }
      }.drop { $0 == "-" || $0 == "." || $0 == "_" }.prefix(GuestName.maximumLength))
    if fitting.isEmpty { fitting = "guest" }
    self.name = fitting
    if fitting != name {
      note(position, key, "\"\(Visible.text(name, limit: 80))\" is no name of a guest; it is \(fitting) here")
    }
  }

  mutating func note(_ position: Position, _ key: String, _ text: String) {
    notes.append(Note(position: position, key: key, text: text))
  }

  mutating func leaveOut(_ position: Position, _ key: String, _ why: String) {
    note(position, key, "left out: \(why)")
  }

  func value(of key: String) -> DataValue? { values[key] }

  /// Sets a key of the spec, or a part of one that is a mapping (`limits.memory`).
  ///
  /// - Parameters:
  ///   - position: of the source's value, for the note if the table refuses it.
  ///   - source: the source's name of it.
  mutating func set(_ path: String, _ value: DataValue, from position: Position, _ source: String) {
    let parts = path.split(separator: ".").map(String.init)
    if let why = Self.refusal(Self.nested(parts, value)) { return leaveOut(position, source, why) }
    values[parts[0]] = Self.merged(values[parts[0]], parts.dropFirst(), value)
  }

  /// Sets a member of a key whose names are free: no dot in the name parts anything.
  mutating func setMember(
    _ key: String, _ name: String, _ value: DataValue, from position: Position, _ source: String
  ) {
    if let why = Self.refusal(Self.nested([key, name], value)) { return leaveOut(position, source, why) }
    values[key] = Self.merged(values[key], [name], value)
  }

  /// Adds an element to a key that is a list.
  mutating func append(_ key: String, _ element: DataValue, from position: Position, _ source: String) {
    if let why = Self.refusal(.members([key: .list([element])])) { return leaveOut(position, source, why) }
    var items: [DataValue] = []
    if case .list(let present)? = values[key] { items = present }
    values[key] = .list(items + [element])
  }

  /// Sets a list, without the elements that the table refuses.
  mutating func setList(_ path: String, _ elements: [(text: String, position: Position)], _ source: String) {
    let parts = path.split(separator: ".").map(String.init)
    var fitting: [DataValue] = []
    for element in elements {
      let value = DataValue.text(element.text)
      if let why = Self.refusal(Self.nested(parts, .list([value]))) {
        leaveOut(element.position, source, why)
      } else {
        fitting.append(value)
      }
    }
    if let first = elements.first, !fitting.isEmpty { set(path, .list(fitting), from: first.position, source) }
  }

  private static func nested(_ parts: [String], _ value: DataValue) -> DataValue {
    parts.reversed().reduce(value) { inner, name in .object([.init(name, inner)]) }
  }

  private static func merged(_ present: DataValue?, _ parts: ArraySlice<String>, _ value: DataValue) -> DataValue {
    guard let first = parts.first else { return value }
    var members: [DataValue.Member] = []
    if case .object(let found)? = present { members = found }
    let inner = members.first { $0.name == first }?.value
    let member = DataValue.Member(first, merged(inner, parts.dropFirst(), value))
    if let index = members.firstIndex(where: { $0.name == first }) {
      members[index] = member
    } else {
      members.append(member)
    }
    return .object(members)
  }

  /// Why the table of keys does not take a spec that has only this; nil if it does.
  private static func refusal(_ value: DataValue) -> String? {
    do throws(SpecFileError) {
      _ = try GuestSpecFile.decode(Array(value.yaml.utf8), file: "", isPartial: true)
      return nil
    } catch {
      return error.diagnostics.map { $0.key.isEmpty ? $0.message : "\($0.key): \($0.message)" }.joined(separator: "; ")
    }
  }

  /// The spec, its keys in the order of the reference.
  var value: DataValue {
    let order = GuestSpecFile.reference.map(\.path)
    let members = order.compactMap { key in values[key].map { DataValue.Member(key, $0) } }
    return .object([.init("name", .text(name))] + members)
  }
}

/// The guests that a file of another tool describes.
public struct Conversion: Sendable {
  /// The tools whose files are read.
  public enum Source: String, Sendable, CaseIterable {
    case compose, podman, libvirt
  }

  public var drafts: [Draft]
  /// Of the file as a whole.
  public var notes: [Draft.Note]

  /// - Parameters:
  ///   - source: nil finds it out from the file.
  ///   - folder: that the file stands in, for paths that are relative to it; nil if it has none.
  /// - Throws: what is wrong with the file, with its place.
  public init(
    _ bytes: [UInt8], file: String, source: Source? = nil, folder: String? = nil
  ) throws(SpecFileError) {
    let isMarkup = bytes.first { ![0x20, 0x09, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF].contains($0) } == UInt8(ascii: "<")
    if source == .libvirt || (source == nil && isMarkup) {
      let domain = try XMLReader.read(bytes, file: file)
      self.init(drafts: [try Libvirt.draft(domain, file: file)], notes: [])
      return
    }
    guard let node = try Node.parse(bytes, file: file) else {
      throw Self.unknown(file, Position(line: 1, column: 1), "the file is empty")
    }
    switch (source, node.content) {
    case (.compose?, _), (nil, .mapping): self = try Compose.conversion(node, file: file, folder: folder)
    case (.podman?, _), (nil, .sequence): self = try Inspection.conversion(node, file: file)
    case (.libvirt?, _), (nil, .scalar):
      throw Self.unknown(
        file, node.position, "it is no compose file, no output of podman inspect, and no domain of libvirt")
    }
  }

  init(drafts: [Draft], notes: [Draft.Note]) {
    self.drafts = drafts
    self.notes = notes
  }

  static func unknown(_ file: String, _ position: Position, _ message: String, key: String = "") -> SpecFileError {
    SpecFileError([Diagnostic(file: file, position: position, key: key, message: message)])
  }

  /// Spec files in one text, parted by lines of three hyphens.
  public var yaml: String { drafts.map(\.value.yaml).joined(separator: "---\n") }

  /// Settings that were left out or changed, a line each: `compose.yaml:7:3: services.web.ports: left out: ...`.
  public func lines(file: String) -> [String] {
    (notes + drafts.flatMap(\.notes)).sorted { $0.position < $1.position }.map {
      Diagnostic(file: file, position: $0.position, key: Visible.text($0.key, limit: 200), message: $0.text).description
    }
  }
}
