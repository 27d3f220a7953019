import CLinuxSystem
import Glibc

/// Descriptors 0, 1 and 2 of this process.
public enum StandardStreams {
  public enum Stand {
    /// Reads nothing, and takes everything: for a program that runs without anybody beside it.
    case null
    /// Fails (EBADF), as a closed one would: for a program whose output is what it was called for.
    case nothing
  }

  /// Puts something into each that is closed. Otherwise the first files and sockets that the program opens have these
  /// numbers, and whatever is written to standard error goes into them.
  public static func open(_ stand: Stand) {
    let flags =
      switch stand {
      case .null: O_RDWR
      case .nothing: LS_O_PATH
      }
    while true {
      // The lowest number that is free.
      let descriptor = ls_open(AT_FDCWD, "/dev/null", flags, 0)
      guard descriptor > 2 || descriptor == -1 else { continue }
      if descriptor > 2 { close(descriptor) }
      return
    }
  }
}
