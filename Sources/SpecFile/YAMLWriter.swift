extension DataValue {
  /// YAML in block style, ending with a newline. Text is quoted wherever any YAML reader, of 1.1 or 1.2, might take it
  /// for something else.
  public var yaml: String {
    var result = ""
    switch self {
    case .object(let members) where !members.isEmpty: writeYAML(members, into: &result, indent: 0)
    case .list(let items) where !items.isEmpty: writeYAML(items, into: &result, indent: 0)
    default: result += inlineYAML + "\n"
    }
    return result
  }

  private func writeYAML(_ members: [Member], into output: inout String, indent: Int) {
    for (index, member) in members.enumerated() {
      // The first member of a list's element stands behind the dash.
      if index > 0 || !output.hasSuffix("- ") { output += String(repeating: " ", count: indent) }
      output += plainOrQuoted(member.name, inFlow: false) + ":"
      member.value.writeYAML(afterKeyIn: &output, indent: indent)
    }
  }

  private func writeYAML(_ items: [DataValue], into output: inout String, indent: Int) {
    for item in items {
      output += String(repeating: " ", count: indent) + "- "
      switch item {
      case .object(let members) where !members.isEmpty: writeYAML(members, into: &output, indent: indent + 2)
      default: output += item.inlineYAML + "\n"
      }
    }
  }

  private func writeYAML(afterKeyIn output: inout String, indent: Int) {
    switch self {
    case .object(let members) where !members.isEmpty:
      output += "\n"
      writeYAML(members, into: &output, indent: indent + 2)
    case .list(let items) where !items.isEmpty:
      // A short list of scalars reads best on one line, as commands do.
      let line = inlineYAML
      if !items.contains(where: \.isNested), line.utf8.count <= 80 {
        output += " " + line + "\n"
      } else {
        output += "\n"
        writeYAML(items, into: &output, indent: indent + 2)
      }
    default:
      output += " " + inlineYAML + "\n"
    }
  }

  private var isNested: Bool {
    switch self {
    case .list, .object: true
    default: false
    }
  }

  /// Flow style, on one line.
  private var inlineYAML: String {
    switch self {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .integer, .unsigned, .decimal: numberText ?? "null"
    case .text(let text): plainOrQuoted(text, inFlow: false)
    case .list(let items): "[" + items.map(\.inlineInFlow).joined(separator: ", ") + "]"
    case .object(let members):
      "{"
        + members.map { plainOrQuoted($0.name, inFlow: true) + ": " + $0.value.inlineInFlow }
        .joined(separator: ", ") + "}"
    }
  }

  private var inlineInFlow: String {
    if case .text(let text) = self { return plainOrQuoted(text, inFlow: true) }
    return inlineYAML
  }
}

/// The text as it is, if every reader takes it for that text; otherwise in double quotes.
private func plainOrQuoted(_ text: String, inFlow: Bool) -> String {
  isPlain(text, inFlow: inFlow) ? text : quotedForJSON(text)
}

private func isPlain(_ text: String, inFlow: Bool) -> Bool {
  guard let first = text.utf8.first, text.utf8.count <= 200 else { return false }
  // Plain text is kept to characters without a meaning in YAML; all others are rare enough for quotes.
  let isSafe: (UInt8) -> Bool = { byte in
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "/"),
      UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "@"), UInt8(ascii: "="), UInt8(ascii: "%"),
      UInt8(ascii: "^"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ";"), UInt8(ascii: "$"):
      true
    case UInt8(ascii: " "): true
    case UInt8(ascii: ","), UInt8(ascii: ":"): !inFlow
    default: false
    }
  }
  guard text.utf8.allSatisfy(isSafe), !text.hasPrefix(" "), !text.hasSuffix(" "), !text.hasSuffix(":") else {
    return false
  }
  guard !text.contains(": ") else { return false }
  switch first {
  case UInt8(ascii: "-"):
    // A dash begins an element only before a space; `-f` is text, `-1` a number, `---` a document.
    guard text.utf8.count > 1, let second = text.utf8.dropFirst().first else { return false }
    guard
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(second)
        || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(second)
    else { return false }
  case UInt8(ascii: "@"), UInt8(ascii: "%"), UInt8(ascii: "="), UInt8(ascii: ","), UInt8(ascii: ":"): return false
  case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "+"):
    // Might be a number, a time or a date in one of YAML's versions: plain only with a letter that rules these out,
    // as in 512M or 10s; 0x1f, 1e3 and 0o7 get their quotes.
    let letters = text.utf8.filter { byte in
      (UInt8(ascii: "g")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "G")...UInt8(ascii: "Z")).contains(byte)
        || byte == UInt8(ascii: "/")
    }
    guard
      letters.contains(where: {
        $0 != UInt8(ascii: "x") && $0 != UInt8(ascii: "o") && $0 != UInt8(ascii: "T") && $0 != UInt8(ascii: "Z")
      })
        && text.lowercased() != ".inf" && text.lowercased() != ".nan" && text.lowercased() != "+.inf"
    else {
      return text.utf8.count > 1 && ["T", "Z"].contains(text.last.map(String.init) ?? "")
        && text.dropLast().allSatisfy(\.isNumber)
    }
  default: break
  }
  let words: Set<String> = [
    "null", "true", "false", "yes", "no", "on", "off", "y", "n", "t", "f",
  ]
  return !words.contains(text.lowercased())
}
