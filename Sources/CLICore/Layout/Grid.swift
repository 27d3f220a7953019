/// A table fitted to the width of its screen.
///
/// Columns that do not fit give way by rank: the least important is left out or shortened first. Nothing is
/// broken in the middle of a word, and no line is longer than the screen as long as there is a column to give.
struct Grid {
  enum Alignment { case left, right }

  struct Column {
    var title: String
    var alignment: Alignment
    /// How early it gives way: larger ranks first; 0 stays whole as long as possible.
    var rank: Int
    /// Columns it keeps when it is shortened; nil for one that is whole or not there, as a number is.
    var minimum: Int?

    init(_ title: String, alignment: Alignment = .left, rank: Int = 0, minimum: Int? = nil) {
      self.title = title
      self.alignment = alignment
      self.rank = rank
      self.minimum = minimum
    }
  }

  var columns: [Column]
  var rows: [[Span]]
  private static let gap = 2

  init(_ columns: [Column], _ rows: [[Span]]) {
    self.columns = columns
    self.rows = rows
  }

  /// The lines, the titles first; none ends with a space.
  func lines(_ screen: Screen) -> [String] {
    let titles = columns.map { Span($0.title, .bold) }
    let widths = Self.widths(columns, natural: natural, in: screen.width)
    return ([titles] + rows).map { row in line(row, widths, screen) }
  }

  private func line(_ row: [Span], _ widths: [Int?], _ screen: Screen) -> String {
    var line = ""
    var padding = 0
    for (index, span) in row.enumerated() {
      guard let width = widths[index] else { continue }
      let text = screen.fitted(span.text, to: width)
      let room = width - CharacterWidth.of(text)
      switch columns[index].alignment {
      case .left:
        line += String(repeating: " ", count: padding) + screen.style(span.color, text)
        padding = Self.gap + room
      case .right:
        line += String(repeating: " ", count: padding + room) + screen.style(span.color, text)
        padding = Self.gap
      }
    }
    // An empty cell at the end, aligned right.
    while line.last == " " { line.removeLast() }
    return line
  }

  private var natural: [Int] {
    columns.indices.map { index in
      rows.reduce(CharacterWidth.of(columns[index].title)) { max($0, CharacterWidth.of($1[index].text)) }
    }
  }

  /// How wide each column becomes; nil for one that is left out.
  static func widths(_ columns: [Column], natural: [Int], in width: Int?) -> [Int?] {
    var widths: [Int?] = natural
    guard let width else { return widths }
    var excess: Int {
      let shown = widths.compactMap { $0 }
      return shown.reduce(0, +) + gap * max(0, shown.count - 1) - width
    }
    let order = columns.indices.sorted { (columns[$0].rank, $0) > (columns[$1].rank, $1) }

    func shorten(_ index: Int, to least: Int) {
      guard let now = widths[index] else { return }
      widths[index] = max(min(now, max(least, CharacterWidth.of(columns[index].title))), now - excess)
    }
    // One long text must not cost the others their columns: at first texts give what is more than comfortable. Then each
    // gives what it can give and still be read, and those that could only be shortened are left out.
    for index in order where excess > 0 { columns[index].minimum.map { shorten(index, to: 2 * $0) } }
    for index in order where excess > 0 {
      if let minimum = columns[index].minimum {
        shorten(index, to: minimum)
      } else if columns[index].rank > 0 {
        widths[index] = nil
      }
    }
    for index in order where excess > 0 && columns[index].rank > 0 { widths[index] = nil }
    for index in order where excess > 0 && columns[index].minimum != nil { shorten(index, to: 1) }
    // A column that was left out may have made more room than was needed: the most important gets it back.
    for index in order.reversed() where excess < 0 {
      if let now = widths[index] { widths[index] = min(natural[index], now - excess) }
    }
    return widths
  }
}
