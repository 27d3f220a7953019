import LinuxSystem

extension ContainerPlan {
  /// Files of /proc that say much of the host or reach into it; the list that container engines share.
  static let maskedFiles = [
    "interrupts", "kcore", "keys", "latency_stats", "sched_debug", "timer_list", "timer_stats",
  ]
  static let maskedFolders = ["acpi", "asound", "scsi"]
  /// Read-only with all that is below.
  static let protectedPaths = ["bus", "fs", "irq", "sys", "sysrq-trigger"]

  mutating func addProc(_ prepared: Prepared) {
    let attributes: SetupStep.Attributes = [.noSetUID, .noDevices, .noExecute]
    add("mount /proc", .createMount("proc", [], attributes, into: .proc))
    add("attach /proc", .attach(.slot(.proc), at: .root, path: "/proc", [.noSymlinks, .makeFolder]))
    // Relative to the mount itself: wherever a hostile tree got it attached, it is covered.
    for name in Self.maskedFiles { add("mask /proc/\(name)", .mask(name, at: .slot(.proc), with: .slot(.emptyFile))) }
    // One inode: the folder itself.
    let nothing: [SetupStep.Option] = [.init("size", "4k"), .init("nr_inodes", "1"), .init("mode", "0555")]
    add("mount empty folder", .createMount("tmpfs", nothing, attributes.union(.readOnly), into: .emptyFolder))
    for name in Self.maskedFolders {
      add("mask /proc/\(name)", .mask(name, at: .slot(.proc), with: .slot(.emptyFolder)))
    }
    let covered = Self.maskedFiles + Self.maskedFolders + Self.protectedPaths
    for name in Self.protectedPaths + prepared.procEntries.filter({ !covered.contains($0) }) {
      add("protect /proc/\(name)", .protect(name, at: .slot(.proc)))
    }
  }
}

/// The entries that every instance of procfs shows beside processes.
///
/// Mode and owner of these belong to the kernel and not to a mount: `chmod` in any instance changes them for the host and
/// for every guest (proc_notify_change in fs/proc/generic.c). So each is read-only where a guest sees it.
enum ProcEntries {
  /// Read once: a controller has one guest, and modules that add an entry later are rare. Links (`self`, `mounts`, `net`)
  /// lead to files of processes.
  static let shared: [String] = ((try? Files.list("/proc")) ?? []).filter { entry in
    entry.kind != .symlink
      && entry.name.utf8.first.map { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false
  }.map(\.name).sorted()
}
