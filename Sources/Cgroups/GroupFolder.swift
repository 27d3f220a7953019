import Glibc
import Layout
import LinuxSystem

/// A group as a folder, walked by descriptor: a guest with rights over its group may have made any number of groups in
/// it, as deep and with names as long as the kernel allows, so that no path reaches the last (PATH_MAX).
struct GroupFolder {
  /// How many groups are looked at in one walk. The kernel would take hours to make more.
  static let most = 100_000

  let path: String

  /// Calls `body` with the descriptor of every group, the upper ones first; a group that goes meanwhile is left out.
  /// Holds one descriptor, and goes back up through `..`.
  func visitAll(_ body: (Int32) -> Void) {
    guard var here = try? Files.openDirectory(path) else { return }
    var left = Self.most
    body(here.rawValue)
    var waiting = [Self.children(of: here.rawValue, &left)]
    while !waiting.isEmpty {
      if let name = waiting[waiting.count - 1].popLast() {
        guard let next = try? Files.openDirectory(name, at: here.rawValue) else { continue }
        here = next
        body(here.rawValue)
        waiting.append(Self.children(of: here.rawValue, &left))
      } else {
        waiting.removeLast()
        guard !waiting.isEmpty else { return }
        guard let upper = try? Files.openDirectory("..", at: here.rawValue) else { return }
        here = upper
      }
    }
  }

  /// Removes the group with all in it; false while something lives in one of them, or there are too many for one walk.
  func remove() -> Bool {
    if rmdir(path) == 0 || errno == ENOENT { return true }
    guard isOccupied(errno) else { return false }
    // Mostly there is the guest's own group in it, and nothing else: that takes no listing.
    if rmdir("\(path)/\(CgroupNames.own)") == 0, rmdir(path) == 0 || errno == ENOENT { return true }
    var here: OwnedFD
    do throws(SystemError) { here = try Files.openDirectory(path) } catch {
      // Removed by another meanwhile: the daemon, which has the end, and the controller both do it.
      return error.errno == ENOENT
    }
    var left = Self.most
    var open: [(name: String, children: [String])] = [("", Self.children(of: here.rawValue, &left))]
    while true {
      if let name = open[open.count - 1].children.popLast() {
        if unlinkat(here.rawValue, name, AT_REMOVEDIR) == 0 || errno == ENOENT { continue }
        guard isOccupied(errno), let next = try? Files.openDirectory(name, at: here.rawValue) else { return false }
        here = next
        open.append((name, Self.children(of: here.rawValue, &left)))
      } else {
        let done = open.removeLast()
        if open.isEmpty { break }
        guard let upper = try? Files.openDirectory("..", at: here.rawValue) else { return false }
        here = upper
        guard unlinkat(here.rawValue, done.name, AT_REMOVEDIR) == 0 || errno == ENOENT else { return false }
      }
    }
    return rmdir(path) == 0 || errno == ENOENT
  }

  private func isOccupied(_ errno: Int32) -> Bool { errno == EBUSY || errno == ENOTEMPTY }

  private static func children(of folder: Int32, _ left: inout Int) -> [String] {
    // A folder of cgroupfs has a link from each folder in it, and two of its own (kernfs_refresh_inode): most groups have
    // none in them, or just the guest's own, and need no listing of their thirty files.
    var info = stat()
    if fstat(folder, &info) == 0 {
      if info.st_nlink == 2 { return [] }
      if info.st_nlink == 3, faccessat(folder, CgroupNames.own, F_OK, 0) == 0 { return [CgroupNames.own] }
    }
    let names = ((try? Files.list(at: folder)) ?? []).filter { $0.kind == .directory }.map(\.name).prefix(left)
    left -= names.count
    return Array(names)
  }
}
