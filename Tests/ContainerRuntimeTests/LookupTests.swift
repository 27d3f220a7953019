import LinuxSystem
import Testing

@testable import ContainerRuntime

struct UserFilesTests {
  let files = UserFiles(
    passwd: Array(
      "root:x:0:0:root:/root:/bin/sh\nbroken\nweb:x:33:44:Web:/srv/web:/bin/sh\n7:x:99:99::/x:\nno::home:1::\n".utf8),
    group: Array("root:x:0:\ntty:x:7:\nweb:x:44:web\nlogs:x:50:other,web\nbroken:x:\n".utf8))

  @Test(arguments: [
    ("0", ResolvedUser(uid: 0, gid: 0, groups: [], home: "/root")),
    ("", ResolvedUser(uid: 0, gid: 0, groups: [], home: "/root")),
    ("web", ResolvedUser(uid: 33, gid: 44, groups: [44, 50], home: "/srv/web")),
    ("33", ResolvedUser(uid: 33, gid: 44, groups: [44, 50], home: "/srv/web")),
    ("web:logs", ResolvedUser(uid: 33, gid: 50, groups: [44, 50], home: "/srv/web")),
    ("1000:2000", ResolvedUser(uid: 1000, gid: 2000, groups: [], home: "/")),
    // All digits is a number, whatever names there are.
    ("7", ResolvedUser(uid: 7, gid: 0, groups: [], home: "/")),
  ]) func users(text: String, user: ResolvedUser) throws {
    #expect(try files.resolve(user: text, groups: []) == user)
  }

  @Test(arguments: [
    ("nobody", "look up user nobody"), ("web:nothing", "look up group nothing"), ("-1", "look up user -1"),
  ])
  func whatIsNotThereIsNamed(text: String, step: String) {
    let error = #expect(throws: ContainerError.self) { try files.resolve(user: text, groups: []) }
    #expect(error?.step == step)
    #expect(error?.hint != nil)
  }

  /// setresuid(2) leaves everything as it is for this number, and what it would leave is root.
  @Test(
    arguments: [
      ("4294967295", []), ("1000:4294967295", []), ("sentinel", []), ("group", []), ("0:grouped", []),
      ("0", ["4294967295"]), ("0", ["grouped"]), ("member", []),
    ] as [(String, [String])])
  func theNumberThatStandsForNoUserIsRefused(user: String, groups: [String]) {
    let files = UserFiles(
      passwd: Array("sentinel:x:4294967295:0::/:\ngroup:x:5:4294967295::/:\nmember:x:6:6::/:\n".utf8),
      group: Array("grouped:x:4294967295:member\n".utf8))
    let error = #expect(throws: ContainerError.self) { try files.resolve(user: user, groups: groups) }
    #expect(error?.errno == 22)
    #expect(error?.hint?.isEmpty == false)
  }

  @Test func linesThatTheCLibraryAcceptsAreAccepted() throws {
    let files = UserFiles(
      passwd: Array("\u{feff}web:x:33:44\n".utf8), group: Array("\u{feff}logs:x:50\nmore:x:51:web\n".utf8))
    #expect(
      try files.resolve(user: "web", groups: ["logs"]) == ResolvedUser(uid: 33, gid: 44, groups: [51, 50], home: "/"))
  }

  @Test func moreGroupsThanAProcessIsGivenAreRefused() {
    let lines = (1...1025).map { "g\($0):x:\($0):web\n" }.joined()
    let files = UserFiles(passwd: Array("web:x:33:44::/:\n".utf8), group: Array(lines.utf8))
    #expect(throws: ContainerError.self) { try files.resolve(user: "web", groups: []) }
  }

  @Test func terminalsBelongToTheTreesOwnGroup() {
    #expect(files.terminalGroup == 7)
    #expect(UserFiles(passwd: [], group: []).terminalGroup == 5)
    #expect(UserFiles(passwd: [], group: Array("tty:x:4294967295:\n".utf8)).terminalGroup == 5)
  }

  @Test func emptyFilesAreEnoughForNumbers() throws {
    let none = UserFiles(passwd: [], group: [])
    #expect(
      try none.resolve(user: "5:6", groups: ["7"])
        == ResolvedUser(uid: 5, gid: 6, groups: [7], home: "/"))
  }
}

struct ProgramKindTests {
  @Test(arguments: [
    ("#!/bin/sh\n", "/bin/sh"), ("#! /usr/bin/env perl -w\n", "/usr/bin/env"), ("#!\t/bin/x", "/bin/x"),
  ]) func scripts(text: String, interpreter: String) {
    #expect(ProgramKind(start: Array(text.utf8)) == .script(interpreter: interpreter))
  }

  @Test(arguments: ["", "#!", "#!  \n/bin/sh", "echo hello", "\u{7f}ELF"]) func neither(text: String) {
    #expect(ProgramKind(start: Array(text.utf8)) == .unknown)
  }

  /// A 64-bit little-endian header with one program header, PT_INTERP, right after it.
  private func elf(machine: UInt16, loader: String) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 120)
    func put(_ value: UInt64, at offset: Int, size: Int) {
      for index in 0..<size { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
    }
    put(0x464c_457f, at: 0, size: 4)
    bytes[4] = 2
    bytes[5] = 1
    put(UInt64(machine), at: 18, size: 2)
    put(64, at: 32, size: 8)
    put(56, at: 54, size: 2)
    put(1, at: 56, size: 2)
    put(3, at: 64, size: 4)
    put(120, at: 72, size: 8)
    put(UInt64(loader.utf8.count + 1), at: 96, size: 8)
    return bytes + Array(loader.utf8) + [0]
  }

  @Test func programs() {
    #expect(ProgramKind(start: elf(machine: 62, loader: "/lib/ld.so")) == .elf(machine: 62, loader: "/lib/ld.so"))
    #expect(ProgramKind(start: Array(elf(machine: 183, loader: "/l").prefix(20))) == .elf(machine: 183, loader: nil))
  }

  @Test func noNumberInTheFileIsTrusted() {
    let good = elf(machine: 62, loader: "/lib/ld.so")
    var seed = SystemRandomNumberGenerator()
    for _ in 0..<20_000 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...8, using: &seed) {
        bytes[Int.random(in: 4..<bytes.count, using: &seed)] = [0, 1, 0x7f, 0xff].randomElement(using: &seed)!
      }
      _ = ProgramKind(start: Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &seed))))
    }
  }
}

struct HostCapabilityTests {
  @Test(arguments: [
    ("6.1.0-13-amd64", true), ("5.14.0", true), ("5.13.9", false), ("4.19", false), ("7", false), ("", false),
  ])
  func kernelVersions(release: String, new: Bool) {
    #expect(HostCapability.isKernel(release, atLeast: (5, 14)) == new)
  }

  /// Debian's kernel has overlay as a module: not among the known file systems until the first guest that needs it.
  @Test(arguments: [
    ("kernel/fs/overlayfs/overlay.ko:\n", true), ("kernel/fs/fat/fat.ko:\nkernel/fs/overlayfs/overlay.ko.xz:\n", true),
    ("kernel/fs/x.ko: kernel/fs/overlayfs/overlay.ko\n", false), ("kernel/drivers/i2c/overlay.koala:\n", false),
    ("", false),
  ])
  func overlayCanBeAModule(dependencies: String, there: Bool) {
    #expect(HostCapability.names(overlayIn: dependencies) == there)
  }
}
