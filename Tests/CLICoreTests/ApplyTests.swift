import Foundation
import Guest
import SpecFile
import Testing

@testable import CLICore

@Suite struct ApplyTests {
  private static func spec(_ change: (inout GuestSpec) -> Void = { _ in }) -> GuestSpec {
    var spec = GuestSpec(rootfs: Rootfs(path: "/srv/web"), command: ["/bin/httpd"])
    change(&spec)
    return spec
  }

  @Test func whatDiffersIsToldKeyByKey() {
    let old = Self.spec {
      $0.limits.memoryBytes = 256 << 20
      $0.environment = [EnvironmentVariable("A", "1"), EnvironmentVariable("B", "2")]
    }
    let new = Self.spec {
      $0.limits.memoryBytes = 512 << 20
      $0.environment = [EnvironmentVariable("A", "1"), EnvironmentVariable("C", "3")]
      $0.autostart = true
    }
    let words = SpecChange.between(old, new).map(\.words)
    #expect(words.contains("limits.memory 256M -> 512M"))
    #expect(words.contains("env.B removed"))
    #expect(words.contains("env.C 3 added"))
    #expect(words.contains("autostart false -> true"))
    #expect(words.count == 4)
    #expect(SpecChange.between(old, old) == [])
  }

  /// No change is silent: two specs that differ differ in a key.
  @Test func everyChangeHasAKey() {
    let base = Self.spec()
    let changes: [(inout GuestSpec) -> Void] = [
      { $0.description = "x" }, { $0.rootfs.mode = .overlay }, { $0.rootfs.overlayBytes = 4096 },
      { $0.command.append("-f") }, { $0.user = "1" }, { $0.groups = ["2"] }, { $0.hostname = "h" },
      { $0.network = .host }, { $0.mounts = [MountSpec(.tmpfs(bytes: nil), at: "/tmp")] },
      { $0.capabilities.dropped = ["all"] }, { $0.console = .pipes }, { $0.log.files += 1 },
      { $0.restart.mode = .always }, { $0.restart.backoffInitialMillis += 1 }, { $0.stop.signal = 2 },
      { $0.stop.timeoutMillis += 1 }, { $0.transient = true }, { $0.labels = [Label("a", "b")] },
      { $0.workingDirectory = "/x" }, { $0.limits.pids = 3 },
    ]
    for change in changes {
      var other = base
      change(&other)
      #expect(!SpecChange.between(base, other).isEmpty, "\(other)")
      #expect(!SpecChange.between(other, base).isEmpty, "\(other)")
    }
  }

  @Test func aFileIsForTheGuestOfItsName() throws {
    func names(_ stem: String?, _ count: Int, only: [String] = [], own: [String?] = [nil, nil]) throws -> [String] {
      try SpecFolder.name(
        (0..<count).map { .init(name: try own[$0].map { try GuestName($0) }, spec: Self.spec(), line: 1) },
        file: "f", stem: stem, only: only)
    }
    #expect(SpecFolder.stem(of: "guests/web.yaml") == "web")
    #expect(SpecFolder.stem(of: "web.prod.json") == "web.prod")
    #expect(SpecFolder.stem(of: "web") == "web")
    #expect(try names("web", 1) == ["web"])
    #expect(try names("web", 1, own: ["db"]) == ["db"])
    #expect(try names(nil, 1, only: ["web"]) == ["web"])
    #expect(throws: SpecFileError.self) { try names("web", 2) }
    #expect(throws: SpecFileError.self) { try names(nil, 1) }
    #expect(throws: SpecFileError.self) { try names("my web", 1) }
    #expect(try names("x", 2, own: ["a", "b"]) == ["a", "b"])
  }

  @Test func aFolderIsReadWholeBeforeAnythingIsDone() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func write(_ name: String, _ text: String) throws {
      try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
    }
    try write("web.yaml", "rootfs: /srv/web\ncommand: [/x]\n")
    try write("more.yml", "name: db\nrootfs: /srv/db\ncommand: [/x]\n---\nname: mail\nrootfs: /m\ncommand: [/x]\n")
    try write("notes.txt", "nothing of ours")
    #expect(try SpecFolder.read([folder.path], only: []).map(\.name) == ["db", "mail", "web"])
    #expect(try SpecFolder.read([folder.path], only: ["web"]).map(\.name) == ["web"])
    #expect(throws: Failure.self) { try SpecFolder.read([folder.path], only: ["nope"]) }
    try write("a.yaml", "rootfs: 3\nnope: 1\n")
    try write("b.yaml", "name: web\nrootfs: /srv/web\ncommand: [/x]\n")
    let failure = #expect(throws: Failure.self) { try SpecFolder.read([folder.path], only: []) }
    #expect(failure?.status == .usage)
    #expect(failure?.message.contains("a.yaml:2:1: nope: unknown key") == true, "\(failure as Any)")
    #expect(failure?.message.contains("web.yaml:1:1: there is another spec for web") == true, "\(failure as Any)")
  }

  /// A FIFO of a spec's name is refused, and not waited for.
  @Test func onlyRegularFilesOfAFolderAreRead() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("fifo-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    #expect(mkfifo(folder.appendingPathComponent("web.yaml").path, 0o600) == 0)
    let failure = #expect(throws: Failure.self) { try SpecFolder.read([folder.path], only: []) }
    #expect(failure?.message.hasSuffix("web.yaml is not a regular file") == true, "\(failure?.message ?? "")")
  }

  @Test func whatWasDoneIsSaid() {
    let change = SpecChange(key: "limits.memory", from: "256M", to: "512M")
    #expect(Applied(action: .created, changes: []).words(isDry: true) == "would be created")
    #expect(
      Applied(action: .changed, changes: [change], atNextStart: true).words(isDry: false)
        == "changed: limits.memory 256M -> 512M; it runs, and what changed takes effect at its next start")
  }
}
