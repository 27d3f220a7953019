import Glibc
import Layout
public import LinuxSystem

/// A byte in a file that the child sets right before it executes init, so that a controller that is killed in between
/// leaves behind whether its guest can have run.
///
/// Memory that is shared with the child and backed by the file: setting it is no system call, so no limit, right or filter
/// of the guest's can be in the way, and the page outlives both processes.
public final class ExecutionMark {
  /// In the run directory.
  public static let name = RunPaths.executionMarkName

  let pointer: UnsafeMutablePointer<UInt8>

  /// The content of the file after the controller has died.
  public enum State: Sendable {
    /// The child was still being made ready.
    case notReached
    /// The child was about to execute init, and may have done so.
    case reached
  }

  /// Makes the file, before there is a controller: so one that is not there says nothing, and one that is unset says that
  /// init was not executed.
  public static func create(in directory: Int32) throws(SystemError) {
    let file = try Files.open(name, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600, at: directory)
    var unset: UInt8 = 0
    // A byte of its own, so that setting it in memory needs no space.
    try check("write", on: name) { write(file.rawValue, &unset, 1) }
  }

  /// Nil where there is none, or it cannot be read.
  public static func state(at path: String) -> State? {
    guard let byte = try? Files.read(path).first else { return nil }
    return byte == 0 ? .notReached : .reached
  }

  /// Opens the file for a child that is about to be made; nil where the daemon made none.
  public init?(in directory: Int32) throws(SystemError) {
    guard Files.exists(Self.name, at: directory) else { return nil }
    let file = try Files.open(Self.name, flags: O_RDWR, at: directory)
    guard let memory = mmap(nil, 1, PROT_READ | PROT_WRITE, MAP_SHARED, file.rawValue, 0), memory != MAP_FAILED else {
      throw SystemError("map", on: Self.name, errno: errno)
    }
    pointer = memory.assumingMemoryBound(to: UInt8.self)
  }

  deinit { munmap(pointer, 1) }
}
