import Glibc
import Guest
import LinuxSystem
import Testing

@testable import DaemonCore

@Suite struct RunDirectoryTests {
  private func withRuns(_ body: (String, RunDirectory) throws -> Void) throws {
    var template = Array("/tmp/lodge-runs-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", errno: errno) }
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { try? Files.removeTree(folder) }
    try body(folder, RunDirectory(runs: folder + "/guests", guest: try GuestName("web")))
  }

  /// A stored start without its folder cannot be carried out, so nothing removes the folder between.
  @Test func theFolderOfAStoredStartIsNeverAnother() throws {
    try withRuns { _, directory in
      #expect(try directory.make() && !directory.make())
      func inode() throws -> UInt64 {
        var info = stat()
        #expect(stat(directory.path, &info) == 0)
        return UInt64(info.st_ino)
      }
      let first = try inode()
      try Files.writeAtomically([1], to: directory.path + "/exit-record", mode: 0o600)
      try Files.makeDirectories(directory.path + "/a/b")
      try directory.empty()
      #expect(try Files.list(directory.path).isEmpty && inode() == first)
      do {
        let made = try directory.create()
        #expect(try inode() == first && directory.isHeld())
        withExtendedLifetime(made) {}
      }
    }
  }

  /// A cleaner of /run may remove all of it under a running daemon.
  @Test func whatIsMissingAboveItIsMadeAgain() throws {
    try withRuns { folder, directory in
      _ = try directory.create()
      try Files.removeTree(folder + "/guests")
      _ = try directory.create()
      #expect(directory.exists)
    }
  }
}
