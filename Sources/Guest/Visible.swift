/// Foreign text made safe to show: on a terminal, in a log line, in an error.
public enum Visible {
  /// `text` with control characters, and whatever would move a cursor or turn the direction of writing, written as
  /// `\n`, `\t`, `\e` or `\u{..}`; cut after `limit` characters with `...`.
  public static func text(_ text: String, limit: Int = .max) -> String {
    var shown = ""
    var count = 0
    for scalar in text.unicodeScalars {
      guard count < limit else { return shown + "..." }
      count += 1
      switch scalar.value {
      case 0x0a: shown += "\\n"
      case 0x09: shown += "\\t"
      case 0x0d: shown += "\\r"
      case 0x1b: shown += "\\e"
      case 0x5c: shown += "\\\\"
      case _ where acts(scalar): shown += "\\u{" + String(scalar.value, radix: 16) + "}"
      case _: shown.unicodeScalars.append(scalar)
      }
    }
    return shown
  }

  /// Whether a terminal may act upon it instead of showing it: C0, DEL and C1 controls; bidirectional controls and
  /// isolates; line and paragraph separators; the byte order mark.
  public static func acts(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x00...0x1f, 0x7f...0x9f, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a...0x202e, 0x2066...0x2069, 0xfeff: true
    case _: false
    }
  }

  /// True if showing the text as it is would be harmless.
  public static func isPlain(_ text: String) -> Bool { self.text(text) == text }
}
