import Foundation
import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// What a person sees: screens recorded from a terminal of 80 columns, and screens that change.
  @Suite struct Terminals {
    private func open(
      _ daemon: TestDaemon, _ line: String, columns: Int = 80, rows: Int = 24
    ) throws -> RecordedTerminal {
      try RecordedTerminal(
        "\(TestDaemon.programs)/lodge", line.split(separator: " ").map(String.init),
        environment: ["LODGE_ROOT": daemon.root], columns: columns, rows: rows)
    }

    /// The ten commonest screens, as `Golden/terminal-80.txt` has them. Figures of the moment are masked: a number is N,
    /// and blanks count as one, because columns are as wide as their figures.
    @Test(.requiresGuests) func theCommonestScreens() async throws {
      try await withDaemon { daemon in
        try await daemon.define("mail", ["--restart", "never"], ["/bin/true"])
        try await daemon.define(
          "web", ["--restart", "never", "--memory", "32M"], ["/bin/sh", "-c", "echo up; exit 3"])
        try await daemon.define("db", ["--restart", "never", "--label", "env=prod"], ["/bin/sleep", "1000"])
        for name in ["mail", "web", "db"] { try await daemon.succeed("start", name) }
        for name in ["mail", "web"] { _ = try await daemon.end(of: name) }
        try await daemon.succeed("on", "add", "page", "--filter", "type=removed", "--exec", "/bin/true")
        var recorded = ""
        for line in [
          "", "ls", "ls --failed", "why web", "runs", "show mail", "events --filter guest=web", "on ls", "stop nobody",
          "start db", "lst", "help wait",
        ] {
          let terminal = try open(daemon, line, rows: 100)
          _ = try terminal.finish()
          #expect(terminal.unknown.isEmpty, "\(line): \(terminal.unknown)")
          recorded += "$ lodge \(line)\n" + terminal.lines.map { mask($0, daemon) + "\n" }.joined() + "\n"
        }
        try expectGolden(recorded, "terminal-80.txt")
      }
    }

    private func mask(_ line: String, _ daemon: TestDaemon) -> String {
      var text = line.replacingOccurrences(of: daemon.root, with: "ROOT")
      for (pattern, shown) in [
        ("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"), ("lodge-[0-9a-f]{8}", "lodge-DIGEST"),
        ("[0-9]+(\\.[0-9]+)?", "N"), ("N(ms|s|m|h|d)\\b", "TIME"), ("less than a second|just now", "TIME ago"),
        ("(TIME ?)+", "TIME "), (" +", " "),
      ] {
        text = text.replacingOccurrences(of: pattern, with: shown, options: .regularExpression)
      }
      return text.trimmingCharacters(in: .whitespaces)
    }

    private func expectGolden(_ text: String, _ name: String) throws {
      let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden/\(name)")
      if ProcessInfo.processInfo.environment["LODGE_UPDATE_GOLDEN"] == "1" {
        try FileManager.default.createDirectory(
          at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file, atomically: true, encoding: .utf8)
        return
      }
      let expected = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n")
      let found = text.components(separatedBy: "\n")
      for (index, line) in found.enumerated() where index >= expected.count || expected[index] != line {
        Issue.record("Golden/\(name):\(index + 1): \(line); it was \(index < expected.count ? expected[index] : "-")")
        return
      }
      #expect(found.count == expected.count, "Golden/\(name)")
    }

    /// `ls --watch`: one screen, drawn in place at events, by the clock, and after the window has changed.
    @Test(.requiresGuests) func aWatchedListStaysOneScreen() async throws {
      try await withDaemon { daemon in
        for index in 1...6 {
          try await daemon.define("guest-\(index)", ["--restart", "never"], ["/bin/sleep", "1000"])
        }
        let terminal = try open(daemon, "ls --watch")
        func heads(_ lines: [String]) -> Int { lines.count { $0.contains("6 guests:") } }
        try terminal.wait(for: "the list") { $0.count == 9 && $0[0].contains("6 guests: 6 stopped") }
        try await daemon.succeed("start", "guest-2")
        try terminal.wait(for: "the start") {
          $0[0].contains("1 running") && $0.contains { $0.hasPrefix("guest-2  running") }
        }
        #expect(heads(terminal.lines) == 1, "\(terminal.lines)")
        // It counts although nothing happens.
        try terminal.wait(for: "the clock") { $0.contains { $0.hasPrefix("guest-2  running") && $0.contains(" 2s ") } }
        try terminal.resize(columns: 50, rows: 6)
        try terminal.wait(for: "the small screen") {
          $0.count == 5 && $0[0].contains("6 guests") && $0[4].hasPrefix("... and ") && heads($0) == 1
        }
        try terminal.resize(columns: 120, rows: 30)
        try terminal.wait(for: "the large screen") {
          $0.count == 9 && heads($0) == 1 && $0.filter { $0.hasPrefix("guest-") }.count == 6
        }
        #expect(terminal.unknown.isEmpty, "\(terminal.unknown)")
        try terminal.signal(SIGINT)
        _ = try terminal.finish()
      }
    }
  }
}
