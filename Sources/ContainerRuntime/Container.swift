internal import CContainerInit
import CLinuxSystem
public import Cgroups
import Glibc
public import LinuxSystem

/// A container whose making has begun: a child that carries out the plan, and the socket on which it reports.
///
/// Everything that can fail without the child has been done before there is one. Until `receive` says `.executed` or
/// `.failed`, the child is still at work; it dies with the process that made it at every moment.
public final class Container {
  /// Init, as the host sees it.
  public let initProcess: ProcessHandle
  /// The steps, to name the one that failed.
  public let plan: ContainerPlan
  /// Whether reboot(2) is reported; where not, the wait status alone must do.
  public let watchesReboot: Bool
  /// For pipes: our ends of standard output and error, nonblocking.
  public private(set) var streams: [OwnedFD]
  private let report: OwnedFD
  private let spec: ContainerSpec
  /// Held as long as there may be something of the guest.
  private let tie: GuestTie
  private var isReady = false

  /// Readable when `receive` has something to say.
  public var reportFD: Int32 { report.rawValue }

  /// A report of the child.
  public enum Report {
    /// The console's other side, nonblocking.
    case terminal(OwnedFD)
    /// Where calls of reboot(2) are reported; see `RebootWatch`.
    case listener(RebootWatch)
    /// A test wants the controller to end here and now.
    case crash
    /// Init was executed. The last report.
    case executed
    /// A step failed and the child is ending; reap it, then nothing is left. The last report.
    case failed(ContainerError)
  }

  /// Makes the child. Only the calling thread's death ends it, so the caller has one thread.
  ///
  /// - Parameters:
  ///   - group: the cgroup it is born in.
  ///   - tie: ends the container with this process; nil to have one made.
  ///   - mark: set right before init is executed; see there.
  ///   - network: the one to enter unless it shares the host's; nil to have one made.
  ///   - crash: put before a step, found by its name; for tests of what is left behind.
  ///   - missing: a step to leave out, by its name; for tests of what is verified.
  public init(
    starting spec: ContainerSpec, in group: RunCgroup, tie: GuestTie? = nil, network: NetworkNamespace? = nil,
    mark: ExecutionMark? = nil, crash: (step: String, action: SetupStep.Action)? = nil, without missing: String? = nil
  ) throws(ContainerError) {
    let prepared = try PreparedContainer(spec, group, network)
    var plan = ContainerPlan(spec, prepared.plan)
    if let crash, let index = plan.steps.firstIndex(where: { $0.name == crash.step }) {
      plan.steps.insert(SetupStep(crash.step, crash.action), at: index)
    }
    if let missing { plan.steps.removeAll { $0.name == missing } }
    self.plan = plan
    self.spec = spec
    watchesReboot = prepared.plan.canTellReboot
    let tie = if let tie { tie } else { try during("tie to the controller", GuestTie.init) }
    self.tie = tie
    let tieFD = tie.pidFD
    var ours: Int32 = -1
    var theirs: Int32 = -1
    try during("make report socket") { () throws(SystemError) in
      try check("socketpair") { ci_report_socket(&ours, &theirs) }
    }
    report = OwnedFD(adopting: ours)
    // Our copy of the child's end goes with this: then the child's execve or death closes the last one.
    let childEnd = OwnedFD(adopting: theirs)
    let cgroup = try group.open()
    let encoded = EncodedPlan(plan, socket: childEnd.rawValue, controllerSocket: ours, mark: mark)
    var pidFD: Int32 = -1
    let pid = try during("make process") { () throws(SystemError) in
      try check("clone3") {
        withUnsafePointer(to: encoded.plan) { ci_start($0, plan.namespaces, tieFD, cgroup.rawValue, &pidFD) }
      }
    }
    initProcess = ProcessHandle(pid: pid, adopting: OwnedFD(adopting: pidFD))
    streams = prepared.ourStreams
    withExtendedLifetime((encoded, childEnd, prepared, mark)) {}
  }

  private static let killed = ContainerError(
    step: "make container", reason: "its process was killed before init was executed")

  /// The next report; nil when there is none yet.
  public func receive() throws(ContainerError) -> Report? {
    var message = ci_message()
    var passed: Int32 = -1
    while true {
      switch ci_report_receive(report.rawValue, &message, &passed) {
      case 0:
        // A child that is killed closes the socket just as execve does, but it has not got to its last step then.
        guard isReady else { return .failed(Self.killed) }
        return .executed
      case 1:
        let descriptor = passed >= 0 ? OwnedFD(adopting: passed) : nil
        switch (ci_message_kind(UInt32(message.kind)), descriptor) {
        case (CI_MESSAGE_TERMINAL, let fd?):
          try during("open console") { () throws(SystemError) in try fd.setNonblocking(true) }
          return .terminal(fd)
        case (CI_MESSAGE_LISTENER, let fd?): return .listener(RebootWatch(fd, initPID: initProcess.pid))
        case (CI_MESSAGE_ROOT, let fd?):
          do {
            try answer(RootFolder(fd, path: spec.rootPath))
          } catch {
            ci_report_end(report.rawValue)
            // A child that was killed is no fault of the look-up that it does not wait for any more.
            return .failed(error.errno == EPIPE || error.errno == ECONNRESET ? Self.killed : error)
          }
        case (CI_MESSAGE_READY, _): isReady = true
        case (CI_MESSAGE_CRASH, _): return .crash
        case (_, let root):
          let error = failure(message, root.map { RootFolder($0, path: spec.rootPath) })
          // It has waited for this: with the child goes what was looked at.
          ci_report_end(report.rawValue)
          return .failed(error)
        }
      default:
        if errno == EINTR { continue }
        if errno == EAGAIN { return nil }
        throw ContainerError(step: "read report", errno: errno, reason: String(cString: strerror(errno)))
      }
    }
  }

