import Guest
import SpecFile

/// `--format`: a line for each result, made from the fields of its JSON: `{{.name}} is {{.state}}`.
///
/// The part of docker's and podman's templates that people type: fields with points between them, `json`, and the escapes
/// `\t` and `\n`. A field is found whatever its case, so that `{{.Name}}` works, too.
struct Template: Equatable {
  private enum Piece: Equatable {
    case text(String)
    case field([String], asJSON: Bool)
  }

  private var pieces: [Piece] = []

  init(_ text: String) throws(Failure) {
    var rest = Substring(text)
    // docker's `table` asks for titles, which are of no use to what reads this.
    if rest.hasPrefix("table ") { rest = rest.dropFirst("table ".count) }
    while let open = rest.firstRange(of: "{{") {
      pieces.append(.text(Self.unescaped(rest[..<open.lowerBound])))
      rest = rest[open.upperBound...]
      guard let close = rest.firstRange(of: "}}") else {
        throw .usage("--format: {{ without }}", hint: "for example: --format '{{.name}} {{.state}}'")
      }
      pieces.append(try Self.field(rest[..<close.lowerBound]))
      rest = rest[close.upperBound...]
    }
    if pieces.isEmpty {
      throw .usage(
        "--format: expected a template with {{.FIELD}}, found \"\(Visible.text(text, limit: 60))\"",
        hint: "-o json, yaml and csv are formats; a template is '{{.name}} {{.state}}'")
    }
    pieces.append(.text(Self.unescaped(rest)))
  }

  private static func field(_ text: Substring) throws(Failure) -> Piece {
    var words = text.split(separator: " ")
    let asJSON = words.first == "json"
    if asJSON { words.removeFirst() }
    guard words.count == 1, words[0].hasPrefix(".") else {
      throw .usage(
        "--format: expected {{.FIELD}} or {{json .FIELD}}, found \"{{\(Visible.text(String(text), limit: 60))}}\"",
        hint: "lodge help json lists the fields")
    }
    return .field(words[0].split(separator: ".").map(String.init), asJSON: asJSON)
  }

  private static func unescaped(_ text: Substring) -> String {
    var result = ""
    var isEscaped = false
    for character in text {
      if isEscaped {
        switch character {
        case "t": result.append("\t")
        case "n": result.append("\n")
        case "\\": result.append("\\")
        default: result += "\\\(character)"
        }
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else {
        result.append(character)
      }
    }
    return result + (isEscaped ? "\\" : "")
  }

  /// The line for one result, without a newline at its end.
  func line(_ value: DataValue) throws(Failure) -> String {
    var line = ""
    for piece in pieces {
      switch piece {
      case .text(let text): line += text
      case .field(let path, let asJSON):
        let found = try Self.find(path, in: value)
        line += asJSON ? found.json : Self.text(found)
      }
    }
    return line
  }

  /// Fields that an object may leave out, in lower case: absent they are empty, and no mistake.
  private static let sometimes = Set(
    OutputSchema.objects.flatMap(\.fields).filter(\.mayBeLeftOut).map { $0.name.lowercased() })

  private static func find(_ path: [String], in value: DataValue) throws(Failure) -> DataValue {
    var value = value
    for (depth, name) in path.enumerated() {
      guard case .object(let members) = value else {
        // Below what is absent nothing is there either, and that is no mistake.
        if value == .null { return .null }
        throw .usage("--format: .\(path.prefix(depth).joined(separator: ".")) has no fields")
      }
      // docker's and podman's words beside ours.
      let synonyms = ["names": "name", "status": "state", "id": "run", "pid": "initpid", "config": "spec"]
      let lower = name.lowercased()
      let member =
        members.first { $0.name == name } ?? members.first { $0.name.lowercased() == lower }
        ?? members.first { $0.name.lowercased() == synonyms[lower] }
      guard let member else {
        if sometimes.contains(lower) { return .null }
        throw .usage(
          "--format: there is no field .\(Visible.text(path.prefix(depth + 1).joined(separator: "."), limit: 60))",
          hint: "it is one of \(members.map(\.name).joined(separator: ", "))")
      }
      value = member.value
    }
    return value
  }

  private static func text(_ value: DataValue) -> String {
    switch value {
    case .text(let text): text
    case .null: ""
    case .bool, .integer, .unsigned, .decimal, .list, .object: value.json
    }
  }
}
