/// Where text for people goes: how large it is, whether it shows colours, and in which zone it shows times.
///
/// A value without a terminal behind it, so that a test asks for the screen it wants.
struct Screen: Sendable {
  /// Columns; nil where there is no window: a pipe or a file gets every line whole.
  var width: Int?
  /// Lines; nil as for the width.
  var height: Int?
  var style: Style
  var zone: Zone
  /// The mark for text that was cut off: one column where the terminal shows Unicode, else three points.
  var ellipsis = "…"

  /// For pipes and files: nothing is cut off, times are UTC.
  static let unlimited = Screen(width: nil, height: nil, style: Style(isOn: false), zone: .utc)

  /// For documents: as wide as a page that is read.
  static let page = Screen(width: 100, height: nil, style: Style(isOn: false), zone: .utc)

  /// `text`, or its beginning and an ellipsis where it is wider than `width` columns.
  func fitted(_ text: String, to width: Int?) -> String {
    guard let width, CharacterWidth.of(text) > width else { return text }
    let mark = CharacterWidth.of(ellipsis) <= width ? ellipsis : ""
    var room = width - CharacterWidth.of(mark)
    var kept = ""
    for character in text {
      let needed = CharacterWidth.of(character)
      guard needed <= room else { break }
      room -= needed
      kept.append(character)
    }
    // A word that is cut off after its space would leave the ellipsis alone.
    while kept.last == " " { kept.removeLast() }
    return kept + mark
  }

  /// A line of plain text, cut off at the right edge.
  func line(_ text: String) -> String { fitted(text, to: width) }

  /// Running text wrapped at words, with `beside` before its first line.
  func lines(_ text: String, beside: String? = nil, indent: Int = 0) -> [String] {
    Paragraph([Span(text)]).lines(
      width: width, indent: indent, first: beside.map { $0.padded(to: indent) }, style: style)
  }

  /// The same as one text, without a newline at its end.
  func wrapped(_ text: String) -> String { lines(text).joined(separator: "\n") }
}

/// A zone of time, as people name it: every time of one screen is shown in one zone, so that they can be compared.
struct Zone: Equatable, Sendable {
  /// `CET`, `UTC`, `+0545`.
  var name: String
  var offsetSeconds: Int64

  static let utc = Zone(name: "UTC", offsetSeconds: 0)
}

/// Text in one colour.
struct Span: Equatable, Sendable {
  var text: String
  var color: Style.Color?

  init(_ text: String, _ color: Style.Color? = nil) {
    self.text = text
    self.color = color
  }
}

extension String {
  /// Followed by as many spaces as it takes to fill `width` columns.
  func padded(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - CharacterWidth.of(self)))
  }
}
