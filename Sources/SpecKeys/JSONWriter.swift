import Guest

extension DataValue {
  /// JSON (RFC 8259) on one line.
  public var json: String {
    var result = ""
    writeJSON(into: &result, indent: nil)
    return result
  }

  /// JSON with one member or element a line, two spaces for each level.
  public var indentedJSON: String {
    var result = ""
    writeJSON(into: &result, indent: 0)
    return result
  }

  private func writeJSON(into output: inout String, indent: Int?) {
    switch self {
    case .null: output += "null"
    case .bool(let value): output += value ? "true" : "false"
    case .integer, .unsigned, .decimal: output += numberText ?? "null"
    case .text(let text): output += quotedForJSON(text)
    case .list(let items):
      writeJSON(items, "[", "]", into: &output, indent: indent) { item, output, indent in
        item.writeJSON(into: &output, indent: indent)
      }
    case .object(let members):
      writeJSON(members, "{", "}", into: &output, indent: indent) { member, output, indent in
        output += quotedForJSON(member.name)
        output += indent == nil ? ":" : ": "
        member.value.writeJSON(into: &output, indent: indent)
      }
    }
  }

  private func writeJSON<Item>(
    _ items: [Item], _ open: String, _ close: String, into output: inout String, indent: Int?,
    write: (Item, inout String, Int?) -> Void
  ) {
    output += open
    for (index, item) in items.enumerated() {
      if index > 0 { output += "," }
      if let indent { output += "\n" + String(repeating: "  ", count: indent + 1) }
      write(item, &output, indent.map { $0 + 1 })
    }
    if let indent, !items.isEmpty { output += "\n" + String(repeating: "  ", count: indent) }
    output += close
  }
}

/// A JSON string. Beyond what RFC 8259 asks for, everything that a terminal might act upon is escaped.
package func quotedForJSON(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    case "\t": result += "\\t"
    case "\r": result += "\\r"
    case _ where Visible.acts(scalar):
      let digits = String(scalar.value, radix: 16)
      result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}
