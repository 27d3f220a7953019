import Foundation
import LinuxSystem
import SpecFile
import TestSupport
import Testing

@testable import CLICore

extension IntegrationTests {
  /// Documents for programs, as a real daemon makes a verb print them, are as `lodge help json` says.
  @Suite struct Output {
    /// A verb of the table, and a line of it.
    static let lines: [(verb: String, line: String)] = [
      ("create", "create new --rootfs TREE --overlay -- /bin/sleep 60"),
      ("create", "create other --check --rootfs TREE -- /bin/true"), ("apply", "apply -f FILE"),
      ("apply", "apply -f FILE"), ("ls", "ls"), ("top", "top"), ("show", "show live web"), ("start", "start new"),
      ("start", "start new"), ("restart", "restart new --timeout 100ms"), ("kill", "kill new"),
      ("stop", "stop new"), ("stop", "stop live --timeout 100ms"), ("why", "why live web"), ("wait", "wait web"),
      ("wait", "wait live --for stopped"), ("runs", "runs web live failing"), ("runs", "runs"), ("events", "events"),
      ("events", "events --since 0 --snapshot"), ("host", "host"), ("daemon status", "daemon status"),
      ("daemon clients", "daemon clients"), ("daemon limits", "daemon limits"),
      ("on add", "on add page --exec /bin/true --filter type=removed -- one two"), ("on ls", "on ls"),
      ("on test", "on test page"), ("on rm", "on rm page"), ("version", "version"), ("rm", "rm new"),
      ("run", "run job --detach --rootfs TREE --overlay -- /bin/true"),
    ]

    @Test(.requiresGuests) func everyDocumentIsAsTheTableSays() async throws {
      try await withDaemon { daemon in
        let tree = try RootTrees.busybox()
        let file = "\(daemon.root)/applied.yaml"
        try Files.writeText("rootfs: {path: \(tree), mode: overlay}\ncommand: [/bin/true]\n", to: file)
        try await daemon.define("web", ["--restart", "never", "--label", "env=prod"], ["/bin/sh", "-c", "exit 3"])
        try await daemon.define("live", ["--restart", "never"], ["/bin/sleep", "60"])
        try await daemon.define("failing", ["--restart", "never"], ["/bin/nothing"])
        for name in ["web", "live", "failing"] { _ = try await daemon.lodge("start", name) }
        _ = try await daemon.end(of: "web")
        for (verb, line) in Self.lines {
          let text = line.replacingOccurrences(of: "TREE", with: tree).replacingOccurrences(of: "FILE", with: file)
          let words = text.split(separator: " ").map(String.init)
          // Options stand before the hyphens that part a command.
          let cut = words.firstIndex(of: "--") ?? words.endIndex
          func with(_ format: String) -> [String] { words[..<cut] + ["-o", format] + words[cut...] }
          if verb != "events" || !line.contains("snapshot") {
            let whole = try await daemon.cli(with("json"))
            try expect(whole, line, isOf: verb)
          }
          let isRepeatable = !["create new", "rm", "on add", "on rm", "run"].contains { line.hasPrefix($0) }
          if isRepeatable {
            for text in try await daemon.cli(with("jsonl")).output.split(separator: "\n") {
              expect(try value(String(text)), line, isOneOf: try document(of: verb), hasVersion: true)
            }
          }
        }
        let refused = try await daemon.cli(["stop", "nobody", "-o", "json"])
        #expect(OutputSchema.faults(in: try value(refused.errors), as: "error") == [], "\(refused)")
      }
    }

    private func document(of verb: String) throws -> OutputDocument {
      try #require(OutputSchema.documents.first { $0.verbs.contains(verb) })
    }

    private func expect(_ result: CommandResult, _ line: String, isOf verb: String) throws {
      let document = try document(of: verb)
      let whole = try value(result.output)
      guard let list = document.list else {
        expect(whole, line, isOneOf: document, hasVersion: true)
        return
      }
      guard case .object(let members) = whole else {
        Issue.record("\(line): \(result)")
        return
      }
      let names = ["schemaVersion"] + document.extra.map(\.name) + [list]
      #expect(Set(members.map(\.name)) == Set(names), "\(line)")
      guard case .list(let items)? = whole.member(list) else {
        Issue.record("\(line): no list \(list)")
        return
      }
      #expect(!items.isEmpty || line == "apply", "\(line): \(result)")
      for item in items { expect(item, line, isOneOf: document, hasVersion: false) }
    }

    private func expect(_ value: DataValue, _ line: String, isOneOf document: OutputDocument, hasVersion: Bool) {
      guard case .object(var members) = value else {
        Issue.record("\(line): not an object: \(value.json)")
        return
      }
      if hasVersion {
        #expect(members.first == .init("schemaVersion", .integer(1)), "\(line)")
        members.removeFirst()
      }
      let faults = document.objects.map { OutputSchema.faults(in: .object(members), as: $0) }
      #expect(faults.contains([]), "\(line): \(faults.min { $0.count < $1.count } ?? []) in \(value.json)")
    }

    private func value(_ json: String) throws -> DataValue { Self.value(try Node.parse(json: json)) }

    private static func value(_ node: Node) -> DataValue {
      switch node.content {
      case .sequence(let items): return .list(items.map(value))
      case .mapping(let entries): return .object(entries.map { .init($0.key, value($0.value)) })
      case .scalar(let text, isPlain: false): return .text(text)
      case .scalar("null", isPlain: true): return .null
      case .scalar("true", isPlain: true): return .bool(true)
      case .scalar("false", isPlain: true): return .bool(false)
      case .scalar(let text, isPlain: true):
        return Int64(text).map { .integer($0) } ?? UInt64(text).map { .unsigned($0) } ?? .decimal(Double(text) ?? .nan)
      }
    }
  }
}
