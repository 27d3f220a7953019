import ConsoleLog
import ContainerRuntime
import Glibc
import Layout
import LinuxSystem

/// The guest's console on its way into the log.
///
/// It is read whenever there is something and never makes the guest wait. Its end is not the guest's end: init may close
/// it and run on. A terminal's other side is kept open here, so that it neither hangs up nor ends.
final class ConsoleReader {
  /// Most bytes of one read, so that calls are served while a guest pours out text.
  private static let chunk = 16 << 10
  /// Most bytes read after the end. Every writer is dead then, and the kernel buffers far less.
  private static let mostAtEnd = 16 << 20

  private let source: OwnedFD
  private let slave: OwnedFD?
  private let stream: LogLine.Stream
  private(set) var isOpen = true

  /// A terminal.
  init(terminal: OwnedFD) throws(ContainerError) {
    source = terminal
    slave = try Console.openOtherSide(of: terminal)
    stream = .output
  }

  init(pipe: OwnedFD, stream: LogLine.Stream) {
    source = pipe
    slave = nil
    self.stream = stream
  }

  var descriptor: Int32 { source.rawValue }

  /// Takes what is there, at most one chunk; false when there was nothing.
  @discardableResult
  func read(into log: LogWriter) -> Bool {
    guard isOpen else { return false }
    return withUnsafeTemporaryAllocation(byteCount: Self.chunk, alignment: 16) { buffer in
      while true {
        let got = Glibc.read(source.rawValue, buffer.baseAddress!, buffer.count)
        if got > 0 {
          log.write(UnsafeRawBufferPointer(rebasing: buffer[..<got]), from: stream)
          return true
        }
        if got == -1, errno == EINTR { continue }
        // Nothing now; or the end of a pipe without a writer.
        if got == 0 || errno != EAGAIN { isOpen = false }
        return false
      }
    }
  }

  /// Takes everything there is. The kernel hands over all that was written to a terminal before it says that there is
  /// nothing (n_tty_read waits for its work queue).
  func drain(into log: LogWriter) {
    var taken = 0
    while taken < Self.mostAtEnd, read(into: log) { taken += Self.chunk }
  }
}
