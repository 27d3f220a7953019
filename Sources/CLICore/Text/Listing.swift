import Guest
import SpecFile

/// How results are printed.
enum OutputFormat: String, CaseIterable, Sendable {
  case table, wide, json, jsonl, yaml, csv, name

  /// For programs: nothing but the data goes to standard output.
  var isForPrograms: Bool {
    switch self {
    case .json, .jsonl, .yaml, .csv: true
    case .table, .wide, .name: false
    }
  }
}

/// The version of the JSON, YAML and CSV output. Within one, fields come and never go or change their meaning.
let outputSchemaVersion: Int64 = 1

/// A column of a listing.
struct Column<Row> {
  var title: String
  /// The name in CSV.
  var field: String
  /// Shown only in the wide format (and in CSV).
  var isWide = false
  /// Shown to programs only.
  var isForPrograms = false
  var alignment = Grid.Alignment.left
  /// How it gives way on a narrow screen; see `Grid.Column`.
  var rank: Int
  var minimum: Int?
  /// For people.
  var text: (Row) -> String
  /// By meaning: red for what failed, yellow for what is under way.
  var color: (Row) -> Style.Color?
  /// For programs.
  var value: (Row) -> DataValue

  /// A column of CSV that people have elsewhere in words.
  init(data field: String, value: @escaping (Row) -> DataValue) {
    self.init("", field, text: { _ in "" }, value: value)
    isForPrograms = true
  }

  init(
    _ title: String, _ field: String, isWide: Bool = false, alignment: Grid.Alignment = .left, rank: Int = 0,
    minimum: Int? = nil, color: @escaping (Row) -> Style.Color? = { _ in nil },
    text: @escaping (Row) -> String, value: @escaping (Row) -> DataValue
  ) {
    self.title = title
    self.field = field
    self.isWide = isWide
    self.alignment = alignment
    self.rank = rank
    self.minimum = minimum
    self.text = text
    self.color = color
    self.value = value
  }
}

/// Rows of one kind in every format.
struct Listing<Row> {
  /// The member of the JSON object that holds the rows, for example `guests`.
  var name: String
  var columns: [Column<Row>]
  var json: (Row) -> DataValue
  /// The name that `-o name` and `-q` print.
  var rowName: (Row) -> String

  /// The whole output, ending with a newline unless it is empty.
  ///
  /// - Parameters:
  ///   - extra: further members of the JSON object, before the rows.
  ///   - whenEmpty: what a person reads instead of a table without rows.
  func text(
    _ rows: [Row], format: OutputFormat, screen: Screen = .unlimited, extra: [DataValue.Member] = [],
    whenEmpty: String = ""
  ) -> String {
    switch format {
    case .table, .wide:
      if rows.isEmpty { return whenEmpty.isEmpty ? "" : whenEmpty + "\n" }
      return joined(lines(rows, format: format, screen: screen))
    case .json: return document(rows, extra).indentedJSON + "\n"
    case .jsonl: return joined(rows.map { json($0).versioned.json })
    case .yaml: return document(rows, extra).yaml
    case .csv:
      return CSV.line(columns.map(\.field))
        + rows.map { row in CSV.line(columns.map { CSV.text($0.value(row)) }) }.joined()
    case .name: return joined(rows.map(rowName))
    }
  }

  /// A line for each row, made by `--format`.
  func text(_ rows: [Row], template: Template) throws(Failure) -> String {
    var text = ""
    for row in rows { text += try template.line(json(row)) + "\n" }
    return text
  }

  /// The table alone, its titles first.
  func lines(_ rows: [Row], format: OutputFormat, screen: Screen) -> [String] {
    let shown = columns.filter { !$0.isForPrograms && (!$0.isWide || format == .wide) }
    return Grid(
      shown.map { Grid.Column($0.title, alignment: $0.alignment, rank: $0.rank, minimum: $0.minimum) },
      rows.map { row in shown.map { Span($0.text(row), $0.color(row)) } }
    ).lines(screen)
  }

  private func document(_ rows: [Row], _ extra: [DataValue.Member]) -> DataValue {
    .object(
      [.init("schemaVersion", .integer(outputSchemaVersion))] + extra + [.init(name, .list(rows.map(json)))])
  }

  private func joined(_ lines: [String]) -> String {
    lines.map { $0 + "\n" }.joined()
  }
}

extension DataValue {
  /// An object on a line of its own says of which schema it is.
  var versioned: DataValue {
    guard case .object(let members) = self else { return self }
    return .object([.init("schemaVersion", .integer(outputSchemaVersion))] + members)
  }
}

/// RFC 4180, with line feeds alone at the ends of lines as tools on this system expect. What a terminal would act upon is
/// made visible, but for line feeds within a field: JSON is for those who need each byte.
enum CSV {
  static func line(_ fields: [String]) -> String {
    fields.map(quoted).joined(separator: ",") + "\n"
  }

  static func text(_ value: DataValue) -> String {
    switch value {
    case .null: ""
    case .text(let text):
      text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
        line.unicodeScalars.contains(where: Visible.acts) ? Visible.text(String(line)) : String(line)
      }.joined(separator: "\n")
    case .bool, .integer, .unsigned, .decimal, .list, .object: value.json
    }
  }

  private static func quoted(_ field: String) -> String {
    let needsQuotes =
      field.utf8.contains { [0x22, 0x2C, 0x0A, 0x0D].contains($0) } || field.hasPrefix(" ") || field.hasSuffix(" ")
    guard needsQuotes else { return field }
    return "\"" + field.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }
}
