internal import Guest
internal import Layout
internal import LinuxSystem
internal import NIOCore

/// The console logs of guests that have gone.
///
/// A guest that removes itself goes with the commit of its end; its output is read to the last line after that. So its log
/// is set aside, and removed when it has not been asked for during a minute. Touched on the event loop only.
final class GuestLogs: @unchecked Sendable {
  private struct Log {
    var folder: String
    var path: String
    var wasRead: Bool
  }

  private static let patience = TimeAmount.seconds(60)

  private let folder: String
  private let eventLoop: any EventLoop
  private var kept: [GuestName: Log] = [:]

  init(folder: String, eventLoop: any EventLoop) {
    self.folder = folder
    self.eventLoop = eventLoop
  }

  private var parent: String { folder + "/.gone" }

  /// Takes over those of an earlier daemon: its readers come back.
  func takeOver() {
    for entry in (try? Files.list(parent)) ?? [] {
      let aside = "\(parent)/\(entry.name)"
      // Its folder is named after the guest and the run; a run has no dot.
      guard let dot = entry.name.lastIndex(of: "."), let name = try? GuestName(String(entry.name[..<dot])) else {
        try? Files.removeTree(aside)
        continue
      }
      add(name, aside)
    }
  }

  /// Removes the log of a guest that is removed, the rotated files too.
  ///
  /// - Parameter run: with whose end it goes; then its log is set aside.
  func remove(_ name: GuestName, with run: RunID?) {
    let base = DaemonPaths.logName(of: name.value)
    guard let entries = try? Files.list(folder) else { return }
    let files = entries.map(\.name).filter { file in
      file == base || (file.hasPrefix(base + ".") && Int(file.dropFirst(base.count + 1)) != nil)
    }
    if let run { return keep(files, of: name, run: run) }
    for file in files { try? Files.removeTree(folder + "/" + file) }
  }

  private func keep(_ files: [String], of name: GuestName, run: RunID) {
    let aside = "\(parent)/\(name).\(run.short)"
    do throws(SystemError) {
      try Files.makeDirectories(aside, mode: 0o700)
      for file in files { try Files.rename("\(folder)/\(file)", to: "\(aside)/\(file)") }
    } catch {
      for file in files { try? Files.removeTree("\(folder)/\(file)") }
    }
    add(name, aside)
  }

  private func add(_ name: GuestName, _ aside: String) {
    if let former = kept[name] { try? Files.removeTree(former.folder) }
    kept[name] = Log(folder: aside, path: "\(aside)/\(DaemonPaths.logName(of: name.value))", wasRead: false)
    look(name, aside)
  }

  /// Where the log of a guest is that has gone; nil once it is removed.
  func path(of name: GuestName) -> String? {
    kept[name]?.wasRead = true
    return kept[name]?.path
  }

  private func look(_ name: GuestName, _ folder: String) {
    _ = eventLoop.scheduleTask(in: Self.patience) { [self] in
      guard let log = kept[name], log.folder == folder else { return }
      guard log.wasRead else {
        kept[name] = nil
        try? Files.removeTree(folder)
        return
      }
      kept[name]?.wasRead = false
      look(name, folder)
    }
  }
}
