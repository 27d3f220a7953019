import Glibc
import LinuxSystem

/// Something a test left behind on the host.
public struct Leaked: Error, CustomStringConvertible {
  public var leaks: [String]
  public var description: String { "left behind:\n" + leaks.map { "  " + $0 }.joined(separator: "\n") }
}

/// Runs a test with a real daemon on a scratch folder. Afterwards every guest is ended and the leak census taken: what
/// is left behind fails the test. When the test fails, its folder with all logs stays, and its name is printed.
///
/// - Parameter census: off only for a test that ends the daemon for good itself.
public func withDaemon(
  environment: [String: String] = [:], configuration: String? = nil, census: Bool = true,
  _ body: (TestDaemon) async throws -> Void
) async throws {
  let scratch = try ScratchFolder()
  let daemon = TestDaemon(scratch: scratch)
  let cgroup = CgroupName.of(root: scratch.path)
  let before = LeakCensus(tag: scratch.tag, cgroup: cgroup)
  do {
    if let configuration { try Files.writeText(configuration, to: "\(scratch.path)/lodged.yaml") }
    try await daemon.start(environment: environment)
    try await body(daemon)
    try await finish(daemon)
    if census {
      let leaks = try await leaks(since: before, tag: scratch.tag, cgroup: cgroup)
      if !leaks.isEmpty { throw Leaked(leaks: leaks) }
    }
  } catch {
    print("the test's folder is kept: \(scratch.path) (lodged.log, log/, lib/)")
    try? await rescue(daemon, cgroup: cgroup)
    throw error
  }
  removeCgroups(named: cgroup)
  try scratch.remove()
}

/// The leaks that remain once everything that was about to end has ended: a controller whose end was acknowledged exits
/// by itself within a second, without a notification.
private func leaks(since before: LeakCensus, tag: String, cgroup: String) async throws -> [String] {
  for _ in 0..<40 {
    let leaks = LeakCensus(tag: tag, cgroup: cgroup).leaks(since: before)
    if leaks.isEmpty { return [] }
    try await Task.sleep(for: .milliseconds(100))
  }
  return LeakCensus(tag: tag, cgroup: cgroup).leaks(since: before)
}

/// The polite end: guests removed, then the daemon asked to go.
private func finish(_ daemon: TestDaemon) async throws {
  if daemon.pid == nil { try await daemon.start() }
  try daemon.resume()
  let removed = try await daemon.lodge("rm", "--force", "--yes", "*")
  guard removed.code == 0 || removed.code == 3 else { throw CommandFailure(removed) }
  let status = try await daemon.terminate()
  guard status == .exited(code: 0) else { throw DaemonEnded(status: status, log: daemon.log) }
}

/// After a failure: nothing of it may be in the way of the next test.
private func rescue(_ daemon: TestDaemon, cgroup: String) async throws {
  if daemon.pid != nil { try? await daemon.kill() }
  for tree in CgroupTrees.all {
    guard let parent = CgroupName.find(cgroup, in: tree) else { continue }
    try? Files.writeControl("1", to: "\(parent)/cgroup.kill")
  }
  for line in LeakCensus(tag: daemon.scratch.tag, cgroup: cgroup).processes {
    if let pid = line.split(separator: " ").first.flatMap({ Int32($0) }) { Glibc.kill(pid, SIGKILL) }
  }
  removeCgroups(named: cgroup)
}

private func removeCgroups(named name: String) {
  func remove(_ path: String) {
    for entry in (try? Files.list(path)) ?? [] where entry.kind == .directory { remove("\(path)/\(entry.name)") }
    rmdir(path)
  }
  for tree in CgroupTrees.all {
    if let parent = CgroupName.find(name, in: tree) { remove(parent) }
  }
}

/// The cgroup that a daemon puts its guests below.
public enum CgroupName {
  /// `lodge-` and a hash of the root folder.
  public static func of(root: String) -> String {
    // FNV-1a, 32 bits, in hexadecimal: as the daemon does.
    var hash: UInt32 = 2_166_136_261
    for byte in root.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    let digits = String(hash, radix: 16)
    return "lodge-" + String(repeating: "0", count: 8 - digits.count) + digits
  }

  static func find(_ name: String, in tree: String) -> String? {
    [tree, tree + Self.own(in: tree)].map { "\($0)/\(name)" }.first(where: { Files.exists($0) })
  }

  /// The cgroup of this process in a tree, which a daemon without systemd may have put its own below.
  private static func own(in tree: String) -> String {
    let lines = Files.textOrEmpty("/proc/self/cgroup").split(separator: "\n")
    for line in lines {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let controllers = fields[1].split(separator: ",")
      if controllers.isEmpty ? tree == CgroupTrees.unified : controllers.contains(where: { tree.hasSuffix("/\($0)") }) {
        return fields[2] == "/" ? "" : String(fields[2])
      }
    }
    return ""
  }
}
