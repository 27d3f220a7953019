import Glibc
import LinuxSystem

/// Who init runs as, in numbers.
struct ResolvedUser: Equatable {
  var uid: UInt32
  var gid: UInt32
  /// Supplementary groups.
  var groups: [UInt32]
  /// From the user's entry; `/` for a number without one.
  var home: String
  /// The group of terminals, 5 where the root filesystem does not say.
  var terminalGroup: UInt32
}

/// The root filesystem's own /etc/passwd and /etc/group, read as text: nothing of the host's users is asked, and the
/// tree's name service cannot make us load anything.
struct UserFiles {
  var passwd: [UInt8]
  var group: [UInt8]

  init(passwd: [UInt8], group: [UInt8]) {
    self.passwd = passwd
    self.group = group
  }

  /// Files that are missing or no plain files count as empty: numbers need none.
  init(in root: RootFolder) {
    passwd = (try? root.read("/etc/passwd", limit: 1 << 20)) ?? []
    group = (try? root.read("/etc/group", limit: 1 << 20)) ?? []
  }

  private struct User {
    var name: ArraySlice<UInt8>
    var uid: UInt32
    var gid: UInt32
    var home: String
  }

  private struct Group {
    var name: ArraySlice<UInt8>
    var gid: UInt32
    var members: ArraySlice<UInt8>
  }

  private func users() -> some Sequence<User> {
    passwd.split(separator: UInt8(ascii: "\n")).lazy.compactMap { line -> User? in
      let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
      guard fields.count >= 6, let uid = UInt32(decimal: fields[2]), let gid = UInt32(decimal: fields[3])
      else { return nil }
      return User(name: fields[0], uid: uid, gid: gid, home: String(decoding: fields[5], as: UTF8.self))
    }
  }

  private func groups() -> some Sequence<Group> {
    group.split(separator: UInt8(ascii: "\n")).lazy.compactMap { line -> Group? in
      let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
      guard fields.count >= 4, let gid = UInt32(decimal: fields[2]) else { return nil }
      return Group(name: fields[0], gid: gid, members: fields[3])
    }
  }

  /// `NAME`, `UID`, `NAME:GROUP`, `UID:GID`. A name that is all digits is a number. Without a group: that of the user's
  /// entry, 0 for a number without one.
  func resolve(user text: String, groups supplementary: [String]) throws(ContainerError) -> ResolvedUser {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let wanted = parts[0].isEmpty ? "0" : parts[0]
    let number = UInt32(decimal: wanted.utf8)
    let entry = users().first { user in
      number == nil ? user.name.elementsEqual(wanted.utf8) : user.uid == number
    }
    guard let uid = number ?? entry?.uid else {
      throw ContainerError(
        step: "look up user \(wanted)", reason: "it is not in the root filesystem's /etc/passwd",
        hint: "give the number, or add the user there")
    }
    let gid = parts.count > 1 && !parts[1].isEmpty ? try resolve(group: String(parts[1])) : entry?.gid ?? 0
    var all: [UInt32] = []
    func add(_ group: UInt32) { if !all.contains(group) { all.append(group) } }
    if let entry {
      for group in groups()
      where group.members.split(separator: UInt8(ascii: ",")).contains(where: { $0.elementsEqual(entry.name) }) {
        add(group.gid)
      }
    }
    for group in supplementary { add(try resolve(group: group)) }
    return ResolvedUser(
      uid: uid, gid: gid, groups: all, home: entry.flatMap { $0.home.isEmpty ? nil : $0.home } ?? "/",
      terminalGroup: (try? resolve(group: "tty")) ?? 5)
  }

  private func resolve(group text: String) throws(ContainerError) -> UInt32 {
    if let number = UInt32(decimal: text.utf8) { return number }
    guard let entry = groups().first(where: { $0.name.elementsEqual(text.utf8) }) else {
      throw ContainerError(
        step: "look up group \(text)", reason: "it is not in the root filesystem's /etc/group",
        hint: "give the number, or add the group there")
    }
    return entry.gid
  }
}
