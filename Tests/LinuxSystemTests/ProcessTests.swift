import Glibc
import Testing

@testable import LinuxSystem

struct SpawnTests {
  @Test(arguments: [0, 3, 255] as [Int32]) func exitCodesComeBack(code: Int32) throws {
    let child = try shell("exit \(code)").run()
    let end = try #require(try child.wait(blocking: true))
    #expect(end.pid == child.pid)
    #expect(end.status == .exited(code: code))
  }

  @Test func theStartOfAProcessIsAMomentOfTheBoot() throws {
    let before = Clock.bootNanoseconds
    let process = try SpawnPlan(executable: "/bin/sleep", arguments: ["sleep", "1000"], environment: []).run()
    let after = Clock.bootNanoseconds
    let made = ProcessStat.nanoseconds(ofStartTime: try ProcessStat(of: process.pid).startTime)
    _ = try process.signal(SIGKILL)
    _ = try process.wait(blocking: true)
    #expect(Int64(made) > before - 10_000_001 && Int64(made) <= after)
    #expect(ProcessStat.nanoseconds(ofStartTime: .max) == .max)
  }

  @Test func signalsComeBackAndAreSentThroughThePidfd() throws {
    let child = try SpawnPlan(executable: "/bin/sleep", arguments: ["sleep", "1000"], environment: []).run()
    #expect(try child.wait() == nil)
    #expect(try child.signal(SIGKILL))
    #expect(try child.wait(blocking: true)?.status == .signaled(signal: SIGKILL, core: false))
    #expect(try child.signal(SIGKILL) == false)
  }

  @Test func aMissingProgramIsAnErrorWithItsPath() {
    #expect(throws: SystemError("execute", on: "/no/such/program", errno: ENOENT)) {
      try SpawnPlan(executable: "/no/such/program", arguments: ["x"], environment: []).run()
    }
  }

  @Test func aMissingFolderIsAnErrorWithItsPath() {
    var plan = shell("true")
    plan.workingDirectory = "/no/such/folder"
    #expect(throws: SystemError("chdir", on: "/no/such/folder", errno: ENOENT)) { try plan.run() }
  }

  @Test func nothingButWhatIsNamedReachesTheChild() throws {
    // A descriptor without close-on-exec, an ignored and a blocked signal, a variable.
    let leak = dup(1)
    defer { close(leak) }
    try Signals.ignore(SIGPIPE)
    setenv("LEAK", "1", 1)
    var plan = shell("ls /proc/self/fd; grep -E 'SigBlk|SigIgn' /proc/self/status; echo \"${LEAK-none} $ONLY\"")
    plan.environment.append("ONLY=this")
    plan.newSession = true
    let lines = try output(of: &plan).split(separator: "\n")
    // The fourth descriptor is the folder that ls reads.
    #expect(lines.prefix(4) == ["0", "1", "2", "3"])
    #expect(lines.contains("SigBlk:\t0000000000000000"))
    #expect(lines.contains("SigIgn:\t0000000000000000"))
    #expect(lines.last == "none this")
  }

  @Test func maskAndLimitOfDescriptorsAreDecided() throws {
    let ends = try Pipe.make()
    var plan = SpawnPlan(executable: "/bin/sh", arguments: ["sh", "-c", "umask; ulimit -Sn"], environment: [])
    plan.descriptors = [(ends.writing.rawValue, 1)]
    plan.umask = 0o027
    plan.descriptorLimit = 100
    let process = try plan.run()
    ends.writing.close()
    #expect(try process.wait(blocking: true)?.status == .exited(code: 0))
    let text = String(decoding: try Files.read(ends.reading, named: "pipe"), as: UTF8.self)
    #expect(text == "0027\n100\n" || text == "027\n100\n", "\(text)")
  }

  @Test func descriptorsMayBeSwapped() throws {
    let (first, second) = (try Files.open("/dev/null", flags: O_RDWR), try Files.open("/dev/zero", flags: O_RDWR))
    var plan = shell("readlink /proc/self/fd/\(first.rawValue) /proc/self/fd/\(second.rawValue)")
    plan.descriptors = [(second.rawValue, first.rawValue), (first.rawValue, second.rawValue)]
    #expect(try output(of: &plan) == "/dev/zero\n/dev/null\n")
  }

  @Test func usageIsMeasured() throws {
    let child = try shell("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done").run()
    let usage = try #require(try child.wait(blocking: true)).usage
    #expect(usage.userMicroseconds + usage.systemMicroseconds > 0)
    #expect(usage.maxResidentKilobytes > 100)
  }
}

struct ProcessIdentityTests {
  @Test func aProcessIsOpenedOnlyWithItsStartTime() throws {
    let start = try ProcessStat(of: getpid()).startTime
    #expect(try ProcessHandle.open(pid: getpid(), startTime: start) != nil)
    #expect(try ProcessHandle.open(pid: getpid(), startTime: start + 1) == nil)
  }

  @Test func aCommandMayHoldBrackets() throws {
    let line = "42 (a) R (x)) S 7 " + (5...21).map(String.init).joined(separator: " ") + " 12345 0 0\n"
    let stat = try #require(ProcessStat(parsing: Array(line.utf8)))
    #expect(stat.command == "a) R (x)")
    #expect(stat.state == UInt8(ascii: "S"))
    #expect(stat.parent == 7)
    #expect(stat.startTime == 12345)
    #expect(ProcessStat(parsing: Array("42 (x".utf8)) == nil)
  }

  @Test func kernelFacts() throws {
    #expect(try Kernel.bootID().count == 16)
    #expect(!Kernel.identity.machine.isEmpty)
    #expect(try Random.uuid() != Random.uuid())
    #expect(try Random.uuid()[6] >> 4 == 4)
  }

  @Test func signalsAreReadFromADescriptor() throws {
    let signals = try SignalFD([SIGUSR2])
    #expect(try signals.next() == nil)
    #expect(pthread_kill(pthread_self(), SIGUSR2) == 0)
    #expect(try signals.next() == SIGUSR2)
    #expect(try signals.next() == nil)
  }

  @Test(
    arguments: [("0", 0), ("65535", 65535), ("", nil), ("65536", nil), ("-1", nil), ("1 ", nil)] as [(String, UInt16?)])
  func decimalNumbers(text: String, value: UInt16?) {
    #expect(UInt16(decimal: text.utf8) == value)
  }
}

struct InotifyTests {
  @Test func aWrittenFileWakesItsWatcher() throws {
    let folder = try ScratchFolder()
    try Files.writeAtomically([], to: folder("log"))
    let inotify = try Inotify()
    try inotify.watch(folder("log"), for: [.modified, .gone])
    #expect(try inotify.drain() == false)
    let file = try Files.open(folder("log"), flags: O_WRONLY)
    #expect(write(file.rawValue, "x", 1) == 1)
    #expect(try inotify.drain())
    #expect(try inotify.drain() == false)
  }
}

private func shell(_ script: String) -> SpawnPlan {
  SpawnPlan(executable: "/bin/sh", arguments: ["sh", "-c", script], environment: ["PATH=/usr/bin:/bin"])
}

private func output(of plan: inout SpawnPlan) throws -> String {
  let (ours, theirs) = try UnixSocket.pair()
  plan.descriptors += [(theirs.rawValue, 1), (theirs.rawValue, 2)]
  let child = try plan.run()
  theirs.close()
  let bytes = try Files.read(ours, named: "output")
  _ = try child.wait(blocking: true)
  return String(decoding: bytes, as: UTF8.self)
}
