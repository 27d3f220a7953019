/// Running text, wrapped at words.
struct Paragraph {
  private typealias Word = [(character: Character, color: Style.Color?)]

  private var words: [Word] = []

  /// - Parameter spans: one text; a word may change its colour inside, and is not broken there.
  init(_ spans: [Span]) {
    var word: Word = []
    for span in spans {
      for character in span.text {
        if character == " " {
          if !word.isEmpty { words.append(word) }
          word = []
        } else {
          word.append((character, span.color))
        }
      }
    }
    if !word.isEmpty { words.append(word) }
  }

  /// Lines that are at most `width` columns wide; a word that is wider by itself, such as a path, keeps a line of its own
  /// and stays whole, so that it can be copied.
  ///
  /// - Parameters:
  ///   - indent: columns before every line.
  ///   - first: what stands before the first line instead of the indent, of the same width.
  func lines(width: Int?, indent: Int = 0, first: String? = nil, style: Style) -> [String] {
    let margin = String(repeating: " ", count: indent)
    var lines: [String] = []
    var line: Word = []
    var used = indent
    func put() {
      lines.append((lines.isEmpty ? first ?? margin : margin) + Self.text(line, style))
      line = []
      used = indent
    }
    for word in words {
      let size = word.reduce(0) { $0 + CharacterWidth.of($1.character) }
      if let width, !line.isEmpty, used + 1 + size > width { put() }
      if !line.isEmpty {
        // The space between two words of one colour belongs to it.
        let isInside = line[line.count - 1].color == word[0].color
        line.append((" ", isInside ? word[0].color : nil))
        used += 1
      }
      line += word
      used += size
    }
    if !line.isEmpty || lines.isEmpty { put() }
    return lines.map { line in
      var line = line
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  private static func text(_ line: Word, _ style: Style) -> String {
    var result = ""
    var run = ""
    var color: Style.Color?
    for (character, next) in line {
      if next != color {
        result += style(color, run)
        run = ""
        color = next
      }
      run.append(character)
    }
    return result + style(color, run)
  }
}

/// Names and what belongs to them, one below the other, with the texts wrapped beside their names.
struct Fields {
  private var rows: [(name: String, spans: [Span])] = []
  var indent = 0

  init(indent: Int = 0) { self.indent = indent }

  mutating func add(_ name: String, _ spans: [Span]) { rows.append((name, spans)) }
  mutating func add(_ name: String, _ text: String, _ color: Style.Color? = nil) { add(name, [Span(text, color)]) }

  func lines(_ screen: Screen) -> [String] {
    let names = (rows.map { CharacterWidth.of($0.name) + 1 }.max() ?? 0)
    let margin = String(repeating: " ", count: indent)
    return rows.flatMap { row in
      Paragraph(row.spans).lines(
        width: screen.width, indent: indent + names + 2,
        first: margin + "\(row.name):".padded(to: names + 2), style: screen.style)
    }
  }
}
