import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// Common mistakes and the answers to them: the table of docs/operating.md.
  @Suite struct BadInput {
    struct Spec: Sendable, CustomTestStringConvertible {
      var testDescription: String
      var text: String
      /// Parts that the message must have: the place first.
      var told: [String]
    }

    static let specs: [Spec] = [
      Spec(
        testDescription: "unknown key", text: "rootfs: {path: /srv}\ncommand: [/bin/true]\nhostnam: x\n",
        told: ["web.yaml:3:1", "hostnam", "hostname"]),
      Spec(
        testDescription: "wrong type", text: "rootfs: {path: /srv}\ncommand: [/bin/true]\nlimits:\n  pids: many\n",
        told: ["web.yaml:4:9", "pids"]),
      Spec(
        testDescription: "out of bounds", text: "rootfs: {path: /srv}\ncommand: [/bin/true]\nlimits:\n  pids: -1\n",
        told: ["web.yaml:4:9", "pids"]),
      Spec(testDescription: "not YAML", text: "rootfs: [\n", told: ["web.yaml:"]),
      Spec(
        testDescription: "JSON with an unknown key", text: "{\n  \"comand\": []\n}\n",
        told: ["web.yaml:2:3", "command"]),
    ]

    @Test(.requires(.root), arguments: specs) func aWrongSpecNamesItsPlaceAndSavesNothing(_ spec: Spec) async throws {
      try await withDaemon { daemon in
        let path = "\(daemon.root)/web.yaml"
        try Files.writeText(spec.text, to: path)
        let result = try await daemon.lodge("create", "web", "-f", path)
        #expect(result.code == 64, "\(result)")
        for part in spec.told { #expect(result.errors.contains(part), "\(result)") }
        #expect(try await daemon.guests().isEmpty)
      }
    }

    struct Root: Sendable, CustomTestStringConvertible {
      var testDescription: String
      /// Makes the tree, given a folder to make it in; its path.
      var make: @Sendable (String) throws -> String
      var command = "/bin/true"
      var told: String
      var errno: Int32
    }

    static let roots: [Root] = [
      Root(
        testDescription: "missing", make: { "\($0)/nothing" }, told: "nothing: No such file or directory", errno: ENOENT
      ),
      Root(
        testDescription: "a file",
        make: {
          try Files.writeText("", to: "\($0)/file")
          return "\($0)/file"
        }, told: "file: it is not a folder", errno: ENOTDIR),
      Root(
        testDescription: "without the init",
        make: {
          try RootTrees.privateBusybox(at: "\($0)/tree")
          return "\($0)/tree"
        }, command: "/sbin/init", told: "/sbin/init: it does not exist in the root filesystem", errno: ENOENT),
      Root(
        testDescription: "init not executable",
        make: {
          try RootTrees.privateBusybox(at: "\($0)/tree")
          try Files.writeText("#!/bin/sh\n", to: "\($0)/tree/sbin/init", mode: 0o644)
          return "\($0)/tree"
        }, command: "/sbin/init", told: "/sbin/init: it is not executable", errno: EACCES),
      Root(
        testDescription: "init of another architecture",
        make: {
          try RootTrees.privateBusybox(at: "\($0)/tree")
          try TinyProgram.foreign(at: "\($0)/tree/sbin/init")
          return "\($0)/tree"
        }, command: "/sbin/init", told: "/sbin/init: it is for another architecture (s390", errno: ENOEXEC),
    ]

    /// The census after the test shows that no process, mount, cgroup or folder is left.
    @Test(.requiresGuests, arguments: roots) func aWrongRootFailsTheStartAtOnce(_ root: Root) async throws {
      try await withDaemon { daemon in
        let tree = try root.make(daemon.root)
        try await daemon.succeed("create", "web", "--rootfs", tree, "--restart", "never", "--", root.command)
        let result = try await daemon.lodge("start", "web")
        #expect(result.code == 1, "\(result)")
        #expect(result.errors.contains(root.told), "\(result)")
        let guest = try await daemon.guest("web")
        #expect(guest.state == "stopped")
        let cause = try #require(guest.last?.cause)
        #expect(cause.kind == "startFailed")
        #expect(cause.errno == Int(root.errno))
        #expect(cause.step?.isEmpty == false)
      }
    }

    struct Name: Sendable, CustomTestStringConvertible {
      var testDescription: String
      var name: String
      var code: Int32
    }

    static let names: [Name] = [
      Name(testDescription: "taken", name: "taken", code: 4),
      Name(testDescription: "65 bytes", name: String(repeating: "x", count: 65), code: 64),
      Name(testDescription: "a slash", name: "a/b", code: 64),
      Name(testDescription: "two dots", name: "..", code: 64),
      Name(testDescription: "control bytes", name: "a\nb", code: 64),
      Name(testDescription: "terminal escapes", name: "a\u{1b}[31mb", code: 64),
      Name(testDescription: "empty", name: "", code: 64),
    ]

    @Test(.requires(.root, .busybox), arguments: names) func aWrongNameIsRefused(_ name: Name) async throws {
      try await withDaemon { daemon in
        try await daemon.define("taken", [], ["/bin/true"])
        let result = try await daemon.cli(
          ["create", name.name, "--rootfs", try RootTrees.busybox(), "--", "/bin/true"])
        #expect(result.code == name.code, "\(result)")
        #expect(!result.errors.isEmpty)
        #expect(!result.errors.utf8.contains(0x1b), "shown escaped: \(result)")
        #expect(try await daemon.guests().map(\.name) == ["taken"])
      }
    }

    @Test(.requires(.root), arguments: ["start", "stop", "kill", "restart", "show", "rm", "runs", "why", "logs"])
    func anUnknownGuestIsCode3(_ verb: String) async throws {
      try await withDaemon { daemon in
        let result = try await daemon.lodge(verb, "nobody")
        #expect(result.code == 3, "\(result)")
        #expect(result.errors.contains("nobody"), "\(result)")
      }
    }

    @Test(.requiresGuests) func aVerbInTheWrongStateIsCode4WithTheStateAndAHint() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        let stop = try await daemon.lodge("stop", "--strict", "web")
        #expect(stop.code == 4, "\(stop)")
        #expect(stop.errors.contains("stopped"), "\(stop)")
        try await daemon.succeed("start", "web")
        let start = try await daemon.lodge("start", "--strict", "web")
        #expect(start.code == 4, "\(start)")
        #expect(start.errors.contains("running"), "\(start)")
        let remove = try await daemon.lodge("rm", "web")
        #expect(remove.code == 4, "\(remove)")
        #expect(remove.errors.contains("running") && remove.errors.contains("hint:"), "\(remove)")
      }
    }

    @Test func noDaemonIsCode6AndSaysHowToStartIt() async throws {
      let folder = try ScratchFolder()
      let result = try await TestDaemon(scratch: folder).lodge("ls")
      #expect(result.code == 6, "\(result)")
      #expect(result.errors.contains("hint:") && result.errors.contains("lodged"), "\(result)")
      try folder.remove()
    }

    @Test(.requires(.root)) func aSocketThatIsNotPermittedIsCode5AndNamesTheGroup() async throws {
      try await withDaemon { daemon in
        // The program may not be reachable for others where it was built, so it goes where they may read.
        let lodge = "\(daemon.root)/lodge"
        try Files.writeAtomically(
          try Files.read("\(TestDaemon.programs)/lodge", limit: 1 << 30), to: lodge, mode: 0o755)
        let result = try await Command("/usr/bin/setpriv", environment: ["LODGE_ROOT": daemon.root])(
          ["--reuid=65534", "--regid=65534", "--clear-groups", lodge, "start", "web"])
        #expect(result.code == 5, "\(result)")
        #expect(result.errors.contains("usermod -aG lodge"), "\(result)")
      }
    }

    @Test(.requiresGuests) func aSpecChangedWhileItRunsTakesEffectAtTheNextStart() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.succeed("start", "web")
        let tree = try RootTrees.busybox()
        let changed = try await daemon.succeed(
          "create", "web", "--replace", "--rootfs", tree, "--overlay", "--hostname", "other", "--", "/bin/sleep", "1000"
        )
        #expect((changed.output + changed.errors).contains("next start"), "\(changed)")
        #expect(try await daemon.guest("web").specPending == true)
        try await daemon.succeed("kill", "web")
        try await daemon.succeed("start", "web")
        #expect(try await daemon.guest("web").specPending == false)
      }
    }

    @Test(.requires(.root)) func unknownVerbsAndFlagsAreCode64() async throws {
      try await withDaemon { daemon in
        for arguments in [["frobnicate"], ["ls", "--frobnicate"], ["destroy", "web"]] {
          let result = try await daemon.cli(arguments)
          #expect(result.code == 64, "\(result)")
          #expect(!result.errors.isEmpty)
        }
      }
    }
  }
}
