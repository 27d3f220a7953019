import Foundation
import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// Habits of the command line that need a daemon and guests.
  @Suite struct CommandLine {
    private static let patient = ["/bin/sh", "-c", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done"]

    /// The kind of X3: a group verb takes those it concerns, and what is so already is done.
    @Test(.requiresGuests) func groupsAreThoseThatAVerbConcerns() async throws {
      try await withDaemon { daemon in
        for name in ["a", "b", "c"] { try await daemon.define(name, ["--label", "env=prod"], Self.patient) }
        try await daemon.succeed("start", "a")
        let started = try await daemon.lodge("start", "--all")
        #expect(started.code == 0 && started.errors.isEmpty, "\(started)")
        #expect(try await daemon.succeed("start", "a").output.contains("a: already running"))
        #expect(try await daemon.lodge("start", "a", "--strict").code == 4)
        try await daemon.waitForLog("a", "ready")
        try await daemon.succeed("stop", "a")
        #expect(try await daemon.lodge("stop", "--all").errors.contains("--all needs --yes without a terminal"))
        // A filter is a selection by name: nothing is asked.
        let stopped = try await daemon.lodge("stop", "--filter", "label.env=prod")
        #expect(stopped.code == 0 && stopped.errors.isEmpty, "\(stopped)")
        #expect(try await daemon.succeed("stop", "--all", "--yes").output == "nothing to stop: 3 guests are stopped\n")
        #expect(try await daemon.succeed("stop", "a").output.hasPrefix("a: already stopped ("))
        #expect(try await daemon.lodge("kill", "a", "--strict").code == 4)
        #expect(try await daemon.lodge("stop", "x*").code == 3)
        #expect(try await daemon.lodge("stop", "--filter", "label.env=none").code == 3)
      }
    }

    /// A FIFO or a folder in the place of a file is refused at once; what a shell hands over is read.
    @Test(.requires(.root)) func aSpecFileThatIsNoFileIsRefusedAtOnce() async throws {
      try await withDaemon { daemon in
        let folder = "\(daemon.root)/specs"
        try Files.makeDirectories(folder)
        mkfifo("\(folder)/web.yaml", 0o644)
        for arguments in [
          ["create", "web", "--check", "-f", "\(folder)/web.yaml"], ["create", "web", "--check", "-f", folder],
          ["create", "web", "-f", "\(folder)/web.yaml"], ["apply", "-f", folder],
          ["apply", "-f", "\(folder)/web.yaml"],
        ] {
          let result = try await daemon.cli(arguments, deadline: 10)
          #expect([1, 64].contains(result.code) && result.errors.contains("specs"), "\(result)")
        }
        let checked = try await Command("/bin/bash", environment: ["LODGE_ROOT": daemon.root])([
          "-c",
          "\(TestDaemon.programs)/lodge create web --check -f <(sleep 0.2; echo 'rootfs: /srv'; echo 'command: /init')",
        ])
        #expect(checked.code == 0, "\(checked)")
      }
    }

    /// What is allowed and makes a guest as strong as its host is said, and done.
    @Test(.requiresGuests) func aGuestThatIsAsGoodAsRootOnTheHostIsNamed() async throws {
      try await withDaemon { daemon in
        let spec =
          "rootfs: {path: \(try RootTrees.busybox()), mode: overlay}\ncommand: /bin/true\ncapabilities: {add: [sys_admin]}\n"
        try Files.writeText(spec, to: "\(daemon.root)/web.yaml")
        for verb in [["create", "web", "--check"], ["create", "web"], ["run", "other", "--rm"]] {
          let result = try await daemon.cli(verb + ["-f", "\(daemon.root)/web.yaml"])
          #expect(result.code == 0 && result.errors.contains("capabilities.add: sys_admin: the guest can"), "\(result)")
        }
        let quiet = try await daemon.lodge("create", "web", "--replace", "-q", "-f", "\(daemon.root)/web.yaml")
        #expect(quiet.code == 0 && quiet.errors.isEmpty, "\(quiet)")
      }
    }

    /// The kind of X8: who follows ends with its reader, before the next line comes.
    @Test(
      .requiresGuests,
      arguments: [
        "events --since boot --follow", "logs --follow web", "ls --watch", "events --snapshot -o jsonl",
      ])
    func aReaderThatGoesEndsWhatFollows(line: String) async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", [], Self.patient)
        try await daemon.succeed("start", "web")
        try await daemon.waitForLog("web", "ready")
        let (reader, writer) = try LinuxSystem.Pipe.make()
        var plan = SpawnPlan(
          executable: "\(TestDaemon.programs)/lodge",
          arguments: ["lodge"] + line.split(separator: " ").map(String.init), environment: ["LODGE_ROOT=\(daemon.root)"]
        )
        plan.descriptors = [(writer.rawValue, 1)]
        let process = try plan.run()
        defer {
          _ = try? process.signal(SIGKILL)
          _ = try? process.wait(blocking: true)
        }
        writer.close()
        #expect(try await offThread { waitUntilReadable(reader.rawValue, seconds: 10) }, "it printed something")
        reader.close()
        #expect(
          try await offThread { waitUntilReadable(process.fd.rawValue, seconds: 3) }, "\(line) ends with its reader")
      }
    }

    /// C19: a question that was just asked is asked again, about the same run, whenever the daemon goes.
    @Test(.requiresGuests, arguments: [0, 150, 700, 1300]) func aWaitOutlivesTheDaemon(milliseconds: Int) async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sh", "-c", "trap 'exit 7' TERM; \(Self.loop)"])
        try await daemon.succeed("start", "web")
        try await daemon.waitForLog("web", "ready")
        async let waiting = daemon.lodge("wait", "web")
        // The client is there; how long it has been there is the argument.
        while try await daemon.succeed("daemon", "clients", "-q").output.split(separator: "\n").count < 2 {}
        try await Task.sleep(for: .milliseconds(milliseconds))
        try await daemon.kill()
        try await daemon.start()
        try await daemon.succeed("stop", "web")
        // Another run of it is not the one that was asked about.
        try await daemon.succeed("start", "web")
        let result = try await waiting
        #expect(result.code == 7, "\(result)")
      }
    }

    private static let loop = "echo ready; while :; do sleep 0.05; done"

    /// The kind of X6: whatever format is asked for, a verb prints it or refuses it.
    @Test(.requiresGuests) func everyFormatIsHonouredOrRefused() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/echo", "done"])
        try await daemon.succeed("start", "web")
        _ = try await daemon.end(of: "web")
        try await daemon.succeed("on", "add", "page", "--exec", "/bin/true", "--filter", "type=created")
        let lines = [
          "ls", "show web", "why web", "runs web", "events", "logs web", "wait web", "host", "daemon status",
          "daemon clients", "daemon limits", "daemon trace info", "on ls", "version", "completion bash", "help",
          "start web", "stop web", "kill web", "restart web", "rm nobody*", "help stop",
        ]
        for line in lines {
          for format in ["json", "jsonl", "yaml", "csv", "name"] {
            let words = line.split(separator: " ").map(String.init) + ["-o", format]
            let result = try await daemon.cli(words)
            if result.code == 64 {
              #expect(result.errors.contains("there is no -o \(format)"), "\(result)")
              #expect(result.output.isEmpty)
              continue
            }
            #expect(isWellFormed(result.output, format), "\(line) -o \(format): \(result)")
          }
          let quiet = try await daemon.cli(line.split(separator: " ").map(String.init) + ["-q"])
          #expect(
            quiet.code != 64
              ? quiet.output.split(separator: "\n").allSatisfy { !$0.contains("  ") }
              : quiet.errors.contains("there is no -q"),
            "\(line) -q: \(quiet)")
        }
      }
    }

    private func isWellFormed(_ text: String, _ format: String) -> Bool {
      let lines = text.split(separator: "\n")
      func object(_ text: some StringProtocol) -> [String: Any]? {
        (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any]
      }
      switch format {
      case "json": return text.isEmpty || object(text)?["schemaVersion"] as? Int == 1
      case "jsonl": return lines.allSatisfy { object($0)?["schemaVersion"] as? Int == 1 }
      case "yaml": return text.isEmpty || text.hasPrefix("schemaVersion: 1\n")
      case "csv": return lines.first.map { !$0.contains(" ") && $0.contains(",") } ?? false
      // A name has no columns beside it; names of host features have spaces of their own.
      default: return lines.allSatisfy { !$0.contains("  ") }
      }
    }

    /// apply makes it so, and a second time there is nothing to do.
    @Test(.requiresGuests) func applyMakesItSo() async throws {
      try await withDaemon { daemon in
        let file = "\(daemon.root)/web.yaml"
        let tree = try RootTrees.busybox()
        func write(_ more: String) throws {
          try Files.writeText(
            "rootfs: {path: \(tree), mode: overlay}\ncommand: [/bin/sleep, \"60\"]\n\(more)", to: file)
        }
        try write("")
        let dry = try await daemon.lodge("apply", "-f", file, "--dry-run")
        #expect(dry.code == 2 && dry.output == "web: would be created\n", "\(dry)")
        #expect(try await daemon.lodge("ls", "web").code == 3)
        #expect(try await daemon.succeed("apply", "-f", file).output == "web: created\n")
        let again = try await daemon.lodge("apply", "-f", file, "--detailed-exit-code")
        #expect(again.code == 0 && again.output == "web: unchanged\n", "\(again)")
        try write("limits: {memory: 64M}\n")
        #expect(try await daemon.lodge("apply", "-f", file, "--detailed-exit-code").code == 2)
        #expect(try await daemon.succeed("show", "web").output.contains("memory 64M"))
        try write("nope: 1\n")
        #expect(try await daemon.lodge("apply", "-f", file).code == 64)
        #expect(try await daemon.lodge("create", "x", "--check", "-f", file).code == 64)
        try write("")
        #expect(try await daemon.lodge("create", "x", "--check", "-f", file).code == 0)
        #expect(try await daemon.lodge("ls", "x").code == 3)
      }
    }

    /// --prune removes stopped guests of its label that no file names, and nothing else.
    @Test(.requiresGuests) func pruneTakesWhatNoFileNames() async throws {
      try await withDaemon { daemon in
        let folder = "\(daemon.root)/guests"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let tree = try RootTrees.busybox()
        try Files.writeText(
          "rootfs: {path: \(tree), mode: overlay}\ncommand: [/bin/sleep, \"60\"]\nlabels: {stack: shop}\n",
          to: "\(folder)/web.yaml")
        for (name, stack) in [("old", "shop"), ("busy", "shop"), ("foreign", "mail")] {
          try await daemon.define(name, ["--label", "stack=\(stack)"], ["/bin/sleep", "60"])
        }
        try await daemon.succeed("start", "busy")
        let dry = try await daemon.lodge("apply", "-f", folder, "--prune", "stack=shop", "--dry-run")
        #expect(dry.code == 2, "\(dry)")
        #expect(dry.output.contains("old: would be removed"), "\(dry)")
        #expect(try await daemon.lodge("ls", "-q").output == "busy\nforeign\nold\n")
        let done = try await daemon.lodge("apply", "-f", folder, "--prune", "stack=shop")
        #expect(done.output == "web: created\nold: removed: no file names it\n", "\(done)")
        #expect(done.code == 1 && done.errors.contains("busy"), "a guest that runs is left, and said: \(done)")
        #expect(try await daemon.lodge("ls", "-q").output == "busy\nforeign\nweb\n")
        #expect(try await daemon.lodge("apply", "web", "-f", folder, "--prune", "stack=shop").code == 64)
      }
    }

    /// Orders go on over a restart of the daemon: the same request is sent again, and answered by the first decision.
    @Test(.requiresGuests, arguments: ["stop web --timeout 3s", "restart web --timeout 3s", "kill web"])
    func anOrderGoesOnOverARestartOfTheDaemon(line: String) async throws {
      try await withDaemon { daemon in
        try await daemon.define(
          "web", ["--restart", "never"], ["/bin/sh", "-c", "trap 'sleep 1; exit 0' TERM; while :; do sleep 0.05; done"])
        try await daemon.succeed("start", "web")
        let words = line.split(separator: " ").map(String.init)
        async let result = daemon.cli(words)
        // The order is in the journal, so it was decided; its end is not there yet, or was a moment ago.
        _ = try await daemon.cli(["wait", "web", "--for", "event=type=order", "--since", "0", "--timeout", "10s"])
        try await daemon.kill()
        try await daemon.start()
        let answer = try await result
        #expect(answer.code == 0, "\(answer)")
        let orders = try await daemon.events().filter { $0.type == "order" }
        #expect(orders.count == 1, "one order, whatever was sent again: \(orders.count)")
      }
    }

    /// Blocks of a page that a shell runs, by the name that stands behind the fence.
    private func recipes() throws -> [(name: String, script: String)] {
      let parts = try page("docs/recipes.md").components(separatedBy: "```sh recipe=").dropFirst()
      return parts.map { part in
        let lines = part.components(separatedBy: "\n")
        return (lines[0], lines.dropFirst().prefix { $0 != "```" }.joined(separator: "\n"))
      }
    }

    private func page(_ name: String) throws -> String {
      let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
      return try String(contentsOf: root.appendingPathComponent(name), encoding: .utf8)
    }

    private func shell(_ script: String, on daemon: TestDaemon, _ more: [String: String]) async throws -> CommandResult
    {
      let environment = [
        "LODGE_ROOT": daemon.root, "PATH": "\(TestDaemon.programs):/usr/sbin:/usr/bin:/sbin:/bin",
      ].merging(more) { _, new in new }
      return try await Command("/bin/sh", environment: environment)(["-euc", script])
    }

    @Test(.requiresGuests) func theRecipesWork() async throws {
      let recipes = try recipes()
      #expect(recipes.count >= 9)
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], Self.patient)
        for (name, script) in recipes {
          let folder = "\(daemon.root)/recipe-\(name)"
          try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
          let result = try await shell(script, on: daemon, ["DIR": folder])
          #expect(result.code == 0, "\(name): \(result)")
        }
        let seen = try String(contentsOfFile: "\(daemon.root)/recipe-follow/seen", encoding: .utf8)
        #expect(seen.contains("created web"))
        for hook in ["exited", "signaled", "oom", "startFailed", "controllerLost"] {
          _ = try await daemon.lodge("on", "rm", "alert-\(hook)")
        }
      }
    }

    /// X13: the first guest of the README ends well.
    @Test(.requiresGuests) func theFirstGuestOfTheReadmeEndsWell() async throws {
      let text = try page("README.md")
      let block = text.components(separatedBy: "## A first guest")[1].components(separatedBy: "```")[1]
      #expect(block.contains("lodge create web"))
      try await withDaemon { daemon in
        let result = try await shell(block, on: daemon, ["TREE": try RootTrees.busybox()])
        #expect(result.code == 0, "\(result)")
        #expect(result.output.contains("stopped politely"), "\(result)")
      }
    }
  }
}
