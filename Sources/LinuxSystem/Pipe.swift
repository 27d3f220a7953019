import CLinuxSystem
import Glibc

/// pipe(7)
public enum Pipe {
  /// Both ends close on exec; the reading one does not block.
  public static func make() throws(SystemError) -> (reading: OwnedFD, writing: OwnedFD) {
    var ends: [Int32] = [-1, -1]
    try check("pipe") { pipe(&ends) }
    let (reading, writing) = (OwnedFD(adopting: ends[0]), OwnedFD(adopting: ends[1]))
    try reading.setCloseOnExec(true)
    try writing.setCloseOnExec(true)
    try reading.setNonblocking(true)
    return (reading, writing)
  }

  /// Reads what there is: 0 at the end; nil when there is nothing yet.
  public static func read(from pipe: OwnedFD, into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int? {
    while true {
      let count = Glibc.read(pipe.rawValue, buffer.baseAddress, buffer.count)
      if count >= 0 { return count }
      if errno == EINTR { continue }
      if errno == EAGAIN { return nil }
      throw .last("read", on: "a pipe")
    }
  }
}
