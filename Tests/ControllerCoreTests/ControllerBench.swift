import Cgroups
import ContainerRuntime
import Glibc
import Guest
import GuestWire
import LinuxSystem
import RPC
import RPCSocket
import Testing
import WireProtocol
import XDR

let canRunControllers = geteuid() == 0 && Files.exists("/bin/busybox") && ControllerBench.program != nil
let whyNot: Comment =
  "needs root, /bin/busybox (apt-get install busybox-static) and lodge-controller beside the tests (swift build)"

/// Plays the daemon for real controllers: run directories, a busybox tree and a cgroup tree of its own.
final class ControllerBench {
  let folder: String
  let tree: CgroupTree
  private let controllers: OwnedFD
  var root: String { folder + "/root" }

  /// The program beside the test bundle.
  static let program: String? = {
    let here = (try? Files.read("/proc/self/cmdline")) ?? []
    var candidates = [".build/debug/lodge-controller"]
    for argument in here.split(separator: 0) {
      candidates.append(Files.parent(of: String(decoding: argument, as: UTF8.self)) + "/lodge-controller")
    }
    var link = [CChar](repeating: 0, count: 4096)
    if readlink("/proc/self/exe", &link, 4095) > 0 {
      let path = String(decoding: link.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      candidates.append(Files.parent(of: path) + "/lodge-controller")
    }
    return candidates.first { access($0, X_OK) == 0 }.flatMap { realpath($0, nil) }.map { String(cString: $0) }
  }()

  init() throws {
    var template = Array("/tmp/lodge-controller-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", errno: errno) }
    folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    tree = CgroupTree(host: try CgroupHost.detect(), parent: "lodge-ctest-\(try Random.uint64() % 1_000_000)")
    try tree.prepare()
    controllers = try tree.openControllers()
    for name in ["bin", "dev", "proc", "sys", "etc", "tmp"] { try Files.makeDirectories("\(root)/\(name)") }
    link("/bin/busybox", root + "/bin/busybox")
    if !Files.exists(root + "/bin/busybox") { try copyBusybox() }
    for applet in [
      "sh", "sleep", "cat", "echo", "seq", "kill", "reboot", "poweroff", "halt", "true", "awk", "dd", "tr",
    ] {
      symlink("busybox", "\(root)/bin/\(applet)")
    }
  }

  deinit {
    controllers.close()
    for name in tree.runs() {
      try? tree.run(name).kill()
      tree.run(name).remove()
    }
    tree.remove()
    try? Files.removeTree(folder)
  }

  private func copyBusybox() throws {
    let file = try Files.open(root + "/bin/busybox", flags: O_WRONLY | O_CREAT, mode: 0o755)
    let bytes = try Files.read("/bin/busybox")
    try bytes.withUnsafeBytes { try Files.write($0, to: file.rawValue, named: "busybox") }
  }

  func shell(_ script: String) -> GuestSpec {
    GuestSpec(rootfs: Rootfs(path: root), command: ["/bin/sh", "-c", script])
  }

  /// Everything of this test that is left on the host: processes, cgroups, mounts.
  func census() throws -> [String] {
    let mounts = try Files.readText("/proc/self/mountinfo").split(separator: "\n").filter { $0.contains(folder) }
    return tree.runs() + mounts.map(String.init)
  }

  func start(_ name: String, crash: String? = nil) throws -> RunningController {
    let directory = "\(folder)/\(name)"
    try Files.makeDirectory(directory, mode: 0o700)
    let open = try Files.openDirectory(directory)
    let lock = try #require(try LockFile.acquire(at: "lock", in: open.rawValue))
    let (ours, theirs) = try UnixSocket.pair()
    var plan = SpawnPlan(
      executable: try #require(Self.program),
      arguments: [
        "lodge-controller", "--guest", name, "--fd", "3", "--lock-fd", "4", "--run-dir-fd", "5", "--run-dir", directory,
      ], environment: crash.map { ["LODGE_CRASHPOINT=\($0)"] } ?? [])
    plan.descriptors = [(theirs.rawValue, 3), (lock.fd.rawValue, 4), (open.rawValue, 5)]
    plan.newSession = true
    plan.blocksSignals = true
    plan.cgroup = controllers.rawValue
    let process = try plan.run()
    return RunningController(
      name: name, directory: directory, process: process, client: try BlockingClient(adopting: ours),
      run: try Random.uuid(), parent: tree.parent)
  }
}

