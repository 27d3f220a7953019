import Glibc
import Layout
import LinuxSystem
import Testing

/// What two programs must agree on is written once.
@Suite struct NamesTests {
  static let repository = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()

  /// Literals that no file of the programs but Layout's may have: the whole of one, or the end of a path in one.
  static let names: [String] = {
    let system = DaemonPaths.system
    let run = RunPaths(path: "")
    let all = ControllerArguments(guest: "", runDirectoryPath: "", ownNetwork: true, usualTasks: 1, usualMemory: 1)
    return [
      system.runtime, system.state, system.logs, system.configuration, "/lodge.sock", "/lodge-ro.sock", "/lodged.lock",
      "/lodge.db", "/guests-kept.db", "/reserve", "/guests", "/controllers", run.lock, run.socket, run.executionMark,
      run.exitRecord, RunPaths.socketName, RunPaths.executionMarkName, CgroupNames.runAttribute,
      EnvironmentName.root, EnvironmentName.connect, EnvironmentName.crashPoint, EnvironmentName.controllerCrashPoint,
    ] + HookVariable.allCases.map(\.rawValue) + all.words.filter { $0.hasPrefix("--") && !Self.isAlsoOfOthers($0) }
  }()

  /// Options of `lodge` have the same words.
  private static func isAlsoOfOthers(_ option: String) -> Bool { ["--network", "--guest"].contains(option) }

  @Test func sharedNamesAreNowhereElse() throws {
    let sources = Self.repository + "/Sources"
    var seen = 0
    var found: [String] = []
    for folder in try Files.list(sources) where folder.kind == .directory && folder.name != "Layout" {
      try visit(sources + "/" + folder.name) { path, bytes in
        seen += 1
        // Most files have none of them, and a look at the bytes is quick.
        let names = Self.names.filter { Self.occurs($0, in: bytes) }
        guard !names.isEmpty else { return }
        let text = String(decoding: bytes, as: UTF8.self)
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
          if line.drop(while: { $0 == " " }).hasPrefix("//") { continue }
          for name in names where Self.mentions(name, in: line) {
            found.append("\(path.dropFirst(sources.count + 1)):\(number + 1): \(name)")
          }
        }
      }
    }
    #expect(seen > 100)
    #expect(found == [], "\(found.joined(separator: "\n"))")
  }

  /// `"name"`, `"name=`, `...name"` after a slash: a literal that a program works with. Sentences for people may name a file.
  static func mentions(_ name: String, in line: Substring) -> Bool {
    guard line.contains(name) else { return false }
    if line.contains("\"\(name)\"") || line.contains("\"\(name)=") { return true }
    return name.hasPrefix("/") && !name.hasPrefix("/etc") && line.contains("\(name)\"") && !line.contains(" \(name)")
  }

  /// The test above would find a second place.
  @Test func aNameWrittenTwiceIsSeen() {
    #expect(Self.mentions("/lodge.sock", in: #"  let path = folder + "/lodge.sock""#))
    #expect(Self.mentions("/guests", in: #"  "\(mountPoint)/\(parent)/guests""#))
    #expect(Self.mentions("LODGE_ROOT", in: #"  getenv("LODGE_ROOT")"#))
    #expect(Self.mentions("LODGE_TO", in: #"  variables.append("LODGE_TO=\(to)")"#))
    #expect(!Self.mentions("LODGE_ROOT", in: #"  hint: "export LODGE_ROOT=DIR""#))
  }

  private static func occurs(_ name: String, in bytes: [UInt8]) -> Bool {
    (bytes + [0]).withUnsafeBytes { text in
      name.withCString { strstr(text.assumingMemoryBound(to: CChar.self).baseAddress!, $0) != nil }
    }
  }

  private func visit(_ folder: String, _ body: (String, [UInt8]) -> Void) throws {
    for entry in try Files.list(folder) {
      let path = folder + "/" + entry.name
      if entry.kind == .directory { try visit(path, body) }
      if entry.name.hasSuffix(".swift") { body(path, try Files.read(path)) }
    }
  }
}
