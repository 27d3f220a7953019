import Foundation
import Glibc
public import LinuxSystem

/// A program on a terminal of its own, and the screen that a person would see.
///
/// It understands what Lodge writes: text, line feeds, home (`ESC[H`), erase to the end of the line (`ESC[K`) and below
/// (`ESC[J`); colours are passed over. Anything else is kept in `unknown`. One task uses it.
public final class RecordedTerminal: @unchecked Sendable {
  public private(set) var columns: Int
  public private(set) var rows: Int
  /// Escape sequences that it did not understand.
  public private(set) var unknown: [String] = []
  private let master: OwnedFD
  private let process: ProcessHandle
  private var cells: [[Character]]
  private var row = 0
  private var column = 0
  private var pending: [UInt8] = []
  private var hasEnded = false

  public init(
    _ program: String, _ arguments: [String], environment: [String: String], columns: Int = 80, rows: Int = 24
  ) throws {
    self.columns = columns
    self.rows = rows
    cells = Array(repeating: Array(repeating: " ", count: columns), count: rows)
    let path = "/dev/ptmx"
    let master = try Files.open(path, flags: O_RDWR | O_NOCTTY)
    self.master = master
    // ioctl_tty(2): unlock the other side, and open it without a name.
    var isLocked: Int32 = 0
    try check("TIOCSPTLCK", on: path) { ioctl(master.rawValue, 0x4004_5431, &isLocked) }
    let terminal = OwnedFD(
      adopting: try check("TIOCGPTPEER", on: path) { ioctl(master.rawValue, 0x5441, O_RDWR | O_NOCTTY | O_CLOEXEC) })
    var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    try check("TIOCSWINSZ", on: path) { ioctl(master.rawValue, UInt(TIOCSWINSZ), &size) }
    let variables = ["TERM": "xterm-256color", "LANG": "C.UTF-8", "TZ": "UTC", "PATH": "/usr/bin:/bin"]
      .merging(environment) { _, new in new }
    var plan = SpawnPlan(
      executable: program, arguments: [program] + arguments, environment: variables.map { "\($0)=\($1)" })
    plan.descriptors = (0...2).map { (terminal.rawValue, $0) }
    plan.newSession = true
    process = try plan.run()
  }

  /// The lines of the screen without blanks at their ends; empty ones at the bottom are left out.
  public var lines: [String] {
    var lines = cells.map { row in
      String(String(row).reversed().drop { $0 == " " }.reversed())
    }
    while lines.last?.isEmpty == true { lines.removeLast() }
    return lines
  }

  /// Reads on until the screen is as wanted; throws with the screen when that does not happen in time.
  public func wait(for what: String, seconds: Double = 20, until isThere: ([String]) -> Bool) throws {
    let deadline = Date(timeIntervalSinceNow: seconds)
    while !isThere(lines) {
      guard !hasEnded, Date() < deadline else {
        throw TooLate(description: "\(what) did not come; the screen:\n\(lines.joined(separator: "\n"))")
      }
      read(milliseconds: 200)
    }
  }

  /// The window is dragged to another size: what is on the screen stays at its top left.
  public func resize(columns: Int, rows: Int) throws {
    cells = (0..<rows).map { row in
      (0..<columns).map { column in row < self.rows && column < self.columns ? cells[row][column] : " " }
    }
    (self.columns, self.rows) = (columns, rows)
    (row, column) = (min(row, rows - 1), min(column, columns - 1))
    var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    try check("TIOCSWINSZ", on: "a terminal") { ioctl(master.rawValue, UInt(TIOCSWINSZ), &size) }
    // It is not the controlling terminal of the program, so the kernel does not send it.
    try process.signal(SIGWINCH)
  }

  public func signal(_ number: Int32) throws { try process.signal(number) }

  /// Reads to the end and gives how the program ended.
  public func finish(seconds: Double = 20) throws -> WaitStatus? {
    let deadline = Date(timeIntervalSinceNow: seconds)
    while !hasEnded, Date() < deadline { read(milliseconds: 200) }
    guard hasEnded else { throw TooLate(description: "it did not end; the screen:\n\(lines.joined(separator: "\n"))") }
    return try process.wait(blocking: true)?.status
  }

  private func read(milliseconds: Int32) {
    var item = pollfd(fd: master.rawValue, events: Int16(POLLIN), revents: 0)
    guard poll(&item, 1, milliseconds) > 0 else { return }
    var chunk = [UInt8](repeating: 0, count: 8192)
    let count = Glibc.read(master.rawValue, &chunk, chunk.count)
    // The last descriptor of the other side is closed: EIO (pty(7)).
    guard count > 0 else {
      hasEnded = true
      return
    }
    pending += chunk[..<count]
    take()
  }

  private func take() {
    var index = 0
    while index < pending.count {
      let byte = pending[index]
      if byte == 0x1B {
        guard let end = escapeEnd(index) else { break }
        escape(Array(pending[index...end]))
        index = end + 1
      } else if byte == 0x0A {
        lineFeed()
        index += 1
      } else if byte == 0x0D {
        column = 0
        index += 1
      } else {
        let length = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
        guard index + length <= pending.count else { break }
        put(Character(String(decoding: pending[index..<index + length], as: UTF8.self)))
        index += length
      }
    }
    pending.removeFirst(index)
  }

  private func escapeEnd(_ start: Int) -> Int? {
    guard start + 1 < pending.count else { return nil }
    guard pending[start + 1] == UInt8(ascii: "[") else { return start + 1 }
    return pending[(start + 2)...].firstIndex { (0x40...0x7E).contains($0) }
  }

  private func escape(_ bytes: [UInt8]) {
    switch (bytes.last, bytes.count) {
    case (UInt8(ascii: "H"), 3): (row, column) = (0, 0)
    case (UInt8(ascii: "K"), 3): erase(row, from: column)
    case (UInt8(ascii: "J"), 3):
      erase(row, from: column)
      for below in (row + 1)..<max(rows, row + 1) { erase(below, from: 0) }
    case (UInt8(ascii: "m"), _), (UInt8(ascii: "h"), _), (UInt8(ascii: "l"), _): break
    case (_, _): unknown.append(String(decoding: bytes.dropFirst(), as: UTF8.self))
    }
  }

  private func erase(_ row: Int, from start: Int) {
    for column in min(start, columns)..<columns { cells[row][column] = " " }
  }

  private func put(_ character: Character) {
    if column >= columns {
      column = 0
      lineFeed()
    }
    cells[row][column] = character
    column += 1
  }

  private func lineFeed() {
    row += 1
    guard row == rows else { return }
    cells.removeFirst()
    cells.append(Array(repeating: " ", count: columns))
    row = rows - 1
  }
}
