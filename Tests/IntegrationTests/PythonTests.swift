import Foundation
import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// The Python package in `contrib/python`, against a real daemon.
  @Suite struct Python {
    private static let python = "/usr/bin/python3"
    static let hasPython = FileManager.default.isExecutableFile(atPath: python)
    private static let contrib = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("contrib/python").path

    private func environment(_ daemon: TestDaemon) -> [String: String] {
      [
        "LODGE_ROOT": daemon.root, "PYTHONPATH": Self.contrib, "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8",
      ]
    }

    private func run(_ script: String, _ daemon: TestDaemon, _ arguments: [String] = []) async throws -> CommandResult {
      let file = "\(daemon.root)/script-\(UUID().uuidString).py"
      try script.write(toFile: file, atomically: true, encoding: .utf8)
      return try await Command(Self.python, environment: environment(daemon))([file] + arguments)
    }

    @Test(.requiresGuests, .enabled(if: hasPython, "needs python3")) func aGuestFromItsSpecToItsEnd() async throws {
      try await withDaemon { daemon in
        let script = """
          import sys, uuid, lodge
          tree = sys.argv[1]
          spec = {'rootfs.path': tree, 'rootfs.mode': 'overlay', 'command': ['/bin/sh', '-c', 'echo "$WORD"; exit 3'],
                  'env': {'WORD': 'gr\\u00fc\\u00df'}, 'restart.policy': 'never', 'limits.memory': 64 << 20,
                  'labels': {'env': 'prod'}}
          with lodge.Lodge() as host:
            assert host.server.startswith('lodged'), host.server
            assert 'right.admin' in host.features, host.features
            assert host.create('web', spec).state == 'stopped'
            run = host.start('web')
            ended = host.wait('web', run=run, timeout=20)
            end = lodge.headline(ended)
            assert end.kind == 'exited' and end.status.value == 3 and end.bad is True, ended
            assert [row.number for row in host.runs('web')] == [1]
            assert 'gr\\u00fc\\u00df' in b''.join(host.log('web')).decode(), list(host.log('web'))
            details = host.guest('web')
            defined = lodge.spec_of(details.defined)
            assert defined['limits.memory'] == str(64 << 20) and defined['env'] == {'WORD': 'gr\\u00fc\\u00df'}, defined
            assert details.running is None and details.summary.run is None
            # A change that another one has overtaken is refused.
            assert host.change('web', dict(spec, description='new'), expected=spec) is False
            try:
              host.change('web', spec, expected=spec)
              raise SystemExit('the change was taken')
            except lodge.LodgeError as error:
              assert error.code == 'conflict' and error.hint, error
            for code, ask in [('notFound', lambda: host.start('nobody')), ('alreadyExists', lambda: host.create('web', spec)),
                              ('invalidArgument', lambda: host.create('x', {'command': ['/a'], 'nonsense': 1}))]:
              try:
                ask()
                raise SystemExit(code)
              except lodge.LodgeError as error:
                assert error.code in (code, 'notSupported'), (code, error.code, str(error))
            try:
              host.call('guest_start', request=None, name='n' * 65)
              raise SystemExit('a name too long')
            except lodge.ProtocolError:
              pass
            for index in range(140):
              host.create('many-%03d' % index, spec)
            assert len(list(host.guests('many-*'))) == 140
            assert len(list(host.guests(labels={'env': 'prod'}))) == 141
            assert len(list(host.guests(labels={'env': 'test'}))) == 0
            host.run('live', {'rootfs.path': tree, 'rootfs.mode': 'overlay', 'command': ['/bin/sleep', '60']})
            assert lodge.headline(host.stop('live', timeout=0)).kind == 'stopped'
            try:
              host.stop('live')
              raise SystemExit('stopped twice')
            except lodge.LodgeError as error:
              assert error.code == 'wrongState', error.code
            host.remove('web')
            assert host.daemon().guests == 141 and host.host().cpus > 0
          try:
            lodge.Lodge('/nonexistent/socket')
            raise SystemExit('connected')
          except lodge.Unreachable as error:
            assert error.code == 'unavailable'
          print('done')
          """
        let result = try await run(script, daemon, [try RootTrees.busybox()])
        #expect(result.output == "done\n", "\(result)")
      }
    }

    /// Each event once, in order, across a restart of the daemon.
    @Test(.requiresGuests, .enabled(if: hasPython, "needs python3")) func eventsOutliveTheDaemon() async throws {
      try await withDaemon { daemon in
        let output = "\(daemon.root)/events"
        let script = """
          import sys, lodge
          out = open(sys.argv[1], 'w')
          for event in lodge.events(since='boot', guest='guest-*', types=['created'], patience=30):
            print(event.sequence, event.guest, file=out, flush=True)
            if event.guest == 'guest-3':
              break
          """
        async let result = run(script, daemon, [output])
        try await daemon.define("guest-1", ["--restart", "never"], ["/bin/true"])
        try await daemon.define("other", ["--restart", "never"], ["/bin/true"])
        try await daemon.waitForFile(output) { $0.contains("guest-1") }
        try await daemon.kill()
        try await daemon.start()
        try await daemon.define("guest-2", ["--restart", "never"], ["/bin/true"])
        try await daemon.define("guest-3", ["--restart", "never"], ["/bin/true"])
        let ended = try await result
        #expect(ended.code == 0, "\(ended)")
        let lines = try String(contentsOfFile: output, encoding: .utf8).split(separator: "\n")
        #expect(lines.map { $0.split(separator: " ").last } == ["guest-1", "guest-2", "guest-3"], "\(lines)")
        let numbers = lines.compactMap { $0.split(separator: " ").first.flatMap { UInt64($0) } }
        #expect(numbers == numbers.sorted() && Set(numbers).count == 3)
      }
    }

    /// The example goes on where it was.
    @Test(.requiresGuests, .enabled(if: hasPython, "needs python3")) func theExampleMissesNoEnd() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sh", "-c", "exit 3"])
        let place = "\(daemon.root)/place"
        try "0".write(toFile: place, atomically: true, encoding: .utf8)
        for count in 1...2 {
          try await daemon.succeed("start", "web")
          _ = try await daemon.end(of: "web")
          let newest = try await daemon.succeed("events", "--filter", "type=state", "--format", "{{.seq}}").output
            .split(separator: "\n").last
          let output = "\(daemon.root)/output"
          let file = try Files.open(output, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
          var plan = SpawnPlan(
            executable: Self.python, arguments: ["python3", "\(Self.contrib)/examples/bad_ends.py", place],
            environment: environment(daemon).map { "\($0)=\($1)" })
          plan.descriptors = [(file.rawValue, 1), (file.rawValue, 2)]
          let process = try plan.run()
          try await daemon.waitForFile(place) { $0 == newest ?? "" }
          try process.signal(SIGKILL)
          _ = try process.wait(blocking: true)
          #expect(Files.textOrEmpty(output) == "web: run \(count) ended badly: exited\n")
        }
      }
    }
  }
}
