import LinuxSystem

/// The limits of a container's processes, all sixteen of them, decided: nothing is taken over from whatever shell or
/// service manager the daemon happened to be started by (setrlimit(2)).
enum ResourceLimits {
  /// Without `RLIMIT_`, in the kernel's order of numbers: the index is the number.
  static let names = [
    "cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile", "memlock", "as", "locks", "sigpending",
    "msgqueue", "nice", "rtprio", "rttime",
  ]

  /// Soft and hard for what a spec does not mention: what the kernel gives the first process, with the usual room for
  /// descriptors and no core files. Nil: the kernel computes it from the host's memory, and it bounds what all guests of a
  /// user share; the controller's own hard limit is kept, of `sigpending` a part of it.
  static let usual: [(soft: UInt64, hard: UInt64)?] = [
    (.max, .max), (.max, .max), (.max, .max), (8 << 20, .max), (0, .max), (.max, .max), nil, (1024, 524_288),
    (8 << 20, 8 << 20), (.max, .max), (.max, .max), nil, (819_200, 819_200), (0, 0), (0, 0), (.max, .max),
  ]

  /// RLIMIT_NOFILE, and how many descriptors the set-up may need.
  private static let descriptors: (number: UInt32, room: UInt64) = (7, 1024)
  /// RLIMIT_SIGPENDING.
  private static let sigpending: UInt32 = 11

  /// Queued signals and POSIX timers of a guest, where the spec does not say: an eighth of the controller's own hard limit. The
  /// kernel counts them by user and compares the count with the limit of the process that asks, so all guests of a user
  /// together leave seven eighths to the host's processes of that user, the services of root among them.
  static func pendingSignals(ofHard hard: UInt64) -> UInt64 {
    hard == .max ? 16_384 : min(max(hard / 8, 256), hard)
  }

  /// The steps, in the order of numbers. A limit of the spec is set as it is or the start fails; a usual one is set as
  /// far as the controller may: raising a hard limit needs CAP_SYS_RESOURCE. Descriptors stay above what the rest of the
  /// set-up needs; see `lastSteps`.
  ///
  /// - Parameter pendingSignals: for a spec that does not say.
  static func steps(_ asked: [ContainerSpec.ResourceLimit], pendingSignals: UInt64) -> [SetupStep] {
    names.indices.map { index in
      let number = UInt32(index)
      let name = "set resource limit \(names[index])"
      if let limit = asked.last(where: { $0.resource == number }) {
        if number == descriptors.number, limit.soft < descriptors.room {
          let hard = max(limit.hard, descriptors.room)
          return SetupStep(name, .limit(number, soft: descriptors.room, hard: hard, .asFarAsAllowed))
        }
        return SetupStep(name, .limit(number, soft: limit.soft, hard: limit.hard, .exactly))
      }
      if number == sigpending {
        return SetupStep(name, .limit(number, soft: pendingSignals, hard: pendingSignals, .asFarAsAllowed))
      }
      guard let usual = usual[index] else { return SetupStep(name, .limit(number, soft: 0, hard: 0, .hardAsItIs)) }
      return SetupStep(name, .limit(number, soft: usual.soft, hard: usual.hard, .asFarAsAllowed))
    }
  }

  /// Why a limit of the spec was refused (EPERM, setrlimit(2)).
  static func bound(of number: UInt32, refused hard: UInt64) -> String {
    let most = (try? Files.readText("/proc/sys/fs/nr_open"))?.filter(\.isNumber) ?? ""
    guard number != descriptors.number || UInt64(most).map({ hard <= $0 }) == true else {
      return "at most \(most) are allowed on this host (sysctl fs.nr_open)"
    }
    return "the daemon needs CAP_SYS_RESOURCE to give more than it has itself"
  }

  /// For a low number of descriptors, once the last one is open. Every user may lower a limit.
  static func lastSteps(_ asked: [ContainerSpec.ResourceLimit]) -> [SetupStep] {
    guard let limit = asked.last(where: { $0.resource == descriptors.number }), limit.soft < descriptors.room else {
      return []
    }
    return [
      SetupStep(
        "set resource limit nofile", .limit(descriptors.number, soft: limit.soft, hard: limit.hard, .exactly))
    ]
  }
}
