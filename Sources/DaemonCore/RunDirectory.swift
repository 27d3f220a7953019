internal import ContainerRuntime
internal import FormerProtocol
internal import Guest
internal import Layout
internal import LinuxSystem

/// The folder of a guest's present run: a lock that its controller holds, its socket, and at the end its exit record.
///
/// The daemon removes it to acknowledge, to the controller and to itself after a restart, that the end is stored.
struct RunDirectory {
  let paths: RunPaths
  var path: String { paths.path }

  private let guest: GuestName

  init(runs: String, guest: GuestName) {
    paths = RunPaths(path: runs + "/" + guest.value)
    self.guest = guest
  }

  var recordPath: String { paths.exitRecord }

  var socketPath: String { paths.socket }
  var lockPath: String { paths.lock }

  /// Makes the folder, and the one above it, where they are missing: a cleaner may have been there.
  ///
  /// - Returns: whether it is new.
  @discardableResult
  func make() throws(SystemError) -> Bool {
    do { return try Files.makeDirectory(path, mode: 0o700) } catch {
      guard error.errno == 2 else { throw error }  // ENOENT
      try Files.makeDirectories(Files.parent(of: path), mode: 0o700)
      return try Files.makeDirectory(path, mode: 0o700)
    }
  }

  /// Removes what is in it. The folder itself says that a start has been stored, and is never missing meanwhile.
  func empty() throws(SystemError) {
    guard try !make() else { return }
    for entry in try Files.list(path) { try Files.removeTree(path + "/" + entry.name) }
  }

  /// Makes it ready for a new run. What a run left behind whose end is stored is removed first.
  /// While a controller holds it, it is not touched: one guest never runs twice.
  /// - Returns: the directory and the held lock, both to be handed to the controller.
  func create() throws(SystemError) -> (directory: OwnedFD, lock: LockFile) {
    let busy: Int32 = 16  // EBUSY
    if isHeld() { throw SystemError("take over", on: path, errno: busy) }
    try empty()
    let directory = try Files.openDirectory(path)
    guard let lock = try LockFile.acquire(at: RunPaths.lockName, in: directory.rawValue) else {
      throw SystemError("lock", on: lockPath, errno: 11)
    }
    // Where there is no room for it, less is known should the controller die.
    try? ExecutionMark.create(in: directory.rawValue)
    return (directory, lock)
  }

  /// True while a controller lives: it holds the lock until it dies, however that happens.
  func isHeld() -> Bool {
    guard let directory = try? Files.openDirectory(path) else { return false }
    guard Files.exists(RunPaths.lockName, at: directory.rawValue) else { return false }
    do { return try LockFile.acquire(at: RunPaths.lockName, in: directory.rawValue) == nil } catch { return false }
  }

  var exists: Bool { Files.exists(path) }

  /// Whether init was executed, as far as a controller that has died left it behind. Without a mark nothing is known: the
  /// directory is a former version's, or is gone.
  var initExecuted: Known {
    switch ExecutionMark.state(at: paths.executionMark) {
    case .notReached: .no
    case .reached, nil: .notKnown
    }
  }

  /// The record that the controller wrote, in this format or a former one; nil if there is none.
  ///
  /// - Throws: for one that is damaged, and one of another guest: it is not the word of this guest's controller.
  func exitRecord() throws -> ExitRecord? {
    guard Files.exists(recordPath) else { return nil }
    let record = try FormerExitRecord.decode(Files.read(recordPath))
    guard record.guest == guest else {
      throw GuestError(.internalError, "read \(recordPath): it is a record of \(record.guest)")
    }
    return record
  }

  func remove() throws(SystemError) {
    guard exists else { return }
    try Files.removeTree(path)
  }
}
