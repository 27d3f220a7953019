import ConsoleLog
import ContainerRuntime
import Glibc
import Guest
import Layout
import LinuxSystem

/// The guest's console on its way into the log.
///
/// It is read whenever there is something and never makes the guest wait. Its end is not the guest's end: init may close
/// it and run on.
final class GuestConsole {
  /// After this an unfinished line, such as a prompt, goes to the log as it is.
  private static let unfinishedMillis: UInt64 = 500

  let log: LogWriter
  private let reactor: Reactor
  private var readers: [ConsoleReader] = []
  private var flushAt: BootTime?

  init(_ log: LogWriter, _ reactor: Reactor) {
    self.log = log
    self.reactor = reactor
    reactor.addTimer(
      due: { [unowned self] in flushAt },
      fire: { [unowned self] in
        flushAt = nil
        log.flush(last: false)
      })
  }

  func attach(_ reader: ConsoleReader) throws(SystemError) {
    // First, so that it is read at the end whatever happens now.
    readers.append(reader)
    reader.source = try reactor.watch(reader.descriptor) { [unowned self, unowned reader] _ in read(reader) }
  }

  private func read(_ reader: ConsoleReader) {
    reader.read(into: log)
    if !reader.isOpen { stopWatching(reader) }
    flushAt = log.hasPending ? flushAt ?? Clock.now.boot.adding(milliseconds: Self.unfinishedMillis) : nil
  }

  private func stopWatching(_ reader: ConsoleReader) {
    if let source = reader.source { reactor.remove(source) }
    reader.source = nil
  }

  /// To the last byte: all who could write are dead, and the kernel has what they wrote.
  func drain() {
    for reader in readers {
      reader.drain(into: log)
      stopWatching(reader)
    }
    log.flush(last: true)
    flushAt = nil
  }
}

/// One stream of a console. A terminal's other side is kept open here, so that it neither hangs up nor ends.
final class ConsoleReader {
  /// Most bytes of one read, so that calls are served while a guest pours out text.
  private static let chunk = 16 << 10
  /// Most bytes read after the end. Every writer is dead then, and the kernel buffers far less.
  private static let mostAtEnd = 16 << 20

  private let input: OwnedFD
  private let slave: OwnedFD?
  private let stream: LogLine.Stream
  private(set) var isOpen = true
  /// While it is watched.
  fileprivate var source: Reactor.Source?

  init(terminal: OwnedFD) throws(ContainerError) {
    input = terminal
    slave = try Console.openOtherSide(of: terminal)
    stream = .output
  }

  init(pipe: OwnedFD, stream: LogLine.Stream) {
    input = pipe
    slave = nil
    self.stream = stream
  }

  var descriptor: Int32 { input.rawValue }

  /// Takes what is there, at most one chunk; false when there was nothing.
  @discardableResult
  func read(into log: LogWriter) -> Bool {
    guard isOpen else { return false }
    return withUnsafeTemporaryAllocation(byteCount: Self.chunk, alignment: 16) { buffer in
      while true {
        let got = Glibc.read(input.rawValue, buffer.baseAddress!, buffer.count)
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
