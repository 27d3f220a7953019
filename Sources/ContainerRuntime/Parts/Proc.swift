extension ContainerPlan {
  /// Entries of /proc that say much of the host or reach into it; the list that container engines share. Each is covered by
  /// an empty file or folder, after what it is.
  static let hiddenEntries = [
    "acpi", "asound", "interrupts", "kcore", "keys", "latency_stats", "sched_debug", "scsi", "timer_list",
    "timer_stats",
  ]

  /// Mode and owner of the entries that every instance of procfs shows beside processes belong to the kernel and not to a
  /// mount: `chmod` in any instance changes them for the host and for every guest (proc_notify_change in
  /// fs/proc/generic.c). So each is read-only where a guest sees it, with all that is below it. The child lists them in the
  /// guest's own instance, where there are next to no processes between them.
  mutating func addProc() {
    let attributes: SetupStep.Attributes = [.noSetUID, .noDevices, .noExecute]
    // Read-only until the entries are covered.
    add("mount /proc", .createMount("proc", [], attributes.union(.readOnly), into: .proc))
    add("attach /proc", .attach(.slot(.proc), at: .root, path: "/proc", [.noSymlinks, .makeFolder]))
    // One inode: the folder itself.
    let nothing: [SetupStep.Option] = [.init("size", "4k"), .init("nr_inodes", "1"), .init("mode", "0555")]
    add("mount empty folder", .createMount("tmpfs", nothing, attributes.union(.readOnly), into: .emptyFolder))
    // Relative to the mount itself: wherever a hostile tree got it attached, it is covered.
    add(
      "cover entries of /proc",
      .coverEntries(
        of: .slot(.proc), hidden: Self.hiddenEntries, file: .slot(.emptyFile), folder: .emptyFolder))
  }
}