/// One controller and the daemon's end of it.
final class RunningController {
  let name: String
  let directory: String
  let process: ProcessHandle
  var client: BlockingClient
  let run: [UInt8]
  private let parent: String
  private var orders: UInt32 = 0
  private static let patience: UInt64 = 20_000_000_000

  init(name: String, directory: String, process: ProcessHandle, client: BlockingClient, run: [UInt8], parent: String) {
    self.name = name
    self.directory = directory
    self.process = process
    self.client = client
    self.run = run
    self.parent = parent
  }

  deinit {
    // Of a test that failed half-way.
    if (try? process.wait()) == .some(nil) {
      _ = try? process.signal(SIGKILL)
      _ = try? process.wait(blocking: true)
    }
  }

  var log: String { (try? Files.readText(directory + "/log")) ?? "" }

  func launch(_ spec: GuestSpec) throws -> Wire.LaunchReply {
    try client.call(Controller.Launch.self, launchArgs(spec), timeout: Self.patience)
  }

  func launchArgs(_ spec: GuestSpec) -> Wire.LaunchArgs {
    Wire.LaunchArgs(guest: name, run: run, spec: .init(spec), cgroupParent: parent, logPath: directory + "/log")
  }

  /// Orders count up, as the daemon counts them.
  private func nextOrder(_ verb: EndOrder.Verb, noKill: Bool = false) -> EndOrder {
    orders += 1
    return EndOrder(verb, by: .user(uid: 7, pid: 8), noKill: noKill, number: orders)
  }

  func stop(signal: Int32 = 0, timeoutMillis: UInt64, noKill: Bool = false) throws {
    _ = try client.call(
      Controller.Stop.self, stopArgs(signal: signal, timeoutMillis: timeoutMillis, noKill: noKill),
      timeout: Self.patience)
  }

  func stopArgs(
    signal: Int32 = 0, timeoutMillis: UInt64, noKill: Bool = false
  ) -> Wire.ControllerStopArgs {
    Wire.ControllerStopArgs(
      order: .init(nextOrder(.stop, noKill: noKill)), signal: signal, timeoutMillis: timeoutMillis)
  }

  func kill(_ signal: Int32) throws {
    _ = try client.call(
      Controller.Kill.self,
      Wire.ControllerKillArgs(
        by: .init(.user(uid: 7, pid: 8)), signal: signal, order: signal == 9 ? .init(nextOrder(.kill)) : nil),
      timeout: Self.patience)
  }

  func status() throws -> Wire.StatusReply {
    try client.call(Controller.Status.self, XDRVoid(), timeout: Self.patience)
  }

  /// The end as it was sent.
  func exitEvent() throws -> ExitRecord {
    while true {
      guard case .event(let event) = try client.nextEvent(timeout: Self.patience) else {
        throw GuestError(.timedOut, "no EXIT from \(name)")
      }
      if let exit = try event.decode(Controller.Exit.self) { return try ExitRecord(exit.record) }
    }
  }

  /// The end as it is written, after the controller itself has gone.
  func exitRecord() throws -> ExitRecord? {
    guard Files.exists(directory + "/" + ExitRecordFile.name) else { return nil }
    return try ExitRecordFile.decode(try Files.read(directory + "/" + ExitRecordFile.name))
  }

  /// Reads until the controller closes, and reaps it.
  @discardableResult
  func finish() throws -> LinuxSystem.WaitStatus? {
    do { while true { if case .timedOut = try client.nextEvent(timeout: Self.patience) { break } } } catch {}
    client.close()
    return try process.wait(blocking: true)?.status
  }
}
