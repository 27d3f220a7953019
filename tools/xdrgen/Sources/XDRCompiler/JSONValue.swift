/// A JSON document whose objects keep their order, so that output is the same on every machine.
public indirect enum JSONValue: Sendable {
  case null
  case bool(Bool)
  case integer(Int128)
  case number(String)
  case string(String)
  case array([JSONValue])
  case object([(String, JSONValue)])

  /// On one line.
  public var compact: String {
    var out = ""
    write(into: &out, indent: nil)
    return out
  }

  /// Indented by two spaces, with a final newline.
  public var pretty: String {
    var out = ""
    write(into: &out, indent: 0)
    return out + "\n"
  }

  private func write(into out: inout String, indent: Int?) {
    switch self {
    case .null: out += "null"
    case .bool(let value): out += value ? "true" : "false"
    case .integer(let value): out += String(value)
    case .number(let text): out += text
    case .string(let text): out += JSONValue.quote(text)
    case .array(let items):
      JSONValue.list(items.count, "[", "]", &out, indent) { index, out, inner in
        items[index].write(into: &out, indent: inner)
      }
    case .object(let fields):
      JSONValue.list(fields.count, "{", "}", &out, indent) { index, out, inner in
        out += JSONValue.quote(fields[index].0) + (inner == nil ? ":" : ": ")
        fields[index].1.write(into: &out, indent: inner)
      }
    }
  }

  private static func list(
    _ count: Int, _ open: String, _ close: String, _ out: inout String, _ indent: Int?,
    _ item: (Int, inout String, Int?) -> Void
  ) {
    out += open
    for index in 0..<count {
      if index > 0 { out += "," }
      if let indent { out += "\n" + String(repeating: " ", count: indent + 2) }
      item(index, &out, indent.map { $0 + 2 })
    }
    if let indent, count > 0 { out += "\n" + String(repeating: " ", count: indent) }
    out += close
  }

  static func quote(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\t": out += "\\t"
      case "\r": out += "\\r"
      case _ where scalar.value < 0x20 || scalar.value == 0x7f:
        let hex = String(scalar.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}
