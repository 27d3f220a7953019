internal import Guest
internal import Layout
internal import LinuxSystem
internal import NIOCore

/// Console logs of transient guests that have gone, kept as long as they are being read.
///
/// A guest that removes itself goes with the commit of its end; its output is read to the last line after that. So its log
/// is set aside, and removed when it has not been asked for during a minute. Touched by the manager only.
final class GoneLogs {
  private struct Log {
    var folder: String
    var path: String
    var wasRead: Bool
  }

  private static let patience = TimeAmount.seconds(60)

  private let logs: String
  private let eventLoop: any EventLoop
  private var kept: [GuestName: Log] = [:]

  init(logs: String, eventLoop: any EventLoop) {
    self.logs = logs
    self.eventLoop = eventLoop
  }

  private var parent: String { logs + "/.gone" }

  /// Takes over those of an earlier daemon: its readers come back.
  func takeOver() {
    for entry in (try? Files.list(parent)) ?? [] {
      let folder = "\(parent)/\(entry.name)"
      // Its folder is named after the guest and the run; a run has no dot.
      guard let dot = entry.name.lastIndex(of: "."), let name = try? GuestName(String(entry.name[..<dot])) else {
        try? Files.removeTree(folder)
        continue
      }
      add(name, folder)
    }
  }

  /// Sets the files of a log aside, the rotated ones too.
  func keep(_ files: [String], of name: GuestName, run: RunID) {
    let folder = "\(parent)/\(name).\(run.short)"
    do throws(SystemError) {
      try Files.makeDirectories(folder, mode: 0o700)
      for file in files { try Files.rename("\(logs)/\(file)", to: "\(folder)/\(file)") }
    } catch {
      for file in files { try? Files.removeTree("\(logs)/\(file)") }
    }
    add(name, folder)
  }

  private func add(_ name: GuestName, _ folder: String) {
    if let former = kept[name] { try? Files.removeTree(former.folder) }
    kept[name] = Log(folder: folder, path: "\(folder)/\(DaemonPaths.logName(of: name.value))", wasRead: false)
    look(name, folder)
  }

  /// Where the log of a guest is that has gone; nil once it is removed.
  func path(of name: GuestName) -> String? {
    kept[name]?.wasRead = true
    return kept[name]?.path
  }

  private func look(_ name: GuestName, _ folder: String) {
    let own = UnsafeTransfer(self)
    _ = eventLoop.scheduleTask(in: Self.patience) {
      let logs = own.value
      guard let log = logs.kept[name], log.folder == folder else { return }
      guard log.wasRead else {
        logs.kept[name] = nil
        try? Files.removeTree(folder)
        return
      }
      logs.kept[name]?.wasRead = false
      logs.look(name, folder)
    }
  }
}
