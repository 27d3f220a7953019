import Cgroups
import Glibc
import LinuxSystem

/// A feature that guests need, whether this host has it, and how to get it: `lodge host` shows it.
public struct HostCapability: Equatable, Sendable {
  public var name: String
  public var isAvailable: Bool
  /// The finding.
  public var detail: String
  /// How to get it, where it is missing; else empty.
  public var fix: String

  /// Looks at the host anew.
  public static func all() -> [HostCapability] {
    var found: [HostCapability] = []
    func add(_ name: String, _ available: Bool, _ detail: String, fix: String = "") {
      found.append(HostCapability(name: name, isAvailable: available, detail: detail, fix: available ? "" : fix))
    }
    let kernel = Kernel.identity
    add(
      "kernel", isKernel(kernel.release, atLeast: (5, 14)), "\(kernel.release) \(kernel.machine)",
      fix: "Linux 5.14 or later is needed, for cgroup.kill")
    do {
      let host = try CgroupHost.detect()
      add("cgroup", true, "\(host.mode), at \(host.unified)")
      for controller in CgroupHost.needed {
        if let missing = host.missingFiles(of: controller) {
          add(
            "cgroup \(controller)", false, "this kernel has no \(missing)",
            fix: "boot a kernel that limits \(controller) by group")
          continue
        }
        switch host.place(of: controller) {
        case .unified: add("cgroup \(controller)", true, "cgroup v2")
        case .legacy: add("cgroup \(controller)", true, "cgroup v1, at \(host.legacy(controller) ?? "")")
        case .missing:
          add(
            "cgroup \(controller)", false, "no hierarchy has it",
            fix: controller == "memory"
              ? "boot the kernel with cgroup_enable=memory" : "boot a kernel that has the \(controller) controller")
        }
      }
    } catch {
      add("cgroup", false, error.reason, fix: error.hint ?? "")
    }
    let filesystems = (try? Files.readText("/proc/filesystems")) ?? ""
    if filesystems.split(separator: "\n").contains(where: { $0.hasSuffix("\toverlay") }) {
      add("overlay", true, "filesystem known")
    } else {
      let modules = (try? Files.readText("/lib/modules/\(kernel.release)/modules.dep")) ?? ""
      let hasModule = names(overlayIn: modules)
      add(
        "overlay", hasModule, hasModule ? "a module, loaded when a guest needs it" : "filesystem unknown",
        fix: "boot a kernel with CONFIG_OVERLAY_FS, or give guests rootfs.mode direct or readOnly")
    }
    add(
      "reboot watch", RebootWatch.isAvailable,
      RebootWatch.isAvailable ? "seccomp notifications" : "no seccomp notifications; halt is seen as power off",
      fix: "a kernel with CONFIG_SECCOMP_FILTER, 5.5 or later")
    let instances = (try? Files.readText("/proc/sys/fs/inotify/max_user_instances")).flatMap { text in
      Int(text.prefix { $0.isNumber })
    }
    if let instances {
      let isEnough = instances >= enoughInotify
      add(
        "inotify", isEnough, "\(instances) instances for each user, which guests share with the host's processes",
        fix: "sysctl fs.inotify.max_user_instances=\(enoughInotify), or a guest can use them up")
    }
    let missing = missingRights()
    add(
      "rights", missing.isEmpty,
      missing.isEmpty ? "all that are needed" : "missing: \(missing.joined(separator: ", "))",
      fix: "run the daemon as root, outside of a restricted container")
    return found
  }

  /// Instances of inotify(7) with which one guest does not easily leave its user, the host's root among them, without any.
  private static let enoughInotify = 1_024

  /// Whether a list of modules (modules.dep(5)) has overlay, compressed or not: mounting it loads it.
  static func names(overlayIn dependencies: String) -> Bool {
    dependencies.split(separator: "\n").contains { line in
      let file = line.prefix { $0 != ":" }.split(separator: "/").last ?? ""
      return file == "overlay.ko" || file.hasPrefix("overlay.ko.")
    }
  }

  static func isKernel(_ release: String, atLeast wanted: (Int, Int)) -> Bool {
    let numbers = release.split(separator: ".").prefix(2).compactMap { Int($0.prefix { $0.isASCII && $0.isNumber }) }
    guard numbers.count == 2 else { return false }
    return (numbers[0], numbers[1]) >= wanted
  }

  /// The capabilities without which no guest can be made.
  private static let neededRights: [(bit: UInt64, name: String)] = [
    (0, "chown"), (1, "dac_override"), (5, "kill"), (6, "setgid"), (7, "setuid"), (8, "setpcap"), (12, "net_admin"),
    (18, "sys_chroot"), (21, "sys_admin"),
  ]

  private static func missingRights() -> [String] {
    let status = (try? Files.readText("/proc/self/status")) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
    let digits = line?.split(whereSeparator: { $0 == "\t" || $0 == " " }).last ?? ""
    let set = UInt64(digits, radix: 16) ?? 0
    return neededRights.filter { set >> $0.bit & 1 == 0 }.map(\.name)
  }
}
