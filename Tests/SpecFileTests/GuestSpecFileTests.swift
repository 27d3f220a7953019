import Guest
import SpecFile
import Testing

@Suite struct GuestSpecFileTests {
  private func decode(_ text: String) throws -> GuestSpec {
    try GuestSpecFile.decode(Array(text.utf8), file: "web.yaml")
  }

  private func problems(_ text: String) -> [String] {
    do throws(SpecFileError) {
      _ = try GuestSpecFile.decode(Array(text.utf8), file: "web.yaml")
      return []
    } catch {
      return error.diagnostics.map(\.description)
    }
  }

  /// Every key, in the shape the reference shows.
  static let full = """
    rootfs: {path: /srv/trees/web, mode: overlay, overlaySize: 1G}
    command: [/bin/httpd, -f]
    workdir: /srv
    env: {PORT: 8080, EMPTY: "", TRUE: true}
    user: www:www
    groups: [adm, 44]
    hostname: web-1
    network: host
    mounts: [{source: /srv, target: /data, readOnly: true}]
    tmpfs: [{target: /tmp, size: 64M, mode: 0750, uid: 70, gid: 71}, {target: /run}]
    limits: {memory: 512M, pids: 200, cpu: 1.5}
    rlimits: {nofile: 1024, core: unlimited, stack: {soft: 8M, hard: unlimited}}
    capabilities: {add: [net_admin], drop: [all]}
    noNewPrivileges: false
    console: pipes
    log: {maxSize: 1M, files: 5}
    restart: {policy: onReboot, minimumUptime: 20s, backoff: {initial: 2s, maximum: 1m}, limit: 3, within: 1h}
    stop: {signal: SIGRTMIN+3, timeout: 30s, termTimeout: 500ms}
    autostart: true
    transient: true
    labels: {env: prod, tier: 1}
    description: the web
    """

  static let fullSpec: GuestSpec = {
    var spec = GuestSpec(
      rootfs: Rootfs(path: "/srv/trees/web", mode: .overlay, overlayBytes: 1 << 30), command: ["/bin/httpd", "-f"])
    spec.workingDirectory = "/srv"
    spec.environment = [.init("PORT", "8080"), .init("EMPTY", ""), .init("TRUE", "true")]
    spec.user = "www:www"
    spec.groups = ["adm", "44"]
    spec.hostname = "web-1"
    spec.network = .host
    spec.mounts = [
      .init(.bind("/srv"), at: "/data", readOnly: true),
      .init(.tmpfs(TmpfsOptions(bytes: 64 << 20, mode: 0o750, uid: 70, gid: 71)), at: "/tmp"),
      .init(.tmpfs(bytes: nil), at: "/run"),
    ]
    spec.limits = Limits(memoryBytes: 512 << 20, pids: 200, cpuMillis: 1500)
    spec.rlimits = [
      .init("nofile", soft: 1024, hard: 1024), .init("core", soft: .max, hard: .max),
      .init("stack", soft: 8 << 20, hard: .max),
    ]
    spec.capabilities = Capabilities(added: ["net_admin"], dropped: ["all"])
    spec.noNewPrivileges = false
    spec.console = .pipes
    spec.log = LogPolicy(maximumBytes: 1 << 20, files: 5)
    spec.restart = RestartPolicy(
      mode: .onReboot, minimumUptimeMillis: 20_000, backoffInitialMillis: 2000, backoffMaximumMillis: 60_000,
      limitCount: 3, limitWindowMillis: 3_600_000)
    spec.stop = StopPolicy(signal: 37, timeoutMillis: 30_000, termTimeoutMillis: 500)
    spec.autostart = true
    spec.transient = true
    spec.labels = [.init("env", "prod"), .init("tier", "1")]
    spec.description = "the web"
    return spec
  }()

  @Test func everyKeyArrives() throws {
    #expect(try decode(Self.full) == Self.fullSpec)
  }

