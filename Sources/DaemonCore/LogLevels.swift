internal import LinuxSystem
internal import Logging

/// The level of the daemon's own log, which can be changed while it runs. Level `trace` turns on all topics of `Trace`, here
/// and in controllers that are spawned meanwhile.
struct LogLevels: Sendable {
  private let level: LevelBox

  init(_ level: LevelBox) { self.level = level }

  var current: String { level.value.rawValue }

  /// False if there is no such level.
  func set(_ name: String) -> Bool {
    guard let level = LevelBox.Level(rawValue: name) else { return false }
    self.level.value = level
    Trace.setAll(level == .trace)
    return true
  }
}
