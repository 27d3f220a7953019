import Glibc
import Guest
import LinuxSystem

/// The terminal behind a descriptor.
enum Terminal {
  /// Columns and lines of the window; 80 by 24 where the terminal does not say.
  ///
  /// COLUMNS and LINES win over what the kernel has, as they do for ls(1).
  static func size(of descriptor: Int32, environment: [String: String]) -> (width: Int, height: Int) {
    var window = winsize()
    let isKnown = ioctl(descriptor, UInt(TIOCGWINSZ), &window) == 0
    func value(_ variable: String, _ kernel: UInt16, _ standard: Int) -> Int {
      if let number = environment[variable].flatMap({ Int($0) }), (1...10_000).contains(number) { return number }
      return isKnown && kernel > 0 ? Int(kernel) : standard
    }
    return (value("COLUMNS", window.ws_col, 80), value("LINES", window.ws_row, 24))
  }

  /// Whether the locale's encoding is UTF-8, by the variables that setlocale(3) reads.
  static func showsUnicode(environment: [String: String]) -> Bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
    let lower = locale.lowercased()
    return lower.contains("utf-8") || lower.contains("utf8")
  }

  /// The zone of this machine, or of TZ, as it is at `time`.
  static func zone(at time: Timestamp) -> Zone {
    var seconds = time_t(time.nanoseconds / 1_000_000_000)
    var parts = tm()
    tzset()
    guard localtime_r(&seconds, &parts) != nil else { return .utc }
    let name = parts.tm_zone.map { String(cString: $0) } ?? ""
    // A zone may have no letters (`+0545`) and a broken TZ may have no name at all.
    return Zone(name: name.isEmpty ? "UTC" : Visible.text(name, limit: 16), offsetSeconds: Int64(parts.tm_gmtoff))
  }
}