  @Test func theShortestSpecHasTheDefaults() throws {
    #expect(
      try decode("rootfs: /srv\ncommand: /init\n") == GuestSpec(rootfs: Rootfs(path: "/srv"), command: ["/init"]))
  }

  @Test func aWordIsEnoughForARestartPolicy() throws {
    let spec = try decode("rootfs: /srv\ncommand: [/init]\nrestart: onFailure\n")
    #expect(spec.restart == RestartPolicy(mode: .onFailure))
  }

  @Test func keysWithoutAValueCountAsLeftOut() throws {
    #expect(
      try decode("rootfs: /srv\ncommand: /init\nlimits:\n  # memory: 1G\nenv:\nhostname: ~\n")
        == GuestSpec(rootfs: Rootfs(path: "/srv"), command: ["/init"]))
  }

  @Test func mountsOfMemoryMayStandInTheLongList() throws {
    let spec = try decode(
      """
      rootfs: /srv
      command: /init
      mounts:
        - {type: tmpfs, target: /data, size: 1M}
        - {source: /x, target: /data/x}
      """)
    #expect(spec.mounts == [.init(.tmpfs(bytes: 1 << 20), at: "/data"), .init(.bind("/x"), at: "/data/x")])
    #expect(try decode(GuestSpecFile.yaml(spec)) == spec)
  }

  @Test(arguments: [
    ("limits:\n  memroy: 1G\n", "web.yaml:4:3: limits.memroy: unknown key (did you mean \"memory\"?)"),
    ("memory: 1G\n", "web.yaml:3:1: memory: unknown key (did you mean \"limits.memory\"?)"),
    ("limits: {memory: lots}\n", "web.yaml:3:18: limits.memory: expected a size such as 512M, found \"lots\""),
    ("limits: {memory: 1K}\n", "web.yaml:3:18: limits.memory: 1K is out of bounds: 1M to 1P is allowed"),
    ("limits: [memory]\n", "web.yaml:3:9: limits: expected a mapping (key: value), found a list"),
    ("limits: {pids: 0}\n", "web.yaml:3:16: limits.pids: 0 is out of bounds: 1 to 4194304 is allowed"),
    ("limits: {pids: many}\n", "web.yaml:3:16: limits.pids: expected a whole number, found \"many\""),
    (
      "limits: {pids: 99999999999999999999}\n",
      "web.yaml:3:16: limits.pids: 99999999999999999999 is out of bounds: 1 to 4194304 is allowed"
    ),
    ("autostart: yes\n", "web.yaml:3:12: autostart: expected true or false, found \"yes\""),
    (
      "restart: on-failure\n",
      "web.yaml:3:10: restart: expected one of never, onReboot, onFailure, always, found \"on-failure\" (did you mean \"onFailure\"?)"
    ),
    ("env: [A=1]\n", "web.yaml:3:6: env: expected a mapping (NAME: value), found a list; write A: 1"),
    ("env: {A: }\n", "web.yaml:3:10: env.A: a value is missing; write \"\" for an empty one"),
    ("env: {A: [1]}\n", "web.yaml:3:10: env.A: expected text, found a list"),
    ("groups: adm\n", "web.yaml:3:9: groups: expected a list, found \"adm\""),
    (
      "stop: {signal: SIGFOO}\n",
      "web.yaml:3:16: stop.signal: expected a signal such as TERM or SIGRTMIN+3, found \"SIGFOO\""
    ),
    ("mounts: [{source: /a, target: b}]\n", "web.yaml:3:31: mounts[0].target: \"b\" is not an absolute path"),
    ("mounts: [{target: /b}]\n", "web.yaml:3:10: mounts[0].source: it is missing; a bind mount needs it"),
    (
      "mounts: [{source: /a, target: /b}]\ntmpfs: [{target: /c}, {target: /b}]\n",
      "web.yaml:4:32: tmpfs[1].target: /b is a target twice"
    ),
    ("mounts: [{source: /a}]\n", "web.yaml:3:10: mounts[0]: key \"target\" is missing"),
    (
      "rlimits: {nofiles: 1}\n",
      "web.yaml:3:11: rlimits.nofiles: unknown limit; known are cpu, fsize, data, stack, core, rss, nproc, nofile, memlock, as, locks, sigpending, msgqueue, nice, rtprio, rttime"
    ),
    (
      "tmpfs: [{target: /b, mode: 999}]\n",
      "web.yaml:3:28: tmpfs[0].mode: expected octal permission bits such as 0755, found \"999\""
    ),
    (
      "mounts: [{source: /a, target: /b, size: 1M}]\n",
      "web.yaml:3:10: mounts[0]: size, mode, uid and gid are for a tmpfs; remove them, or add type: tmpfs"
    ),
    (
      "transient: true\nrestart: always\n",
      "web.yaml:3:12: transient: a transient guest is removed at its first end, and restart.policy asks for another run; leave one of them out"
    ),
    ("workdir: ../x\n", "web.yaml:3:10: workdir: \"../x\" is not an absolute path"),
    (
      "\"\\e[31m\": 1\n",
      "web.yaml:3:1: \\e[31m: unknown key"
    ),
  ])
  func aMistakeIsToldWithPlaceKeyAndWhatIsAllowed(line: String, message: String) {
    let found = problems("rootfs: /srv\ncommand: /init\n" + line)
    #expect(found.contains(message), "\(found)")
  }

  @Test func everythingWrongIsToldInOneRun() {
    #expect(
      problems("comand: /init\nlimits: {memory: x, cpu: 0}\nnetwork: bridge\n") == [
        "web.yaml:1:1: comand: unknown key (did you mean \"command\"?)",
        "web.yaml:1:1: key \"rootfs\" is missing",
        "web.yaml:1:1: key \"command\" is missing",
        "web.yaml:2:18: limits.memory: expected a size such as 512M, found \"x\"",
        "web.yaml:2:26: limits.cpu: 0 is out of bounds: 0.01 to 1024 is allowed",
        "web.yaml:3:10: network: found \"bridge\"; write none: guests have no network between them",
      ])
  }

  @Test func aCommandLineInOneTextIsExplained() {
    #expect(
      problems("rootfs: /srv\ncommand: /bin/httpd -f\n") == [
        "web.yaml:2:10: command: a command with arguments is a list: [/bin/httpd, -f]"
      ])
  }

  @Test func aPartialSpecLeavesTheRestToFlags() throws {
    let spec = try GuestSpecFile.decode(Array("limits: {pids: 5}".utf8), file: "web.yaml", isPartial: true)
    #expect(spec.limits.pids == 5)
    #expect(throws: SpecFileError.self) { try decode("limits: {pids: 5}") }
  }

  @Test func anEmptyFileLacksItsKeys() {
    #expect(
      problems("# nothing\n") == [
        "web.yaml:1:1: key \"rootfs\" is missing", "web.yaml:1:1: key \"command\" is missing",
      ])
  }

  @Test func aSpecPrintsAsYAMLWithoutItsDefaults() {
    #expect(
      GuestSpecFile.yaml(GuestSpec(rootfs: Rootfs(path: "/srv"), command: ["/bin/httpd", "-f"])) == """
        rootfs: /srv
        command: [/bin/httpd, -f]

        """)
    #expect(
      GuestSpecFile.yaml(Self.fullSpec) == """
        description: the web
        rootfs:
          path: /srv/trees/web
          mode: overlay
          overlaySize: 1G
        command: [/bin/httpd, -f]
        workdir: /srv
        env:
          PORT: "8080"
          EMPTY: ""
          "TRUE": "true"
        user: www:www
        groups: [adm, "44"]
        hostname: web-1
        network: host
        mounts:
          - source: /srv
            target: /data
            readOnly: true
        tmpfs:
          - target: /tmp
            size: 64M
            mode: "0750"
            uid: 70
            gid: 71
          - target: /run
        limits:
          memory: 512M
          pids: 200
          cpu: 1.5
        rlimits:
          nofile: 1024
          core: unlimited
          stack:
            soft: 8388608
            hard: unlimited
        capabilities:
          add: [net_admin]
          drop: [all]
        noNewPrivileges: false
        console: pipes
        log:
          maxSize: 1M
          files: 5
        restart:
          minimumUptime: 20s
          backoff:
            initial: 2s
            maximum: 1m
          limit: 3
          within: 1h
        stop:
          signal: SIGRTMIN+3
          timeout: 30s
          termTimeout: 500ms
        autostart: true
        transient: true
        labels:
          env: prod
          tier: "1"

        """)
  }

  @Test func whatIsPrintedReadsBackTheSame() throws {
    let plain = GuestSpec(rootfs: Rootfs(path: "/srv"), command: ["/init"])
    var random = SystemRandomNumberGenerator()
    var specs = [plain, Self.fullSpec]
    // Each property of the full spec alone, and random sets of them.
    for _ in 0..<200 { specs.append(mixture(of: plain, and: Self.fullSpec, using: &random)) }
    for spec in specs {
      for text in [
        GuestSpecFile.yaml(spec), GuestSpecFile.value(spec).json, GuestSpecFile.value(spec).indentedJSON,
        GuestSpecFile.value(spec).yaml, GuestSpecFile.value(spec, style: .human, includingDefaults: true).json,
      ] {
        #expect(try decode(text) == spec, "\(text)")
      }
    }
  }

  private func mixture(
    of left: GuestSpec, and right: GuestSpec, using random: inout SystemRandomNumberGenerator
  ) -> GuestSpec {
    var spec = left
    func pick<Value>(_ path: WritableKeyPath<GuestSpec, Value>) {
      if Bool.random(using: &random) { spec[keyPath: path] = right[keyPath: path] }
    }
    pick(\.description)
    pick(\.rootfs.mode)
    pick(\.rootfs.overlayBytes)
    pick(\.command)
    pick(\.workingDirectory)
    pick(\.environment)
    pick(\.user)
    pick(\.groups)
    pick(\.hostname)
    pick(\.network)
    pick(\.mounts)
    spec.mounts.shuffle(using: &random)
    pick(\.limits.memoryBytes)
    pick(\.limits.cpuMillis)
    pick(\.limits.ioWeight)
    pick(\.rlimits)
    pick(\.capabilities.added)
    pick(\.console)
    pick(\.log.files)
    if !spec.transient { pick(\.restart.mode) }
    pick(\.noNewPrivileges)
    pick(\.restart.backoffMaximumMillis)
    pick(\.stop.signal)
    pick(\.autostart)
    pick(\.labels)
    return spec
  }

  @Test(arguments: 0..<400)
  func arbitraryBytesNeverTrap(seed: Int) {
    var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
    func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
    // Half of them noise, half of them the full spec with a few bytes changed.
    var bytes = Array(Self.full.utf8)
    if seed.isMultiple(of: 2) {
      for _ in 0..<1 + next() % 8 { bytes[Int(next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: next()) }
    } else {
      bytes = (0..<next() % 300).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
    do throws(SpecFileError) {
      _ = try GuestSpecFile.decode(bytes, file: "x")
    } catch {
      #expect(!error.diagnostics.isEmpty)
    }
  }

  @Test func theReferenceHasEveryKeyOnce() {
    let paths = GuestSpecFile.reference.map(\.path)
    #expect(Set(paths).count == paths.count)
    for path in ["limits.memory", "mounts[].source", "restart.backoff.initial", "rootfs.overlaySize", "stop.signal"] {
      #expect(paths.contains(path), "\(path) of \(paths)")
    }
  }
}
