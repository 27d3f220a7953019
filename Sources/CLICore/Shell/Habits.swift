import Guest

/// Habits from kill(1), docker, podman and systemctl, rewritten before a command line is parsed.
///
/// Only words before `--` are looked at, and nothing that has a meaning here gets another one.
enum Habits {
  static func translated(_ arguments: [String], verb: String) -> [String] {
    let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
    return arguments[..<end].flatMap { translated($0, verb) } + arguments[end...]
  }

  private static func translated(_ argument: String, _ verb: String) -> [String] {
    switch (verb, argument) {
    // kill -9 GUEST, kill -HUP GUEST.
    case ("kill", _) where isSignal(argument): ["--signal", String(argument.dropFirst())]
    // docker inspect -f and podman inspect -f.
    case ("show", "-f"): ["--format"]
    // docker ps -f status=running.
    case ("ls", "-f"): ["--filter"]
    case ("stop", "--time"), ("restart", "--time"): ["--timeout"]
    case ("create", "--volume"), ("run", "--volume"): ["--mount"]
    case ("create", "--memory-limit"), ("run", "--memory-limit"): ["--memory"]
    case ("create", "--stop-time"), ("run", "--stop-time"): ["--stop-timeout"]
    case ("logs", "--lines"): ["--tail"]
    default: [argument]
    }
  }

  private static func isSignal(_ argument: String) -> Bool {
    guard argument.count > 1, argument.hasPrefix("-"), !argument.hasPrefix("--") else { return false }
    let name = argument.dropFirst()
    // Lower case letters are options: -s, -a, -q.
    return name.utf8.allSatisfy { !(UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
      && SignalName.number(String(name)) != nil
  }
}
