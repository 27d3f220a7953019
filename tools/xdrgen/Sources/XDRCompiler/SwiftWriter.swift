/// Lines of Swift with their indentation.
struct SwiftWriter {
  private(set) var text = ""
  private var depth: Int

  init(depth: Int = 0) { self.depth = depth }

  mutating func line(_ line: String = "") {
    if !line.isEmpty { text += String(repeating: "  ", count: depth) + line }
    text += "\n"
  }

  mutating func block(_ head: String, _ tail: String = "}", _ body: (inout SwiftWriter) -> Void) {
    line(head)
    // The cases of a switch stand under the word itself.
    let step = head.hasPrefix("switch ") ? 0 : 1
    depth += step
    body(&self)
    depth -= step
    line(tail)
  }

  /// An empty line, except at the start of a block.
  mutating func gap() {
    if text.hasSuffix("{\n") || text.hasSuffix("\n\n") || text.isEmpty { return }
    text += "\n"
  }

  mutating func indented(_ body: (inout SwiftWriter) -> Void) {
    depth += 1
    body(&self)
    depth -= 1
  }

  /// Documentation lines, with what could end a comment or start another one made harmless.
  /// Declarations that generated code uses are deprecated in words only: an attribute would warn at those uses.
  mutating func docs(_ docs: Documentation, _ extra: [String] = [], _ annotations: Annotations? = nil) {
    var lines = docs.lines + extra
    if let annotations, annotations.isDeprecated {
      if !lines.isEmpty { lines.append("") }
      lines.append("Deprecated\(annotations.deprecated.map { ": " + $0 } ?? "").")
    }
    for docLine in lines {
      let clean = printable(docLine).trimmingEnd()
      line(clean.isEmpty ? "///" : "/// " + clean)
    }
  }
}

/// A string as a Swift literal.
func swiftLiteral(_ text: String) -> String {
  var out = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": out += "\\\""
    case "\\": out += "\\\\"
    case _
    where scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value) || scalar.value > 0xffff
      || (0x2028...0x202e).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value):
      // Direction marks and their like could make a reader see another text than the compiler.
      out += "\\u{\(String(scalar.value, radix: 16))}"
    default: out.unicodeScalars.append(scalar)
    }
  }
  return out + "\""
}
