import LodgeClient

/// Starts a guest that ends by itself, and prints how it ended; then how Lodge remembers that.
///
/// usage: watch ROOTFS        with LODGE_ROOT set where the daemon is not the system's
@main struct Watch {
  static func main() async throws {
    guard CommandLine.arguments.count == 2 else {
      print("usage: watch ROOTFS")
      return
    }
    let lodge = try await LodgeClient.connect(.init(name: "watch"))
    let name = try GuestName("watched")
    var spec = GuestSpec(
      rootfs: Rootfs(path: CommandLine.arguments[1], mode: .overlay), command: ["/bin/sh", "-c", "exit 3"])
    spec.restart.mode = .never
    try await lodge.create(name, spec)

    // The place in the journal comes before the start, so that no event of the run is missed, however short it is.
    let events = try await lodge.subscribe()
    let run = try await lodge.start(name)
    for try await case .event(let entry) in events where entry.event.run == run {
      guard let end = entry.event.ended else { continue }
      print("event \(end.guest): \(end.cause.inWords)")
      break
    }

    // The same without events: the answer is on disk for as long as the daemon keeps the guest's runs.
    if let ended = try await lodge.wait(for: name, until: .endedRun(run)) {
      print("run \(ended.number): \(ended.ended.cause.inWords)")
    }
    try await lodge.remove(name)
    lodge.close()
  }
}
