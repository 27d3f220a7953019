import Guest
import SpecFile

/// A difference between two specs in one key.
struct SpecChange: Equatable {
  /// `limits.memory`, `env.LANG`.
  var key: String
  /// As the spec file has it; nil where there is none.
  var from: String?
  var to: String?

  /// `limits.memory 256M -> 512M`, `env.LANG added`, `autostart removed`.
  var words: String {
    switch (from, to) {
    case (let from?, let to?): "\(key) \(Self.short(from)) -> \(Self.short(to))"
    case (nil, let to?): "\(key) \(Self.short(to)) added"
    case (_, nil): "\(key) removed"
    }
  }

  private static func short(_ text: String) -> String { Visible.text(text, limit: 60) }

  /// In the order of the spec file's keys.
  static func between(_ old: GuestSpec, _ new: GuestSpec) -> [SpecChange] {
    let before = flat(old)
    let after = flat(new)
    let values = Dictionary(after.map { ($0.key, $0.text) }) { first, _ in first }
    let known = Set(before.map(\.key))
    return before.compactMap { key, text in
      values[key] == text ? nil : SpecChange(key: key, from: text, to: values[key])
    } + after.filter { !known.contains($0.key) }.map { SpecChange(key: $0.key, from: nil, to: $0.text) }
  }

  private static func flat(_ spec: GuestSpec) -> [(key: String, text: String)] {
    guard case .object(let members) = GuestSpecFile.value(spec, style: .human, includingDefaults: true) else {
      return []
    }
    return members.flatMap { flat($0.name, $0.value) }
  }

  private static func flat(_ key: String, _ value: DataValue) -> [(key: String, text: String)] {
    switch value {
    case .object(let members): members.flatMap { flat("\(key).\($0.name)", $0.value) }
    case .null: []
    case .text(let text): [(key, text)]
    case .list(let items): items.isEmpty ? [] : [(key, value.json)]
    case .bool, .integer, .unsigned, .decimal: [(key, value.json)]
    }
  }
}
