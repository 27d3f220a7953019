import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// A real distribution's tree, and a real service from it.
  @Suite struct Debian {
    @Test(.requiresGuests, .requires(.debianArchive)) func nginxServesAPageAndStopsPolitely() async throws {
      let tree = try await offThread { try RootTrees.debianWithNginx() }
      try await withDaemon { daemon in
        let port = try Self.freePort()
        try Files.writeText(
          """
          daemon off; user www-data; worker_processes 1; pid /run/nginx.pid; error_log stderr notice;
          events { worker_connections 64; }
          http {
            access_log /dev/stdout;
            server { listen 127.0.0.1:\(port); location / { return 200 "hello from debian\\n"; } }
          }

          """, to: "\(daemon.root)/nginx.conf")
        try await daemon.succeed(
          "create", "nginx", "--rootfs", tree, "--overlay", "--network", "host", "--restart", "never", "--memory",
          "128M",
          "--mount", "\(daemon.root)/nginx.conf:/etc/nginx/nginx.conf:ro", "--stop-signal", "SIGQUIT",
          "--stop-timeout", "10s", "--", "/usr/sbin/nginx")
        try await daemon.succeed("start", "nginx")
        try await daemon.waitForLog("nginx", "start worker process")
        let page = try await Command("/bin/busybox")(["wget", "-qO-", "http://127.0.0.1:\(port)/"])
        #expect(page.output == "hello from debian\n", "\(page)")
        try await daemon.waitForLog("nginx", "GET / HTTP/1.1")

        let begin = Clock.bootNanoseconds
        try await daemon.succeed("stop", "nginx")
        #expect(Double(Clock.bootNanoseconds - begin) / 1e9 < 10)
        let run = try await daemon.end(of: "nginx")
        #expect(run.cause.kind == "stopped" && run.cause.how == "polite" && run.cause.code == 0, "\(run.cause)")
        let logs = try await daemon.succeed("logs", "nginx").output
        #expect(logs.contains("GET / HTTP/1.1") && logs.contains("gracefully shutting down"), "\(logs)")
      }
    }

    /// A port without a listener at this moment.
    private static func freePort() throws -> Int {
      var random = SeededRandom(for: "port")
      while true {
        let port = Int.random(in: 20_000..<30_000, using: &random)
        let hex = String(port, radix: 16, uppercase: true)
        if !Files.textOrEmpty("/proc/net/tcp").contains(":\(hex) ") { return port }
      }
    }
  }
}
