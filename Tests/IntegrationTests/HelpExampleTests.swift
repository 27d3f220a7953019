import Foundation
import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// Every example in the help of every verb is run as it stands there.
  @Suite struct HelpExamples {
    struct Example: Decodable, Sendable {
      var verb: String
      var command: String
      /// `running web`, `specFile web.yaml`, ...
      var given: [String]
      var exitCode: Int32
      var endless: Bool
    }

    static let examples: [Example] =
      (try? Command("\(TestDaemon.programs)/lodge").run("--list-examples").decoded()) ?? []
    static let verbs = Array(Set(examples.map(\.verb))).sorted()

    @Test func thereAreThreeOfEachVerb() {
      #expect(Self.verbs.count >= 15)
      for verb in Self.verbs { #expect(Self.examples.filter { $0.verb == verb }.count >= 3, "\(verb)") }
    }

    @Test(.requiresGuests, arguments: verbs) func theExamplesOfAVerbWork(_ verb: String) async throws {
      try await withDaemon { daemon in
        for example in Self.examples where example.verb == verb {
          try await prepare(daemon, for: example)
          if example.endless {
            try await runUntilInterrupted(example, on: daemon)
          } else {
            try await run(example, on: daemon)
          }
        }
        for hook in ["page", "log", "prod"] { _ = try await daemon.lodge("on", "rm", hook) }
      }
    }

    private func prepare(_ daemon: TestDaemon, for example: Example) async throws {
      _ = try await daemon.lodge("rm", "--force", "--yes", "*")
      for hook in ["page", "log", "prod"] { _ = try await daemon.lodge("on", "rm", hook) }
      for given in example.given {
        let words = given.split(separator: " ").map(String.init)
        let name = words[1]
        let label = ["--restart", "never", "--label", "env=prod"]
        // One that goes when it is asked to, and says nothing of a hang-up.
        let patient = [
          "/bin/sh", "-c", "trap 'exit 0' TERM INT; trap '' HUP; echo ready; while :; do sleep 0.05; done",
        ]
        switch words[0] {
        case "stopped": try await daemon.define(name, label, patient)
        case "running":
          try await daemon.define(name, label, patient)
          try await daemon.succeed("start", name)
          try await daemon.waitForLog(name, "ready")
        case "ended":
          try await daemon.define(name, label, ["/bin/echo", "done"])
          try await daemon.succeed("start", name)
          _ = try await daemon.end(of: name)
        case "specFile":
          try Files.writeText(
            "rootfs: {path: \(try RootTrees.busybox()), mode: overlay}\ncommand: [/bin/sleep, \"60\"]\n",
            to: "\(daemon.root)/\(name)")
        case "foreignFile": try Files.writeText(Self.foreignFiles[name] ?? "", to: "\(daemon.root)/\(name)")
        case "hook": try await daemon.succeed("on", "add", name, "--exec", "/bin/true")
        default: break
        }
      }
    }

    private static let foreignFiles = [
      "compose.yaml": "services:\n  web:\n    image: alpine\n    command: [sleep, \"60\"]\n",
      "domain.xml": """
      <domain type='lxc'><name>web</name><memory unit='MiB'>64</memory><os><init>/bin/sleep</init><initarg>60</initarg></os>
      <devices><filesystem><source dir='/srv/trees/web'/><target dir='/'/></filesystem></devices></domain>
      """,
      "inspect.json": """
      [{"Name": "web", "Path": "/bin/sleep", "Args": ["60"], "Config": {"Env": []}, "HostConfig": {"Memory": 67108864}}]
      """,
    ]

    private func shell(_ example: Example, on daemon: TestDaemon) throws -> [String] {
      let line = example.command.replacingOccurrences(of: "/srv/trees/web", with: try RootTrees.busybox())
      return ["-c", "cd \(daemon.root) && \(example.endless ? "exec " : "")\(line)"]
    }

    private func environment(_ daemon: TestDaemon) -> [String: String] {
      ["LODGE_ROOT": daemon.root, "PATH": "\(TestDaemon.programs):/usr/sbin:/usr/bin:/sbin:/bin"]
    }

    private func run(_ example: Example, on daemon: TestDaemon) async throws {
      let result = try await Command("/bin/sh", environment: environment(daemon))(try shell(example, on: daemon))
      #expect(result.code == example.exitCode, "\(result)")
      #expect(!result.output.utf8.contains(0x1b), "no colours without a terminal: \(result)")
    }

    /// Ctrl-C once it has shown something.
    private func runUntilInterrupted(_ example: Example, on daemon: TestDaemon) async throws {
      let output = "\(daemon.root)/output"
      let file = try Files.open(output, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
      var plan = SpawnPlan(
        executable: "/bin/sh", arguments: ["sh"] + (try shell(example, on: daemon)),
        environment: environment(daemon).map { "\($0)=\($1)" })
      plan.descriptors = [(file.rawValue, 1), (file.rawValue, 2)]
      let process = try plan.run()
      defer {
        _ = try? process.signal(SIGKILL)
        _ = try? process.wait(blocking: true)
      }
      try await daemon.waitForFile(output) { !$0.isEmpty }
      try process.signal(SIGINT)
      #expect(
        try await offThread { waitUntilReadable(process.fd.rawValue, seconds: 5) }, "\(example.command) obeys Ctrl-C")
    }
  }
}
