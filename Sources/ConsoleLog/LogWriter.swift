import Glibc
public import Layout
public import LinuxSystem

/// The console log of a guest: entries appended to a file that is rotated by size (`web.log`, `web.log.1`, ...).
///
/// A guest never waits for its log: what cannot be written (disk full) is counted, dropped, and said once writing works
/// again. Rotated files are renamed, so a reader that follows keeps the file it has open.
public final class LogWriter {
  private let path: String
  private let maximumBytes: UInt64
  private let files: Int
  private var file: OwnedFD?
  private var size: UInt64 = 0
  private var formatter: LogFormatter
  private var entries: [UInt8] = []
  /// The file ends in the middle of an entry: a write stopped there.
  private var isTorn = false
  private var lost: (bytes: Int, reason: String)?

  /// Bytes of the guest's output that could not be written, in all.
  public private(set) var droppedBytes = 0

  /// Opens the file, or makes it.
  ///
  /// - Parameters:
  ///   - maximumBytes: a file is rotated before it would grow beyond this.
  ///   - files: so many are kept, the current one included.
  ///   - isTerminal: the output comes through a terminal, which ends its lines with a carriage return and a newline.
  public init(path: String, maximumBytes: UInt64, files: Int, isTerminal: Bool = true) throws(StepError) {
    formatter = LogFormatter(isTerminal: isTerminal)
    self.path = path
    self.maximumBytes = maximumBytes
    self.files = max(files, 1)
    try during("open log \(path)") { () throws(SystemError) in try open() }
  }

  /// An unfinished line waits; `flush` writes it.
  public var hasPending: Bool { formatter.hasPending }

  /// The last lines of output, oldest first: at most 10 of at most 512 bytes.
  public var tail: [String] { formatter.tail.strings }

  public func write(_ bytes: UnsafeRawBufferPointer, from stream: LogLine.Stream) {
    formatter.append(bytes, from: stream, time: Clock.wallNanoseconds, into: &entries)
    writeEntries(of: bytes.count)
  }

  /// Says something in Lodge's own name.
  public func note(_ text: String) {
    formatter.note(text, time: Clock.wallNanoseconds, into: &entries)
    writeEntries(of: 0)
  }

  /// Writes unfinished lines; with `last` all of them.
  public func flush(last: Bool) {
    formatter.flush(last: last, into: &entries)
    writeEntries(of: 0)
  }

  private func writeEntries(of bytes: Int) {
    guard !entries.isEmpty else { return }
    defer { entries.removeAll(keepingCapacity: entries.capacity <= 64 << 10) }
    do {
      if file == nil { try open() }
      if size > 0, size + UInt64(entries.count) > maximumBytes { try rotate() }
      if isTorn { entries.insert(UInt8(ascii: "\n"), at: 0) }
      if let lost {
        var note: [UInt8] = []
        formatter.note(
          "\(lost.bytes) bytes of output were lost: \(lost.reason)", time: Clock.wallNanoseconds, into: &note)
        entries.insert(contentsOf: note, at: isTorn ? 1 : 0)
      }
      try append()
      lost = nil
    } catch {
      droppedBytes += bytes
      lost = ((lost?.bytes ?? 0) + bytes, error.reason)
    }
  }

  private func append() throws(SystemError) {
    guard let file else { return }
    var done = 0
    while done < entries.count {
      do {
        done += try check("write", on: path) {
          entries.withUnsafeBytes { Glibc.write(file.rawValue, $0.baseAddress! + done, $0.count - done) }
        }
      } catch {
        size += UInt64(done)
        if done > 0 { isTorn = true }
        throw error
      }
    }
    size += UInt64(done)
    isTorn = false
  }

  private func open() throws(SystemError) {
    let flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK
    let opened: OwnedFD
    do { opened = try Files.open(path, flags: flags, mode: 0o640) } catch {
      guard error.errno == ENOENT else { throw error }
      // A cleaner has removed the folder, and a start does not fail for it.
      try Files.makeDirectories(Files.parent(of: path), mode: 0o750)
      opened = try Files.open(path, flags: flags, mode: 0o640)
    }
    var info = stat()
    try check("stat", on: path) { fstat(opened.rawValue, &info) }
    guard info.st_mode & S_IFMT == S_IFREG else { throw SystemError("open", on: path, errno: EINVAL) }
    size = UInt64(max(info.st_size, 0))
    file = opened
  }

  /// Moves every file one number up. Where that fails the file is cut instead: it is bounded whatever happens.
  private func rotate() throws(SystemError) {
    var moved = files > 1
    if files > 2 {
      for number in stride(from: files - 2, through: 1, by: -1) { rename("\(path).\(number)", "\(path).\(number + 1)") }
    }
    if moved { moved = rename(path, path + ".1") == 0 }
    if !moved {
      try check("truncate", on: path) { ftruncate(file!.rawValue, 0) }
      size = 0
      return
    }
    file = nil
    try open()
  }
}
