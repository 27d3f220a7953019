import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// Sockets that a service manager has opened, as the units in contrib/systemd have it.
  @Suite struct Activation {
    /// A service manager goes on listening where its sockets are: were they removed, no client would reach the next
    /// daemon.
    @Test(.requires(.root)) func passedSocketsOutliveTheDaemonAndClientsWaitThere() async throws {
      try await withDaemon { daemon in
        try await daemon.terminate()
        #expect(!Files.exists(daemon.socketPath), "its own socket goes with a daemon")

        let full = try UnixSocket.listen(at: daemon.socketPath, mode: 0o660)
        let narrow = try UnixSocket.listen(at: daemon.readOnlySocketPath, mode: 0o666)
        let passed = [(name: "lodge", descriptor: full.rawValue), (name: "lodge-ro", descriptor: narrow.rawValue)]
        try await daemon.start(sockets: passed)
        try await daemon.succeed("ls")
        try await daemon.succeed("--read-only", "ls")
        try await daemon.terminate()
        #expect(Files.exists(daemon.socketPath))
        #expect(Files.exists(daemon.readOnlySocketPath))

        async let early = daemon.succeed("daemon", "status", "-q")
        try await Task.sleep(for: .milliseconds(100))
        try await daemon.start(sockets: passed)
        _ = try await early
        try await daemon.terminate()
        // The tests after this one make their own.
        for path in [daemon.socketPath, daemon.readOnlySocketPath] { try Files.removeTree(path) }
      }
    }
  }
}
