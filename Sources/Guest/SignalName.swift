/// Signal numbers of Linux by their usual names (signal(7), x86 and arm numbering).
public enum SignalName {
  private static let names: [String] = [
    "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
    "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH",
    "IO", "PWR", "SYS",
  ]
  private static let realTimeMinimum: Int32 = 34
  private static let realTimeMaximum: Int32 = 64

  /// `SIGTERM`, `SIGRTMIN+3`, or `signal 70` for a number that is none.
  public static func name(_ number: Int32) -> String {
    if number > 0, number < names.count { return "SIG" + names[Int(number)] }
    if number == realTimeMinimum { return "SIGRTMIN" }
    if number > realTimeMinimum, number <= realTimeMaximum { return "SIGRTMIN+\(number - realTimeMinimum)" }
    return "signal \(number)"
  }

  /// The number of `TERM`, `SIGTERM`, `sigterm`, `15`, `RTMIN+3` or `SIGRTMAX-1`; nil if it is none.
  public static func number(_ text: String) -> Int32? {
    if let number = Int32(text) { return (1...realTimeMaximum).contains(number) ? number : nil }
    var name = text.uppercased()
    if name.hasPrefix("SIG") { name.removeFirst(3) }
    if let index = names.firstIndex(of: name), index > 0 { return Int32(index) }
    if name == "POLL" { return 29 }
    if name == "RTMIN" { return realTimeMinimum }
    if name == "RTMAX" { return realTimeMaximum }
    if name.hasPrefix("RTMIN+"), let offset = Int32(name.dropFirst(6)) { return realTime(realTimeMinimum, offset) }
    if name.hasPrefix("RTMAX-"), let offset = Int32(name.dropFirst(6)) { return realTime(realTimeMaximum, -offset) }
    return nil
  }

  private static func realTime(_ base: Int32, _ offset: Int32) -> Int32? {
    guard (-30...30).contains(offset) else { return nil }
    let number = base + offset
    return (realTimeMinimum...realTimeMaximum).contains(number) ? number : nil
  }
}
