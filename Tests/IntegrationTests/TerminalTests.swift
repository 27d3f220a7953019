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
        let tree = try RootTrees.busybox()
        var recorded = ""
        for line in [
          "", "ls", "ls --failed", "why web", "runs", "show mail", "events --filter guest=web", "on ls", "stop nobody",
          "start db", "lst", "help wait",
        ] {
          let terminal = try open(daemon, line, rows: 100)
          _ = try terminal.finish()
          #expect(terminal.unknown.isEmpty, "\(line): \(terminal.unknown)")
          var lines = terminal.lines
          // Where a sentence is wrapped depends on its figures; screens of CLICoreTests, of fixed figures, show it.
          if line.hasPrefix("why") || line.hasPrefix("show") { lines = joined(lines) }
          recorded += "$ lodge \(line)\n" + lines.map { mask($0, daemon, tree) + "\n" }.joined() + "\n"
        }
        try expectGolden(recorded, "terminal-80.txt")
      }
    }

    /// Each block of lines as one.
    private func joined(_ lines: [String]) -> [String] {
      lines.split(separator: "", omittingEmptySubsequences: false).flatMap { [$0.joined(separator: " "), ""] }
        .dropLast()
    }

    private func mask(_ line: String, _ daemon: TestDaemon, _ tree: String) -> String {
      var text = line.replacingOccurrences(of: daemon.root, with: "ROOT").replacingOccurrences(of: tree, with: "TREE")
      for (pattern, shown) in [
        ("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"), ("lodge-[0-9a-f]{8}", "lodge-DIGEST"),
        ("[0-9]+(\\.[0-9]+)?", "N"), ("N(ms|s|m|h|d)\\b", "TIME"), ("N seconds? ago|just now", "TIME ago"),
        ("<?TIME", "TIME"), ("\\bN[KM]\\b", "SIZE"), ("(TIME ?)+", "TIME "), (" +", " "),
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
        try terminal.wait(for: "the list", until: showsAllStopped)
        try await daemon.succeed("start", "guest-2")
        try terminal.wait(for: "the start", until: showsTheStart)
        #expect(heads(terminal.lines) == 1, "\(terminal.lines)")
        // It counts although nothing happens.
        try terminal.wait(for: "the clock", until: showsTwoSeconds)
        try terminal.resize(columns: 50, rows: 6)
        try terminal.wait(for: "the small screen", until: isSmall)
        try terminal.resize(columns: 120, rows: 30)
        try terminal.wait(for: "the large screen", until: isLarge)
        #expect(terminal.unknown.isEmpty, "\(terminal.unknown)")
        try terminal.signal(SIGINT)
        _ = try terminal.finish()
      }
    }
  }
}

// Screens of six guests. Functions of the file, not closures of the test: the region analysis of Swift 6.3 ends with an
// assertion on closures that are made between the suspensions of an async closure.

private func heads(_ lines: [String]) -> Int { lines.count { $0.contains("6 guests") } }

private func showsAllStopped(_ lines: [String]) -> Bool {
  lines.count == 9 && lines[0].contains("6 guests: 6 stopped")
}

private func showsTheStart(_ lines: [String]) -> Bool {
  lines.first?.contains("1 running") == true && lines.contains { $0.hasPrefix("guest-2  running") }
}

private func showsTwoSeconds(_ lines: [String]) -> Bool {
  let fields = lines.first { $0.hasPrefix("guest-2  running") }?.split(separator: " ") ?? []
  return fields.count > 2 && fields[2].hasSuffix("s") && (Int(fields[2].dropLast()) ?? 0) >= 2
}

private func isSmall(_ lines: [String]) -> Bool {
  lines.count == 5 && lines[4].hasPrefix("... and ") && heads(lines) == 1
}

private func isLarge(_ lines: [String]) -> Bool {
  lines.count == 9 && heads(lines) == 1 && lines.filter { $0.hasPrefix("guest-") }.count == 6
}
