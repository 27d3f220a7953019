import Cgroups
import Glibc
import LinuxSystem
import Testing

@testable import ContainerRuntime

/// Tests that make containers need root and Debian's busybox-static.
let canMakeContainers = geteuid() == 0 && Files.exists("/bin/busybox")
let whyNot: Comment = "needs root and /bin/busybox (apt-get install busybox-static)"

/// A root filesystem of busybox alone, a cgroup tree of its own, and containers in them; all gone afterwards.
final class Bench {
  let folder: String
  let tree: CgroupTree
  var root: String { folder + "/root" }
  private var runs = 0

  init() throws {
    var template = Array("/tmp/lodge-runtime-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", errno: errno) }
    folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    tree = CgroupTree(host: try CgroupHost.detect(), parent: "lodge-test-\(try Random.uint64() % 1_000_000)")
    try tree.prepare()
    for name in ["bin", "dev", "proc", "sys", "etc", "tmp", "root"] { try Files.makeDirectories("\(root)/\(name)") }
    try write(try Files.read("/bin/busybox"), to: "/bin/busybox", mode: 0o755)
    for applet in [
      "sh", "cat", "ls", "sleep", "id", "kill", "mount", "readlink", "stat", "hostname", "ip", "awk", "seq", "reboot",
      "poweroff", "halt", "dd", "touch", "mknod", "grep", "head", "wc", "mkdir", "tail", "env", "true", "stty", "tr",
      "sort",
    ] {
      symlink("busybox", "\(root)/bin/\(applet)")
    }
    try write("root:x:0:0:root:/root:/bin/sh\nweb:x:33:44:Web:/srv/web:/bin/sh\n", to: "/etc/passwd")
    try write("root:x:0:\ntty:x:7:\nweb:x:44:\nlogs:x:50:web,other\n", to: "/etc/group")
  }

  deinit {
    tree.remove()
    try? Files.removeTree(folder)
  }

  func write(_ text: String, to path: String, mode: UInt32 = 0o644) throws {
    try write(Array(text.utf8), to: path, mode: mode)
  }

  func write(_ bytes: [UInt8], to path: String, mode: UInt32) throws {
    let file = try Files.open(root + path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
    try bytes.withUnsafeBytes { try Files.write($0, to: file.rawValue, named: path) }
    // Whatever the test runner's umask is.
    chmod(root + path, mode)
  }

  /// Init is a shell with this script.
  func spec(_ script: String) -> ContainerSpec {
    ContainerSpec(
      rootPath: root, command: ["/bin/sh", "-c", script], environment: ["PATH=/bin"], hostname: "test",
      capabilities: ContainerRuntimeTests.usualCapabilities)
  }

  struct Outcome {
    var status: LinuxSystem.WaitStatus?
    var output = ""
    var errors = ""
    var failure: ContainerError?
    var reboot: RebootWatch.Command?
    var usage = RunCgroup.Usage()
    var outOfMemory = RunCgroup.OutOfMemory()
    var leftPopulated = false
  }

  /// Runs a container to its end. `whenRunning` is called once, after init was executed.
  func run(
    _ spec: ContainerSpec, limits: CgroupLimits = CgroupLimits(), network: NetworkNamespace? = nil,
    crash: (step: String, action: SetupStep.Action)? = nil, without missing: String? = nil,
    whenRunning: ((Container, RunCgroup) throws -> Void)? = nil
  ) throws -> Outcome {
    runs += 1
    let group = try RunCgroup.create(
      in: tree, name: "guest.\(runs)", limits: limits, runID: [UInt8](repeating: 7, count: 16))
    defer { group.remove() }
    let container: Container
    do {
      container = try Container(starting: spec, in: group, network: network, crash: crash, without: missing)
    } catch {
      var outcome = Outcome()
      outcome.failure = error
      return outcome
    }
    return try watch(container, group, whenRunning)
  }

  private func watch(
    _ container: Container, _ group: RunCgroup, _ whenRunning: ((Container, RunCgroup) throws -> Void)?
  ) throws -> Outcome {
    var outcome = Outcome()
    var terminal: OwnedFD?
    var watch: RebootWatch?
    var executed = false
    var bytes: [[UInt8]] = [[], []]
    let epoll = try Epoll()
    try epoll.add(container.reportFD, .readable, token: 0)
    try epoll.add(container.initProcess.fd.rawValue, .readable, token: 1)
    for (index, stream) in container.streams.enumerated() {
      try epoll.add(stream.rawValue, .readable, token: UInt64(10 + index))
    }
    func drain(_ fd: OwnedFD, into index: Int) {
      var chunk = [UInt8](repeating: 0, count: 65536)
      while true {
        let got = read(fd.rawValue, &chunk, chunk.count)
        if got <= 0 { return }
        bytes[index] += chunk.prefix(got)
      }
    }
    var ended = false
    let deadline = Clock.bootNanoseconds + 30_000_000_000
    while !ended {
      var ready: [UInt64] = []
      try epoll.wait(nanoseconds: 1_000_000_000) { ready.append($0.token) }
      if Clock.bootNanoseconds > deadline {
        try container.initProcess.signal(SIGKILL)
        Issue.record("a container did not end within 30 s")
      }
      for token in ready.sorted() {
        switch token {
        case 0:
          report: while !executed, let report = try container.receive() {
            switch report {
            case .terminal(let fd):
              terminal = fd
              try epoll.add(fd.rawValue, .readable, token: 10)
            case .listener(let listener):
              watch = listener
              try epoll.add(listener.rawValue, .readable, token: 2)
            case .crash: break
            case .failed(let error):
              outcome.failure = error
              fallthrough
            case .executed:
              executed = true
              try epoll.remove(container.reportFD)
              if outcome.failure == nil { try whenRunning?(container, group) }
              break report
            }
          }
        case 1:
          outcome.status = try container.initProcess.wait()?.status
          ended = true
        case 2:
          if let command = try watch?.next() { outcome.reboot = command } else { try epoll.remove(watch!.rawValue) }
        default:
          if let terminal {
            drain(terminal, into: 0)
          } else {
            drain(container.streams[Int(token) - 10], into: Int(token) - 10)
          }
          // A console without a writer stays ready for ever.
          if ready == [token] { usleep(200) }
        }
      }
    }
    if let terminal { drain(terminal, into: 0) }
    for (index, stream) in container.streams.enumerated() { drain(stream, into: index) }
    outcome.output = String(decoding: bytes[0], as: UTF8.self).filter { $0 != "\r" }.replacing("\r\n", with: "\n")
    outcome.errors = String(decoding: bytes[1], as: UTF8.self)
    outcome.usage = group.usage()
    outcome.outOfMemory = group.outOfMemory()
    outcome.leftPopulated = group.isPopulated
    return outcome
  }
}

/// The field's usual set with sys_boot; see Guest.Capabilities.usual.
let usualCapabilities: UInt64 = [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 22, 27, 29, 31].reduce(0) { $0 | 1 << UInt64($1) }
