import SpecFile

// The table of the output for programs as JSON Schema (json-schema.org, draft 2020-12) and as text.

extension OutputSchema {
  /// `contrib/schema/lodge-output.schema.json`: the document of a verb is `#/$defs/lodge VERB`, a line of `-o jsonl` is
  /// `#/$defs/lodge VERB line`, and every object has its own name there.
  static var jsonSchema: DataValue {
    let definitions =
      objects.map { DataValue.Member($0.name, $0.jsonSchema) } + documents.flatMap(\.jsonSchemas)
    return .members([
      "$schema": .text("https://json-schema.org/draft/2020-12/schema"), "$id": .text("lodge-output.schema.json"),
      "title": .text("What lodge prints for programs"),
      "description": .text("schemaVersion \(outputSchemaVersion). Fields come within it, and never go."),
      "$defs": .object(definitions),
    ])
  }

  /// The faults of a value that was printed as an object; empty where the table describes it whole.
  ///
  /// - Parameter path: of the value, for the faults.
  static func faults(in value: DataValue, as name: String, at path: String = "") -> [String] {
    guard let object = object(name) else { return ["\(path): there is no object \(name)"] }
    guard case .object(let members) = value else { return ["\(path): not an object (\(name))"] }
    var faults: [String] = []
    for member in members {
      guard let field = object.fields.first(where: { $0.name == member.name }) else {
        faults.append("\(path).\(member.name): no field of \(name)")
        continue
      }
      faults += field.faults(in: member.value, at: "\(path).\(field.name)")
    }
    for field in object.fields where !field.mayBeLeftOut && !members.contains(where: { $0.name == field.name }) {
      faults.append("\(path).\(field.name): missing in \(name)")
    }
    return faults
  }
}

extension OutputField {
  var mayBeLeftOut: Bool {
    switch presence {
    case .always, .nullable: false
    case .sometimes, .sometimesNull: true
    }
  }

  fileprivate var mayBeNull: Bool {
    switch presence {
    case .always, .sometimes: false
    case .nullable, .sometimesNull: true
    }
  }

  fileprivate func faults(in value: DataValue, at path: String) -> [String] {
    if value == .null { return mayBeNull ? [] : ["\(path): null"] }
    return shape.faults(in: value, at: path)
  }

  fileprivate var jsonSchema: DataValue {
    var schema = shape.jsonSchema
    if mayBeNull { schema = .members(["anyOf": .list([schema, .members(["type": .text("null")])])]) }
    guard case .object(let members) = schema else { return schema }
    return .object(members + [.init("description", .text(meaning))])
  }
}

extension Shape {
  /// In `lodge help json`.
  var words: String {
    switch self {
    case .text: "text"
    case .words(let words): words.joined(separator: ", ")
    case .bool: "true or false"
    case .count: "number, 0 or more"
    case .integer: "number"
    case .number: "number with a fraction"
    case .seconds: "seconds"
    case .time: "time"
    case .uuid: "UUID"
    case .object(let name): name
    case .list(let element): "list of \(element.words)"
    case .labels: "object of texts"
    case .spec: "spec"
    }
  }

  fileprivate func faults(in value: DataValue, at path: String) -> [String] {
    switch (self, value) {
    case (.text, .text), (.bool, .bool), (.count, .unsigned), (.integer, .integer), (.integer, .unsigned),
      (.spec, .object):
      return []
    case (.count, .integer(let number)): return number >= 0 ? [] : ["\(path): \(number) is negative"]
    case (.seconds, .decimal), (.seconds, .integer), (.seconds, .unsigned), (.number, .decimal), (.number, .integer),
      (.number, .unsigned):
      return []
    case (.words(let words), .text(let text)):
      return words.contains(text) ? [] : ["\(path): \"\(text)\" is no word of it"]
    case (.time, .text(let text)):
      return text.hasSuffix("Z") && text.utf8.count >= 20 ? [] : ["\(path): \"\(text)\" is no time"]
    case (.uuid, .text(let text)):
      return text.utf8.count == 36 ? [] : ["\(path): \"\(text)\" is no UUID"]
    case (.object(let name), .object): return OutputSchema.faults(in: value, as: name, at: path)
    case (.list(let element), .list(let items)):
      return items.enumerated().flatMap { element.faults(in: $0.element, at: "\(path)[\($0.offset)]") }
    case (.labels, .object(let members)):
      return members.flatMap { Shape.text.faults(in: $0.value, at: "\(path).\($0.name)") }
    case (.text, _), (.bool, _), (.count, _), (.integer, _), (.spec, _), (.number, _), (.seconds, _), (.words, _),
      (.time, _),
      (.uuid, _), (.object, _), (.list, _), (.labels, _):
      return ["\(path): \(value.json.prefix(60)) is not \(words)"]
    }
  }

