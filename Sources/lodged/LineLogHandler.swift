import DaemonCore
import Guest
import LinuxSystem
import Logging

/// One line an entry on standard error: time, level, message, key=value. Under systemd the journal adds the time itself,
/// and takes the level from the `<N>` in front (sd-daemon(3)).
struct LineLogHandler: LogHandler {
  let label: String
  let level: LevelBox
  var metadata: Logger.Metadata = [:]

  private static let isJournal = OwnProcess.variable("JOURNAL_STREAM") != nil

  init(label: String, level: LevelBox) {
    self.label = label
    self.level = level
  }

  var logLevel: Logger.Level {
    get { level.value }
    set {}
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    // The service group's own chatter is for those who debug it.
    if label == "lodged.services", event.level < .warning, level.value > .debug { return }
    var line = Self.isJournal ? "<\(Self.priority(event.level))>" : "\(OwnProcess.clockText()) \(event.level) "
    line += Visible.text("\(event.message)")
    for (key, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }).sorted(by: { $0.key < $1.key }
    ) {
      let text = Visible.text("\(value)")
      line += " \(key)=" + (text.contains(" ") ? "\"\(text)\"" : text)
    }
    OwnProcess.writeError(line + "\n")
  }

  private static func priority(_ level: Logger.Level) -> Int {
    switch level {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }
}
