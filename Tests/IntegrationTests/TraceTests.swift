import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// The lines of docs/operating.md about traces do what they say, in the daemon and in controllers.
  @Suite struct Traces {
    /// Lines of a topic, by the pid in front.
    private func lines(_ topic: String, in log: String) -> [Int32: [String]] {
      var found: [Int32: [String]] = [:]
      for line in log.split(separator: "\n") {
        let parts = line.split(separator: " ", maxSplits: 2)
        guard parts.count == 3, parts[1] == "\(topic):", let pid = Int32(parts[0]) else { continue }
        found[pid, default: []].append(String(parts[2]))
      }
      return found
    }

    private func runToItsEnd(_ name: String, _ daemon: TestDaemon) async throws -> (daemon: Int32, controller: Int32) {
      try await daemon.define(name, ["--restart", "never"], ["/bin/sleep", "1000"])
      try await daemon.succeed("start", name)
      let pids = (try #require(daemon.pid), try await daemon.controllerPID(of: name))
      try await daemon.succeed("kill", name)
      return pids
    }

    @Test(.requiresGuests, arguments: ["lifecycle", "rpc", "rpc,lifecycle"])
    func theVariableTurnsOnItsTopicsInTheDaemonAndItsControllers(_ topics: String) async throws {
      try await withDaemon(environment: ["TRACE": topics]) { daemon in
        let pids = try await runToItsEnd("web", daemon)
        let log = daemon.log
        for topic in ["rpc", "lifecycle"] {
          let found = lines(topic, in: log)
          let isWanted = topics.split(separator: ",").contains(topic[...])
          #expect((found[pids.daemon] != nil) == isWanted, "\(topic) of the daemon")
          #expect((found[pids.controller] != nil) == isWanted, "\(topic) of the controller")
        }
        if topics.contains("lifecycle") {
          let transitions = lines("lifecycle", in: log)
          #expect(transitions[pids.daemon]?.contains { $0.hasPrefix("web: starting -> running, by ") } == true)
          #expect(transitions[pids.controller]?.contains { $0.hasPrefix("web: launching -> running, on ") } == true)
        }
      }
    }

    @Test(.requiresGuests) func traceOnAndOffChangeADaemonThatRuns() async throws {
      try await withDaemon { daemon in
        _ = try await runToItsEnd("before", daemon)
        #expect(lines("rpc", in: daemon.log).isEmpty && lines("lifecycle", in: daemon.log).isEmpty)
        try await daemon.succeed("daemon", "trace", "on")
        let pids = try await runToItsEnd("web", daemon)
        for topic in ["rpc", "lifecycle"] {
          let found = lines(topic, in: daemon.log)
          #expect(found[pids.daemon] != nil && found[pids.controller] != nil, "\(topic)")
        }
        try await daemon.succeed("daemon", "trace", "off")
        let before = lines("lifecycle", in: daemon.log)[pids.daemon]
        let after = try await runToItsEnd("after", daemon)
        let log = daemon.log
        #expect(lines("lifecycle", in: log)[pids.daemon] == before)
        #expect(lines("rpc", in: log)[after.controller] == nil && lines("lifecycle", in: log)[after.controller] == nil)
      }
    }

    @Test(.requiresGuests) func aTopicThatDoesNotExistIsNamed() async throws {
      try await withDaemon(environment: ["TRACE": "lifecylce"]) { daemon in
        #expect(daemon.log.contains("TRACE names a topic that does not exist"))
        #expect(daemon.log.contains("lifecylce"))
      }
    }
  }
}
