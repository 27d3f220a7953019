extension ContainerPlan {
  mutating func addConsole(_ spec: ContainerSpec, _ prepared: Prepared) {
    if let streams = prepared.streams {
      // The guest's own null device, not the host's: a descriptor is enough to change a file's mode.
      add("set standard input", .openStream(0, "null", at: .slot(.dev)))
      add("set standard output", .standardStream(1, from: .descriptor(streams.output)))
      add("set standard error", .standardStream(2, from: .descriptor(streams.error)))
    } else {
      add("make /dev/console", .makeFile("console", at: .slot(.dev)))
      add("open console", .terminal(devpts: .slot(.pts), dev: .slot(.dev), gid: prepared.terminalGroup))
    }
  }
}
