import Glibc
import LinuxSystem
import Synchronization
import TestSupport

/// A daemon with guests that do what a file says.
final class TruthRig: Sendable {
  final class Guest: Sendable {
    let name: String
    let folder: String
    /// Its init, where a series has to see its end without the daemon.
    let process = Mutex<ProcessHandle?>(nil)
    /// Calls of the rig itself. Made again where the daemon was.
    fileprivate let connection = Mutex<RawConnection?>(nil)
    fileprivate let serial = Mutex<UInt32>(0)

    init(name: String, folder: String) {
      self.name = name
      self.folder = folder
    }
  }

  static let memoryLimit = 24 << 20

  let daemon: TestDaemon
  let guests: [Guest]
  /// Of the newest run that was read, by guest.
  private let numbers = Mutex<[String: Int]>([:])
  private let seen = Mutex<Set<String>>([])
  private let boot: String

  init(_ daemon: TestDaemon, guests count: Int) async throws {
    self.daemon = daemon
    boot = Files.textOrEmpty("/proc/sys/kernel/random/boot_id").filter(\.isHexDigit)
    chmod(daemon.root, 0o755)
    let program = try await Self.program()
    guests = (0..<count).map { Guest(name: "g\($0)", folder: "\(daemon.root)/g\($0)") }
    for guest in guests {
      try Files.makeDirectory(guest.folder)
      chmod(guest.folder, 0o777)
      try Files.writeAtomically(try Files.read(program), to: "\(guest.folder)/truth", mode: 0o755)
      try await daemon.define(
        guest.name,
        ["--restart", "never", "--memory", "\(Self.memoryLimit >> 20)M", "--mount", "\(guest.folder):/mark"],
        ["/mark/truth"])
    }
  }