  fileprivate var jsonSchema: DataValue {
    switch self {
    case .text: .members(["type": .text("string")])
    case .words(let words): .members(["enum": .list(words.map { .text($0) })])
    case .bool: .members(["type": .text("boolean")])
    case .count: .members(["type": .text("integer"), "minimum": .integer(0)])
    case .integer: .members(["type": .text("integer")])
    case .seconds, .number: .members(["type": .text("number"), "minimum": .integer(0)])
    case .time: .members(["type": .text("string"), "format": .text("date-time")])
    case .uuid: .members(["type": .text("string"), "pattern": .text("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")])
    case .object(let name): .members(["$ref": .text("#/$defs/\(name)")])
    case .list(let element): .members(["type": .text("array"), "items": element.jsonSchema])
    case .labels: .members(["type": .text("object"), "additionalProperties": .members(["type": .text("string")])])
    // With every key, in bytes and seconds: guest-spec.schema.json describes it, with the other forms that a file may have.
    case .spec: .members(["type": .text("object")])
    }
  }
}

extension OutputObject {
  fileprivate var jsonSchema: DataValue {
    .members([
      "type": .text("object"), "description": .text(meaning),
      "required": .list(fields.filter { !$0.mayBeLeftOut }.map { .text($0.name) }),
      "properties": .object(fields.map { .init($0.name, $0.jsonSchema) }),
    ])
  }
}

extension OutputDocument {
  private static let version = DataValue.Member("schemaVersion", .members(["const": .integer(outputSchemaVersion)]))

  /// One object of those that it may be, with the version beside its fields.
  private var line: DataValue {
    let references = objects.map { DataValue.members(["$ref": .text("#/$defs/\($0)")]) }
    return .members([
      "type": .text("object"), "required": .list([.text(Self.version.name)]), "properties": .object([Self.version]),
      "anyOf": .list(references),
    ])
  }

  fileprivate var jsonSchemas: [DataValue.Member] {
    let result = DataValue.members([
      "anyOf": .list(objects.map { .members(["$ref": .text("#/$defs/\($0)")]) })
    ])
    let whole = list.map { list in
      let names = [Self.version.name] + extra.map(\.name) + [list]
      return DataValue.members([
        "type": .text("object"), "required": .list(names.map { .text($0) }),
        "properties": .object(
          [Self.version] + extra.map { .init($0.name, $0.jsonSchema) }
            + [.init(list, .members(["type": .text("array"), "items": result]))]),
      ])
    }
    return verbs.flatMap { verb in
      [DataValue.Member("lodge \(verb)", whole ?? line), DataValue.Member("lodge \(verb) line", line)]
    }
  }
}

extension HelpText {
  /// `lodge help json`.
  @Sendable static func json(_ screen: Screen) -> String {
    var lines = screen.lines(
      """
      With -o json and -o yaml a verb prints one object: schemaVersion (\(outputSchemaVersion)), and its results in a list. With \
      -o jsonl each result is a line of its own, with schemaVersion in front. Sizes are bytes, durations seconds, times RFC \
      3339 in UTC. A field that is not marked is always there; "or null" where there is no value, or it is not known; "may \
      be left out" where it does not apply. Programs pass over fields that they do not know.
      """)
    lines += screen.lines("As JSON Schema: /usr/share/lodge/schema/lodge-output.schema.json, with #/$defs/lodge VERB.")
    lines.append("")
    for document in OutputSchema.documents {
      let extra = document.extra.map { "\($0.name): \($0.shape.words); " }.joined()
      let results = document.objects.joined(separator: " or ")
      lines += screen.lines(document.verbs.joined(separator: ", "))
      lines += screen.lines(document.list.map { "\(extra)\($0): list of \(results)" } ?? results, indent: 4)
    }
    for object in OutputSchema.objects { lines += [""] + Self.lines(object, screen) }
    return lines.map { $0 + "\n" }.joined()
  }

  /// `lodge help json OBJECT`; nil if there is none of that name.
  static func json(_ name: String, _ screen: Screen) -> String? {
    OutputSchema.object(name).map { lines($0, screen).map { $0 + "\n" }.joined() }
  }

  private static func lines(_ object: OutputObject, _ screen: Screen) -> [String] {
    var lines = [screen.style(.bold, screen.line(object.name))] + screen.lines(object.meaning, indent: 2)
    for field in object.fields {
      let presence =
        switch field.presence {
        case .always: ""
        case .nullable: ", or null"
        case .sometimes: ", may be left out"
        case .sometimesNull: ", or null, may be left out"
        }
      lines += screen.lines("\(field.meaning) (\(field.shape.words)\(presence))", beside: "  \(field.name)", indent: 20)
    }
    return lines
  }
}
