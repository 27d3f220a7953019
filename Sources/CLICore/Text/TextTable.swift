/// Rows of text in columns: two spaces between them, none at the end of a line.
enum TextTable {
  enum Alignment { case left, right }

  static func lines(titles: [String], alignments: [Alignment] = [], rows: [[String]]) -> [String] {
    let all = titles.isEmpty ? rows : [titles] + rows
    var widths = [Int](repeating: 0, count: all.map(\.count).max() ?? 0)
    for row in all {
      for (index, cell) in row.enumerated() { widths[index] = max(widths[index], width(cell)) }
    }
    return all.map { row in
      var line = ""
      for (index, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[index] - width(cell))
        let isRight = index < alignments.count && alignments[index] == .right
        line += (index == 0 ? "" : "  ") + (isRight ? padding + cell : cell + padding)
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  /// Names and what belongs to them, one a line: `State:    running`.
  static func pairs(_ pairs: [(String, String)], indent: Int = 0) -> [String] {
    let most = pairs.map { width($0.0) + 1 }.max() ?? 0
    return pairs.map { name, text in
      String(repeating: " ", count: indent) + padded("\(name):", to: most) + "  " + text
    }
  }

  static func padded(_ text: String, to width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - self.width(text)))
  }

  /// Columns on a terminal, near enough: marks take none, East Asian wide characters and emoji two.
  static func width(_ text: String) -> Int {
    var width = 0
    for character in text {
      guard let first = character.unicodeScalars.first else { continue }
      switch first.value {
      case 0x00..<0x300: width += 1
      case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
        0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
        width += 2
      default: width += first.properties.isGraphemeExtend ? 0 : 1
      }
    }
    return width
  }
}
