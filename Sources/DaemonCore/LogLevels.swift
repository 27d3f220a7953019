internal import Logging

/// The level of the daemon's own log, which can be changed while it runs.
struct LogLevels: Sendable {
  private let level: LevelBox

  init(_ level: LevelBox) { self.level = level }

  var current: String { level.value.rawValue }

  /// False if there is no such level.
  func set(_ name: String) -> Bool {
    guard let level = LevelBox.Level(rawValue: name) else { return false }
    self.level.value = level
    return true
  }
}
