import Glibc
import LinuxSystem

/// Everything that a daemon and its guests could leave behind on the host. Taken before and after a test; a new item is
/// a leak.
///
/// Only what can be this test's own is counted, so that others may work on the same machine: everything a daemon makes
/// carries the scratch folder's name in its path, its environment or its cgroup.
public struct LeakCensus: Sendable, Equatable {
  public var processes: [String]
  public var cgroups: [String]
  public var mounts: [String]
  public var interfaces: [String]
  public var sockets: [String]
  public var files: [String]

  /// - Parameter tag: the scratch folder's name.
  /// - Parameter cgroup: name of the daemon's cgroup parent.
  public init(tag: String, cgroup: String) {
    processes = Self.processes(tag: tag, cgroup: cgroup)
    cgroups = CgroupTrees.all.flatMap { Self.cgroups(under: $0, named: cgroup) }
    mounts = Self.lines("/proc/self/mountinfo", containing: [tag])
    interfaces = Files.names(in: "/sys/class/net")
    sockets = Self.lines("/proc/net/unix", containing: [tag])
    files = Self.temporaryFiles(tag: tag)
  }

  /// The new items, one line each; empty when nothing leaked.
  public func leaks(since before: LeakCensus) -> [String] {
    func new(_ kind: String, _ now: [String], _ then: [String]) -> [String] {
      let known = Set(then)
      return now.filter { !known.contains($0) }.map { "\(kind): \($0)" }
    }
    return new("process", processes, before.processes) + new("cgroup", cgroups, before.cgroups)
      + new("mount", mounts, before.mounts) + new("interface", interfaces, before.interfaces)
      + new("socket", sockets, before.sockets) + new("file", files, before.files)
  }

  private static func processes(tag: String, cgroup: String) -> [String] {
    Files.names(in: "/proc").compactMap { name in
      guard let pid = Int32(name), pid != getpid() else { return nil }
      let mine =
        holds("/proc/\(pid)/cmdline", tag) || holds("/proc/\(pid)/environ", tag)
        || holds("/proc/\(pid)/cgroup", "/\(cgroup)") || holds("/proc/\(pid)/mountinfo", tag)
      guard mine, let stat = try? ProcessStat(of: pid) else { return nil }
      // It has ended, and only the host's own init has not taken note yet.
      if stat.state == UInt8(ascii: "Z"), stat.parent == 1 { return nil }
      let arguments = Files.textOrEmpty("/proc/\(pid)/cmdline").split(separator: "\0").joined(separator: " ")
      return "\(pid) \(Character(Unicode.Scalar(stat.state))) \(arguments.isEmpty ? stat.command : arguments)"
    }
  }

  private static func holds(_ path: String, _ text: String) -> Bool {
    guard let bytes = try? Files.read(path) else { return false }
    let wanted = Array(text.utf8)
    // Comparing a String costs a hundred times as much, and there are many processes.
    return bytes.withUnsafeBytes { bytes in
      wanted.withUnsafeBytes { wanted in
        guard let first = wanted.first, bytes.count >= wanted.count else { return false }
        var place = 0
        while let found = memchr(bytes.baseAddress! + place, Int32(first), bytes.count - place) {
          place = found - UnsafeMutableRawPointer(mutating: bytes.baseAddress!)
          if bytes.count - place < wanted.count { return false }
          if memcmp(found, wanted.baseAddress!, wanted.count) == 0 { return true }
          place += 1
        }
        return false
      }
    }
  }

  /// The groups of runs. The daemon's standing groups stay, empty, where a controller outlived it for a moment.
  private static func cgroups(under mount: String, named cgroup: String) -> [String] {
    let standing: Set = ["guests", "controllers"]
    func below(_ path: String) -> [String] {
      ((try? Files.list(path)) ?? []).filter { $0.kind == .directory }.sorted { $0.name < $1.name }
        .flatMap { entry in
          (standing.contains(entry.name) ? [] : ["\(path)/\(entry.name)"]) + below("\(path)/\(entry.name)")
        }
    }
    func parents(_ path: String, depth: Int) -> [String] {
      guard depth > 0 else { return [] }
      return ((try? Files.list(path)) ?? []).filter { $0.kind == .directory }.flatMap {
        $0.name == cgroup ? ["\(path)/\($0.name)"] : parents("\(path)/\($0.name)", depth: depth - 1)
      }
    }
    return parents(mount, depth: 3).flatMap(below)
  }

  private static func lines(_ path: String, containing tags: [String]) -> [String] {
    guard tags.contains(where: { holds(path, $0) }) else { return [] }
    return Files.textOrEmpty(path).split(separator: "\n").filter { line in tags.contains { line.contains($0) } }
      .map(String.init)
  }

  /// Run directories of guests that have none any more, and temporary files outside the scratch folder.
  private static func temporaryFiles(tag: String) -> [String] {
    let runs = Files.names(in: "/tmp/\(tag)/run/guests").map { "/tmp/\(tag)/run/guests/\($0)" }
      .filter { !Files.names(in: $0).allSatisfy { $0 == "lock" } }
    let strays = (["/tmp", "/run", "/dev/shm", "/var/tmp"] as [String]).flatMap { folder in
      Files.names(in: folder).filter { $0.contains("lodge") && !$0.hasPrefix("lodge-") && $0 != "lodge" }
        .map { "\(folder)/\($0)" }
    }
    return runs + strays
  }
}