  /// The user, looked up where init will find the files: behind every mount.
  private func answer(_ root: RootFolder) throws(ContainerError) {
    let user = try UserFiles(in: root).resolve(user: spec.user, groups: spec.groups)
    // A folder with a NUL in its name is none.
    let home = user.home.utf8.contains(0) ? "/" : user.home
    let step = "look up user \(spec.user)"
    try during(step) { () throws(SystemError) in
      // Both ends of a pipe are one file.
      for stream in streams { try check("chown") { fchown(stream.rawValue, user.uid, user.gid) } }
      // C puts the message together: Swift would make metadata at run time for arrays of this size, which are tuples to it,
      // and that takes as long as all mounts.
      try check("answer") {
        ci_report_answer(report.rawValue, user.uid, user.gid, user.groups, user.groups.count, home)
      }
    }
  }

  private func failure(_ message: ci_message, _ root: RootFolder?) -> ContainerError {
    let said = withUnsafeBytes(of: message.text) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    let index = Int(message.step)
    guard plan.steps.indices.contains(index), plan.steps[index].action != .findInit else {
      return executionFailure(message.error, root)
    }
    let step = plan.steps[index].name
    switch plan.steps[index].action {
    case .attach(_, _, let target, _, _):
      if message.error == ENOENT, let (link, to) = root?.brokenLink(on: target) {
        return ContainerError(
          step: step, errno: ENOENT, reason: "\(link) is a link to \(to), which does not exist in the root filesystem",
          hint: "make the folder that it leads to, or give that as the target")
      }
      if let error = Self.attachFailure(step, target, errno: message.error, in: spec.rootPath) { return error }
    case .limit(let number, _, let hard, _):
      if message.error == EPERM {
        return ContainerError(
          step: step, errno: EPERM, reason: String(cString: strerror(EPERM)),
          hint: ResourceLimits.bound(of: number, refused: hard))
      }
    case .changeFolder(let folder):
      if message.error == ELOOP {
        return ContainerError(
          step: step, errno: ELOOP, reason: "\(folder) \(RootFolder.magicLink)",
          hint: "give the folder by its own name")
      }
    case _: break
    }
    var reason = String(cString: strerror(message.error))
    if !said.isEmpty { reason += " (\(said.filter { $0 != "\n" }))" }
    return ContainerError(step: step, errno: message.error, reason: reason)
  }
}

extension Container {
  /// The reason why init could not be executed.
  private func executionFailure(_ errno: Int32, _ root: RootFolder?) -> ContainerError {
    var error = ContainerError(
      step: "execute \(plan.command[0])", errno: errno, reason: String(cString: strerror(errno)))
    do {
      try root?.checkInit(plan.command[0])
    } catch let found {
      // The links of /proc/self lead to the child itself, and to nothing for us.
      guard errno == ELOOP, found.errno != ELOOP else { return found }
      error.step = found.step
    }
    if errno == ELOOP { error.reason = "it, its interpreter or its loader \(RootFolder.magicLink)" }
    if errno == EACCES {
      error.hint = "user \(spec.user) needs the right to read and execute it, and to pass the folders on its path"
    }
    return error
  }

  /// Names the target where errno alone would be misread.
  private static func attachFailure(_ step: String, _ target: String, errno: Int32, in root: String) -> ContainerError?
  {
    switch errno {
    case EROFS:
      ContainerError(
        step: step, errno: errno, reason: "it does not exist in the read-only root filesystem \(root)",
        hint: "make it there, or use an overlay")
    case ENOTDIR:
      ContainerError(
        step: step, errno: errno, reason: "a folder cannot be mounted on a file, and \(target) or a part of it is one")
    case EPERM:
      ContainerError(
        step: step, errno: errno, reason: "\(target) leads into /proc, where Lodge alone decides what is mounted")
    case EISDIR:
      ContainerError(step: step, errno: errno, reason: "a file cannot be mounted on a folder, and \(target) is one")
    default: nil
    }
  }
}

/// Ends a guest with the process that made this: see `ci_tie`. Made before the guest is known, and gone when it is
/// released or its maker dies, in whatever way.
public final class GuestTie {
  private var tie = ci_tie()

  public init() throws(SystemError) {
    try check("make process") { ci_tie_make(&tie) }
  }

  var pidFD: Int32 { tie.pidfd }

  /// Waits for the end of whatever is still in it, at most a second.
  deinit { ci_tie_end(&tie, 1000) }
}

/// A network namespace of a guest's own, with its loopback up, made before anything else of the guest is known: that takes
/// the kernel longer than all other namespaces together. It is gone with its last user.
public final class NetworkNamespace {
  let fd: OwnedFD

  public init() throws(SystemError) {
    fd = OwnedFD(adopting: try check("make network namespace") { ci_network() })
  }
}

/// A guest's terminal, from outside.
public enum Console {
  /// The side that the guest has: held open by the controller, it keeps the terminal from hanging up when init closes
  /// its own. By descriptor, since the name is in the guest's /dev/pts (TIOCGPTPEER, Linux 4.13).
  public static func openOtherSide(of terminal: OwnedFD) throws(ContainerError) -> OwnedFD {
    try during("open console") { () throws(SystemError) in
      OwnedFD(adopting: try check("open terminal") { ci_terminal_peer(terminal.rawValue) })
    }
  }
}
