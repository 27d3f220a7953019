import Glibc
import LinuxSystem

/// Standard output and standard error of this process.
final class Console {
  let outputIsTerminal: Bool
  let errorIsTerminal: Bool
  let inputIsTerminal: Bool
  /// Standard output is a pipe: its reader may go away while there is nothing to write.
  let outputIsPipe: Bool
  private var pending: [UInt8] = []
  private var hasStatus = false

  init() {
    outputIsTerminal = isatty(1) == 1
    errorIsTerminal = isatty(2) == 1
    inputIsTerminal = isatty(0) == 1
    var status = stat()
    outputIsPipe = fstat(1, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
  }

  /// Adds to what `flush` writes.
  func write(_ text: String) { pending.append(contentsOf: text.utf8) }
  func write(_ bytes: [UInt8]) { pending.append(contentsOf: bytes) }

  func line(_ text: String) { write(text + "\n") }

  /// Writes what was added. A reader that has gone (`lodge events -f | head`) ends the process, quietly as `head` wants it.
  func flush() {
    guard !pending.isEmpty else { return }
    clearStatus()
    let bytes = pending
    pending.removeAll(keepingCapacity: true)
    do throws(SystemError) {
      try write(bytes, to: 1)
    } catch {
      if error.errno == EPIPE { exit(128 + SIGPIPE) }
      try? write(Array("lodge: write to standard output: \(error.reason)\n".utf8), to: 2)
      exit(ExitStatus.failed.rawValue)
    }
  }

  /// Ends the process as a write would if the reader of standard output has gone (`lodge events -f | head -1`): poll(2)
  /// reports an error on the writing end of a pipe without readers.
  func endIfReaderHasGone() {
    guard outputIsPipe else { return }
    var items = [Poll.Item(1, [])]
    try? Poll.wait(for: &items, nanoseconds: 0)
    if !items[0].found.isEmpty { exit(128 + SIGPIPE) }
  }

  /// A line on standard error, after everything on standard output.
  func errorLine(_ text: String) {
    flush()
    clearStatus()
    try? write(Array((text + "\n").utf8), to: 2)
  }

  /// Bytes for standard error, as they are.
  func writeError(_ bytes: [UInt8]) {
    guard !bytes.isEmpty else { return }
    flush()
    clearStatus()
    try? write(bytes, to: 2)
  }

  /// Shows what is being waited for, on a terminal only; the next one and any output replace it.
  func status(_ text: String) {
    guard errorIsTerminal else { return }
    try? write(Array("\r\u{1B}[K\(text)".utf8), to: 2)
    hasStatus = true
  }

  func clearStatus() {
    guard hasStatus else { return }
    hasStatus = false
    try? write(Array("\r\u{1B}[K".utf8), to: 2)
  }

  /// Asks on the terminal. False on end of file.
  func confirm(_ question: String) -> Bool {
    flush()
    try? write(Array("\(question) [y/N] ".utf8), to: 2)
    let answer = readLine(strippingNewline: true)?.lowercased()
    return answer == "y" || answer == "yes"
  }

  private func write(_ bytes: [UInt8], to descriptor: Int32) throws(SystemError) {
    let result: Result<Void, SystemError> = bytes.withUnsafeBytes { buffer in
      do throws(SystemError) {
        return .success(
          try Files.write(buffer, to: descriptor, named: descriptor == 1 ? "standard output" : "standard error"))
      } catch {
        return .failure(error)
      }
    }
    try result.get()
  }
}
