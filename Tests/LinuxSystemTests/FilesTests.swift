import Glibc
import LinuxSystem
import Testing

struct FilesTests {
  @Test func errorsNameOperationObjectAndReason() throws {
    let error = #expect(throws: SystemError.self) { try Files.read("/nowhere/at/all") }
    #expect(error?.description == "open /nowhere/at/all: No such file or directory")
  }

  @Test func atomicWriteReplacesTheWholeFileAndLeavesNoTemporary() throws {
    let folder = try ScratchFolder()
    let directory = try Files.openDirectory(folder.path)
    try Files.writeAtomically([1, 2, 3], to: "record", at: directory.rawValue)
    try Files.writeAtomically([9], to: "record", at: directory.rawValue)
    #expect(try Files.read(folder("record")) == [9])
    #expect(try Files.list(folder.path).map(\.name) == ["record"])
  }

  @Test func failedAtomicWriteKeepsTheOldFile() throws {
    let folder = try ScratchFolder()
    try Files.makeDirectory(folder("record"))
    try Files.writeAtomically([1], to: folder("record/inner"))
    // A rename onto a folder that is not empty fails after everything else has worked.
    #expect(throws: SystemError.self) { try Files.writeAtomically([2], to: folder("record")) }
    #expect(try Files.list(folder.path).map(\.name) == ["record"])
  }

  @Test func readRefusesMoreThanItsLimit() throws {
    let folder = try ScratchFolder()
    try Files.writeAtomically([UInt8](repeating: 7, count: 20_000), to: folder("big"))
    #expect(try Files.read(folder("big"), limit: 20_000).count == 20_000)
    #expect(throws: SystemError("read", on: folder("big"), errno: EFBIG)) {
      try Files.read(folder("big"), limit: 19_999)
    }
  }

  @Test func removeTreeNeverFollowsLinks() throws {
    let folder = try ScratchFolder()
    try Files.makeDirectories(folder("keep/deep"))
    try Files.writeAtomically([1], to: folder("keep/deep/file"))
    try Files.makeDirectories(folder("victim/a/b"))
    for link in ["victim/link", "victim/a/link", "top"] {
      #expect(symlink(folder("keep"), folder(link)) == 0)
    }
    try Files.removeTree(folder("victim"))
    try Files.removeTree(folder("top"))
    try Files.removeTree(folder("never there"))
    #expect(try Files.list(folder.path).map(\.name) == ["keep"])
    #expect(try Files.read(folder("keep/deep/file")) == [1])
  }

  @Test func makeDirectoriesIsHappyWithWhatIsThere() throws {
    let folder = try ScratchFolder()
    try Files.makeDirectories(folder("a/b/c"))
    try Files.makeDirectories(folder("a/b/c"))
    #expect(try Files.makeDirectory(folder("a")) == false)
    try Files.writeAtomically([], to: folder("plain"))
    #expect(throws: SystemError.self) { try Files.makeDirectory(folder("plain")) }
  }

  @Test(arguments: [("a/b", "a"), ("/a", "/"), ("a", "."), ("/a/b/c", "/a/b")])
  func parentOfPath(path: String, parent: String) {
    #expect(Files.parent(of: path) == parent)
  }
}

struct LockFileTests {
  @Test func aSecondTakerIsToldWhoHoldsIt() throws {
    let folder = try ScratchFolder()
    var lock = try LockFile.acquire(at: folder("lock"))
    #expect(lock != nil)
    #expect(try LockFile.acquire(at: folder("lock")) == nil)
    #expect(LockFile.holder(at: folder("lock")) == getpid())
    lock = nil
    #expect(LockFile.holder(at: folder("lock")) == nil)
    #expect(try LockFile.acquire(at: folder("lock")) != nil)
  }

  @Test func theLockPassesToAChildWithTheDescriptor() throws {
    let folder = try ScratchFolder()
    var lock = try LockFile.acquire(at: folder("lock"))
    let (ours, theirs) = try UnixSocket.pair()
    var plan = SpawnPlan(executable: "/bin/cat", arguments: ["cat"], environment: [])
    plan.descriptors = [(theirs.rawValue, 0), (try #require(lock).fd.rawValue, 3)]
    let child = try plan.run()
    lock = nil
    #expect(try LockFile.acquire(at: folder("lock")) == nil)
    ours.close()
    theirs.close()
    #expect(try child.wait(blocking: true)?.status == .exited(code: 0))
    #expect(try LockFile.acquire(at: folder("lock")) != nil)
  }
}
