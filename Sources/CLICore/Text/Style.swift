/// Colours for a terminal. Never the only sign of anything.
struct Style {
  enum Color: String {
    case red = "31"
    case green = "32"
    case yellow = "33"
    case cyan = "36"
    case dim = "2"
    case bold = "1"
  }

  var isOn: Bool

  func callAsFunction(_ color: Color?, _ text: String) -> String {
    guard isOn, let color, !text.isEmpty else { return text }
    return "\u{1B}[\(color.rawValue)m\(text)\u{1B}[0m"
  }

  /// Whether to colour, by `--color`, NO_COLOR (no-color.org), CLICOLOR_FORCE and TERM.
  static func decide(
    choice: ColorChoice, environment: [String: String], isTerminal: Bool
  ) -> Style {
    switch choice {
    case .always: return Style(isOn: true)
    case .never: return Style(isOn: false)
    case .auto:
      if let value = environment["NO_COLOR"], !value.isEmpty { return Style(isOn: false) }
      if let value = environment["CLICOLOR_FORCE"], !value.isEmpty, value != "0" { return Style(isOn: true) }
      return Style(isOn: isTerminal && environment["TERM"] != "dumb")
    }
  }
}

enum ColorChoice: String, CaseIterable, Sendable { case auto, always, never }