  /// Built where it is used: `Tests/Programs/truth.c`.
  static func program() async throws -> String {
    let path = "\(RootTrees.cache)/truth"
    let source = Files.parent(of: Files.parent(of: Files.parent(of: #filePath))) + "/Programs/truth.c"
    try Files.makeDirectories(RootTrees.cache)
    let built = try await offThread {
      try Command("/usr/bin/cc").run("-static", "-O1", "-o", path + ".new", source)
    }
    guard built.code == 0 else { throw CommandFailure(built) }
    try check("rename", on: path) { rename(path + ".new", path) }
    return path
  }

  /// As records name it.
  static func signalName(_ number: Int) -> String {
    let names =
      "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU "
      + "XFSZ VTALRM PROF WINCH IO PWR SYS"
    switch number {
    case 1...31: return "SIG" + names.split(separator: " ")[number - 1]
    case 34: return "SIGRTMIN"
    case 35...64: return "SIGRTMIN+\(number - 34)"
    default: return "signal \(number)"
    }
  }

  // MARK: - One round

  func prepare(_ act: Act, _ guest: Guest, token: String) throws {
    for file in ["began", "done", "ready", "go"] { unlink("\(guest.folder)/\(file)") }
    try Files.writeText("\(token) \(act.argument)\n", to: "\(guest.folder)/arg")
    chmod("\(guest.folder)/arg", 0o644)
  }

  /// Opens the gate of one that waits there.
  func go(_ guest: Guest) throws { try Files.writeText("go\n", to: "\(guest.folder)/go") }

  func ready(_ guest: Guest) async throws {
    try await daemon.waitForFile("\(guest.folder)/ready") { !$0.isEmpty }
  }

  /// Returns when an order to stop it is under way.
  func stopping(_ guest: Guest) async throws {
    let name = guest.name
    let sequence = try await daemon.events().last { $0.guest == name && $0.to == "running" }?.seq ?? 0
    try await daemon.waitForEvent(after: sequence) { $0.guest == name && $0.to == "stopping" }
  }

  /// Runs `lodge`. What it answers is not judged: the guest may have ended first, or the daemon be gone.
  func lodge(_ arguments: String...) async throws { _ = try await daemon.cli(arguments) }

  /// The `lodge` of another user, who is in the daemon's group.
  func nobody(_ arguments: String...) async throws {
    _ = try await Command("/usr/bin/setpriv", environment: ["LODGE_ROOT": daemon.root])(
      ["--reuid=65534", "--regid=65534", "--clear-groups", "\(TestDaemon.programs)/lodge"] + arguments)
  }

  /// Asks for a start and waits for the reply; false where there is none, or the daemon goes first.
  ///
  /// - Parameter request: with it a start that is asked for again is carried out once.
  @discardableResult
  func start(_ guest: Guest, request: [UInt8]? = nil) async throws -> Bool {
    try await call(.start, guest, request: request)?.status == 0
  }

  /// Returns when the newest run has ended and that is stored.
  func ended(_ guest: Guest) async throws { _ = try await call(.wait, guest) }

  private func call(
    _ procedure: RawConnection.Procedure, _ guest: Guest, request: [UInt8]? = nil
  ) async throws -> RawConnection.Frame? {
    let path = daemon.socketPath
    return try await offThread {
      let serial = guest.serial.withLock { number in
        number += 1
        return number
      }
      let known = guest.connection.withLock { $0 }
      guard let connection = try? known ?? RawConnection(to: path) else { return nil }
      guest.connection.withLock { $0 = connection }
      if let reply = try connection.call(
        procedure, guest.name, request: request, serial: serial, seconds: 60)
      {
        return reply
      }
      guest.connection.withLock { $0 = nil }
      return nil
    }
  }

  /// Connections to a daemon that has gone are of no use.
  func disconnect() { for guest in guests { guest.connection.withLock { $0 = nil } } }

  /// The inits of the first guests, to see their ends without the daemon.
  func holdInits(of count: Int) async throws {
    let lines = try await daemon.guests()
    for guest in guests.prefix(count) {
      guard let pid = lines.first(where: { $0.name == guest.name })?.initPid, pid > 1 else {
        throw TooLate(description: "\(guest.name) has no init")
      }
      guest.process.withLock { $0 = try? ProcessHandle(opening: pid) }
    }
  }

  func initEnded(_ guest: Guest) async throws {
    guard let fd = guest.process.withLock({ $0?.fd }) else { return }
    try await offThread {
      guard waitUntilReadable(fd.rawValue, seconds: 30) else {
        throw TooLate(description: "\(guest.name) did not end")
      }
    }
  }

  // MARK: - Judging

  /// An act that was played on a guest, and what the guest marked.
  struct Played: Sendable {
    var act: Act
    var guest: String
    var marks: Marks
  }

  enum Verdict: Sendable {
    /// It never began.
    case none
    case right
    case notKnown
    case wrong(String)
  }

  /// Holds the records of all runs since the last time against what was played: each run belongs to one act by its time,
  /// and each act has one run at most.
  ///
  /// - Parameter permitted: what may stand there instead of an act's own end, because of what was done to Lodge.
  func judge(
    _ played: [Played], permitted: (Account, Marks) -> Verdict? = { _, _ in nil }
  ) async throws -> [Verdict] {
    let lines: [RunLine] = try await daemon.succeed("runs", "--last", "60", "-o", "jsonl", "g*").decoded()
    var rest = Dictionary(grouping: lines, by: \.guest).mapValues { Array($0.sorted { $0.number < $1.number }) }
    var verdicts: [Verdict] = []
    for guest in guests {
      let last = numbers.withLock { $0[guest.name, default: 0] }
      let new = rest[guest.name, default: []].filter { $0.number > last }
      if new.map(\.number) != new.indices.map({ last + 1 + $0 }) {
        verdicts.append(.wrong("\(guest.name): runs \(new.map(\.number)) after \(last)"))
      }
      numbers.withLock { $0[guest.name] = new.last?.number ?? last }
      for run in new where !seen.withLock({ $0.insert(run.run).inserted }) {
        verdicts.append(.wrong("\(guest.name): run \(run.run) is there twice"))
      }
      rest[guest.name] = new
    }
    for one in played {
      let mine = rest[one.guest, default: []].filter {
        let ended = RunLine.seconds($0.endedAt) ?? 0
        return ended >= one.marks.from - 0.002 && ended <= one.marks.until + 0.002
      }
      rest[one.guest]?.removeAll { run in mine.contains { $0.run == run.run } }
      switch mine.count {
      case 0:
        verdicts.append(one.marks.began == nil ? .none : wrong(one, "it began, and there is no record of it"))
      case 1: verdicts.append(verdict(one, mine[0], permitted))
      default: verdicts.append(wrong(one, "\(mine.count) runs: \(mine.map { Account($0) })"))
      }
    }
    for run in rest.values.joined() { verdicts.append(.wrong("\(run.guest): a run that was not asked for: \(run)")) }
    return verdicts
  }

  private func wrong(_ played: Played, _ why: String) -> Verdict {
    .wrong("\(played.act.name) (\(played.act.argument)): \(why); marks: \(played.marks.texts)")
  }

  private func verdict(_ played: Played, _ run: RunLine, _ permitted: (Account, Marks) -> Verdict?) -> Verdict {
    let account = Account(run)
    let marks = played.marks
    if account.executed == false, marks.began != nil { return wrong(played, "it was executed: \(account)") }
    let faults = run.faults(against: marks, memoryLimit: Self.memoryLimit, boot: boot)
    guard faults.isEmpty else { return wrong(played, "\(faults.joined(separator: "; ")): \(account)") }
    if played.act.truths.contains(account) {
      // Its own end is what it marked before.
      let mark = played.act.mark ?? (account.status?.hasPrefix("exit") == true ? "" : nil)
      if let mark, mark.isEmpty ? marks.done.isEmpty : !marks.texts.contains(mark) {
        return wrong(played, "it had not come to that: \(account)")
      }
      return .right
    }
    if let verdict = permitted(account, marks) { return verdict }
    let expected = played.act.truths.prefix(4).map(\.description).joined(separator: " or ")
    return wrong(played, "\(account), expected \(expected)")
  }

  /// The journal has one end for each run, with the cause that the record has; what it lacks or has twice.
  func faultsOfTheJournal() async throws -> [String] {
    let total = numbers.withLock { $0 }
    let ends = try await daemon.events().filter { $0.cause != nil }
    var faults: [String] = []
    for guest in guests {
      let runs = ends.filter { $0.guest == guest.name }.compactMap(\.run)
      if runs.count != total[guest.name, default: 0] {
        faults.append("\(guest.name): \(total[guest.name, default: 0]) runs, and \(runs.count) ends in the journal")
      }
      if Set(runs).count != runs.count { faults.append("\(guest.name): a run ends twice in the journal") }
      if !Set(runs).isSubset(of: seen.withLock { $0 }) { faults.append("\(guest.name): an end of an unknown run") }
    }
    return faults
  }
}
