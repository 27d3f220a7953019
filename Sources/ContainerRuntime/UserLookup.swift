import Glibc
import LinuxSystem

/// The user that init runs as, in numbers.
struct ResolvedUser: Equatable {
  var uid: UInt32
  var gid: UInt32
  /// Supplementary groups.
  var groups: [UInt32]
  /// From the user's entry; `/` for a number without one.
  var home: String
}

/// The root filesystem's own /etc/passwd and /etc/group, read as text: nothing of the host's users is asked, and the
/// tree's name service cannot make us load anything.
struct UserFiles {
  var passwd: [UInt8]
  var group: [UInt8]
  /// Why a file that is there could not be read; nothing of it is known then, and no name is missing from it.
  var passwdFault: String?
  var groupFault: String?

  init(passwd: [UInt8], group: [UInt8]) {
    self.passwd = Self.withoutMark(passwd)
    self.group = Self.withoutMark(group)
  }

  /// A byte order mark is what some editors put in front of text; it is no part of the first name.
  private static func withoutMark(_ bytes: [UInt8]) -> [UInt8] {
    bytes.starts(with: [0xef, 0xbb, 0xbf]) ? Array(bytes.dropFirst(3)) : bytes
  }

  private static let mostBytes = 1 << 20

  /// Files that are missing count as empty: numbers need none.
  init(in root: RootFolder) {
    func read(_ path: String) -> (bytes: [UInt8], fault: String?) {
      do throws(SystemError) {
        return (try root.read(path, limit: Self.mostBytes), nil)
      } catch {
        let fault: String? =
          switch error.errno {
          case ENOENT, ENOTDIR: nil
          case EFBIG: "it is longer than 1 MiB"
          case EINVAL: "it is not a plain file"
          case _: error.reason
          }
        return ([], fault.map { "\(path) in the root filesystem cannot be read: \($0)" })
      }
    }
    let (passwd, group) = (read("/etc/passwd"), read("/etc/group"))
    self.init(passwd: passwd.bytes, group: group.bytes)
    (passwdFault, groupFault) = (passwd.fault, group.fault)
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
      // As glibc: what is missing at the end is empty.
      guard fields.count >= 4, let uid = UInt32(decimal: fields[2]), let gid = UInt32(decimal: fields[3])
      else { return nil }
      let home = fields.count > 5 ? String(decoding: fields[5], as: UTF8.self) : ""
      return User(name: fields[0], uid: uid, gid: gid, home: home)
    }
  }

  private func groups() -> some Sequence<Group> {
    group.split(separator: UInt8(ascii: "\n")).lazy.compactMap { line -> Group? in
      let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
      guard fields.count >= 3, let gid = UInt32(decimal: fields[2]) else { return nil }
      return Group(name: fields[0], gid: gid, members: fields.count > 3 ? fields[3] : [])
    }
  }

  /// `NAME`, `UID`, `NAME:GROUP`, `UID:GID`. A name that is all digits is a number. Without a group: that of the user's
  /// entry, 0 for a number without one.
  ///
  /// A file that cannot be read is an error wherever it could have an answer, but for root and for numbers of both: those
  /// have no supplementary groups then but the ones that were asked for.
  func resolve(user text: String, groups supplementary: [String]) throws(ContainerError) -> ResolvedUser {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let wanted = parts[0].isEmpty ? "0" : parts[0]
    let number = UInt32(decimal: wanted.utf8)
    let entry = users().first { user in
      number == nil ? user.name.elementsEqual(wanted.utf8) : user.uid == number
    }
    let isPlain = number == 0 || number != nil && parts.count > 1 && UInt32(decimal: parts[1].utf8) != nil
    for fault in [passwdFault, groupFault] where !isPlain {
      guard let fault else { continue }
      throw ContainerError(
        step: "look up user \(wanted)", errno: EINVAL, reason: fault, hint: "give UID:GID, for which it is not needed")
    }
    guard let uid = number ?? entry?.uid else {
      throw ContainerError(
        step: "look up user \(wanted)", reason: "it is not in the root filesystem's /etc/passwd",
        hint: "give the number, or add the user there")
    }
    try Self.check(uid, "user \(wanted)")
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
    try Self.check(gid, "the group of user \(wanted)")
    for group in all { try Self.check(group, "a group of user \(wanted)") }
    guard all.count <= Self.mostGroups else {
      throw ContainerError(
        step: "look up user \(wanted)", errno: E2BIG,
        reason: "/etc/group has it in \(all.count) groups; \(Self.mostGroups) are allowed")
    }
    return ResolvedUser(
      uid: uid, gid: gid, groups: all, home: entry.flatMap { $0.home.isEmpty ? nil : $0.home } ?? "/")
  }

  static let mostGroups = 1024

  /// The group that owns terminals; 5 where the tree does not say, as nearly every distribution has it.
  var terminalGroup: UInt32 {
    guard let group = try? resolve(group: "tty"), group != .max else { return 5 }
    return group
  }

  /// setresuid(2), setresgid(2) and chown(2) take this number for "leave as it is", and what it would leave is root.
  private static func check(_ id: UInt32, _ what: String) throws(ContainerError) {
    guard id == .max else { return }
    throw ContainerError(
      step: "look up \(what)", errno: EINVAL, reason: "its number is \(id), which stands for no user and no group",
      hint: "numbers from 0 to 4294967294 are allowed")
  }

  private func resolve(group text: String) throws(ContainerError) -> UInt32 {
    if let number = UInt32(decimal: text.utf8) { return number }
    guard let entry = groups().first(where: { $0.name.elementsEqual(text.utf8) }) else {
      if let groupFault {
        throw ContainerError(
          step: "look up group \(text)", errno: EINVAL, reason: groupFault, hint: "give the number")
      }
      throw ContainerError(
        step: "look up group \(text)", reason: "it is not in the root filesystem's /etc/group",
        hint: "give the number, or add the group there")
    }
    return entry.gid
  }
}
