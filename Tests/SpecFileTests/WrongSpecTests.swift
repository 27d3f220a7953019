import Guest
import SpecFile
import Testing

@testable import SpecKeys

/// A spec that a newcomer writes has several faults, and words of the tool that they know. One answer has them all.
@Suite struct WrongSpecTests {
  private func problems(_ text: String) -> [String] { problems(Array(text.utf8)) }

  private func problems(_ bytes: [UInt8]) -> [String] {
    do throws(SpecFileError) {
      _ = try GuestSpecFile.decode(bytes, file: "w")
      return []
    } catch {
      return error.diagnostics.map(\.description)
    }
  }

  /// Faults of every kind in one file: of values, keys, entries, the syntax that is refused, and rules between keys.
  @Test func everyFaultIsInOneAnswer() {
    let found = problems(
      """
      rootfs: srv
      command: [/bin/httpd, -f]
      command: [/bin/other]
      hostnam: web
      env:
        PORT: [8080]
        A=B: 1
      mounts:
        - {target: /a}
        - {source: b, target: /b, ro: true}
        - /srv:/srv:ro
      tmpfs:
        - {target: /run}
        - {target: /run}
      limits: {memory: lots, pids: infinity}
      restart: {policy: always, backoff: {initial: 2m, maximum: 1m}}
      stop: {signal: SIGFOO}
      labels: {"": x}
      transient: true
      """)
    #expect(
      found == [
        "w:1:9: rootfs: \"srv\" is not an absolute path",
        "w:3:1: key \"command\" occurs twice, first in line 2",
        "w:4:1: hostnam: unknown key (did you mean \"hostname\"?)",
        "w:6:9: env.PORT: expected text, found a list",
        "w:7:3: env.A=B: a name cannot contain '='",
        "w:9:5: mounts[0].source: it is missing; a bind mount needs it",
        "w:10:14: mounts[1].source: \"b\" is not an absolute path",
        "w:10:29: mounts[1].ro: unknown key; it is readOnly here: true",
        "w:11:5: mounts[2]: expected a mapping (key: value), found \"/srv:/srv:ro\"; write {source: /srv, target: /srv, readOnly: true}",
        "w:14:14: tmpfs[1].target: /run is a target twice",
        "w:15:18: limits.memory: expected a size such as 512M, found \"lots\"",
        "w:15:30: limits.pids: found \"infinity\"; write nothing: a limit that is left out does not exist",
        "w:16:46: restart.backoff.initial: it is longer than restart.backoff.maximum",
        "w:17:16: stop.signal: expected a signal such as TERM or SIGRTMIN+3, found \"SIGFOO\"",
        "w:18:10: labels.: a name is empty",
        "w:19:12: transient: a transient guest is removed at its first end, and restart.policy asks for another run; leave one of them out",
      ], "\(found.joined(separator: "\n"))")
  }

  /// A rule about keys says nothing where one of them could not be read: it would speak of a value that nobody wrote.
  @Test(arguments: [
    "restart: {backoff: {initial: 2m, maximum: soon}}", "restart: {backoff: {maximum: 10ms, initial: soon}}",
    "transient: true\nrestart: {policy: often}",
  ])
  func aRuleIsSilentAboutWhatCouldNotBeRead(line: String) {
    #expect(problems("rootfs: /srv\ncommand: /init\n\(line)").count == 1, "\(problems(line))")
    #expect(problems("rootfs: /srv\n\(line)").count == 2, "the command is missing, which is told once")
  }

  /// Mounts there would hide what every guest has, or fail at its start.
  @Test(arguments: [
    "/dev", "/dev/", "//dev/.", "/dev/null", "/dev/console", "/dev/pts", "/dev/pts/ptmx", "/dev/fd", "/proc",
    "/proc/sys", "/proc/./kcore", "/sys", "/sys/fs/cgroup", "/sys/fs/cgroup/x",
  ])
  func aTargetThatLodgeMakesItselfIsRefused(target: String) {
    let spec = "rootfs: /srv\ncommand: /init\n"
    for lines in ["mounts: [{source: /a, target: \(target)}]", "tmpfs: [{target: \(target)}]"] {
      let found = problems(spec + lines)
      #expect(found.count == 1 && found[0].contains("is made by Lodge itself"), "\(found)")
    }
    for other in ["/dev/shm", "/dev/mqueue", "/sys/kernel/debug", "/device", "/srv/proc", "/system", "/dev/net/null"] {
      #expect(problems(spec + "tmpfs: [{target: \(other)}]") == [], "\(other)")
    }
  }

  /// Neither glibc nor anybody else finds them in passwd(5).
  @Test(arguments: ["' lead'", "'trail '", "+nis", "-1", "':'", "'web:'", "':5'", "web:+", "'web: x'"])
  func whatIsNoNameOfAUserIsRefused(user: String) {
    let found = problems("rootfs: /srv\ncommand: /init\nuser: \(user)")
    #expect(found.count == 1 && found[0].hasPrefix("w:3:7: user: "), "\(found)")
    for sound in ["web", "1000", "web:logs", "5:6", "a b", "web-1", "domain\\user"] {
      #expect(problems("rootfs: /srv\ncommand: /init\nuser: \(sound)") == [], "\(sound)")
    }
    #expect(problems("rootfs: /srv\ncommand: /init\ngroups: [ok, '+x']").count == 1)
  }

  /// As long as its bound says.
  @Test func theLongestListsCanBeWritten() {
    let arguments = (0..<19_999).map { "\"\($0)\"" }.joined(separator: ", ")
    let variables = (0..<20_000).map { "  V\($0): x\n" }.joined()
    #expect(problems("rootfs: /srv\ncommand: [/init, \(arguments)]\nenv:\n\(variables)") == [])
  }

  /// The words of compose, podman, Kubernetes and libvirt: each is answered by one way to say it here.
  @Test(arguments: [
    ("image: nginx", "rootfs: /srv/trees/web"), ("volumes: [a]", "mounts here"), ("ports: ['80:80']", "network: host"),
    ("environment: [A=1]", "env here"), ("mem_limit: 512m", "{memory: 512M}"),
    ("cap_add: [NET_ADMIN]", "capabilities here: {add: [net_admin]}"), ("cap_drop: [ALL]", "{drop: [all]}"),
    ("restart_policy: always", "restart here"), ("restartPolicy: Always", "restart here"),
    ("working_dir: /", "workdir"), ("entrypoint: x", "command here"), ("stop_grace_period: 1m", "{timeout: 30s}"),
    ("container_name: x", "name here"), ("ulimits: {}", "rlimits here"), ("read_only: true", "mode: readOnly"),
    ("cpus: 2", "{cpu: 1.5}"), ("pids_limit: 1", "{pids: 200}"), ("network_mode: host", "network here"),
    ("privileged: true", "capabilities"), ("depends_on: [db]", "lodge wait"), ("services: {}", "document"),
    ("apiVersion: v1", "document"), ("vcpu: 2", "{cpu: 1.5}"), ("on_reboot: restart", "restart here"),
    ("tty: true", "console here: pty"), ("shm_size: 64m", "/dev/shm"), ("stop_signal: TERM", "{signal: SIGTERM}"),
  ])
  func aForeignKeyIsAnsweredByItsMeaning(line: String, answer: String) {
    let found = problems("rootfs: /srv\ncommand: /init\n\(line)\n")
    #expect(found.count == 1)
    #expect(found[0].hasPrefix("w:3:1: "), "\(found)")
    #expect(found[0].contains("unknown key; "), "\(found)")
    #expect(found[0].contains(answer), "\(found)")
  }

  @Test(arguments: [
    (
      "restart: unless-stopped",
      "w:3:10: restart: found \"unless-stopped\"; write always: an order to stop wins over it"
    ),
    ("restart: no", "w:3:10: restart: found \"no\"; write never"),
    ("restart: on-failure:5", "w:3:10: restart: found \"on-failure:5\"; write {policy: onFailure, limit: 5}"),
    ("network: bridge", "w:3:10: network: found \"bridge\"; write none: guests have no network between them"),
    ("limits: {cpu: 500m}", "w:3:15: limits.cpu: found \"500m\"; write 0.5"),
    (
      "limits: {memory: unlimited}",
      "w:3:18: limits.memory: found \"unlimited\"; write nothing: a limit that is left out does not exist"
    ),
    ("capabilities: {add: [CAP_NET_ADMIN]}", "w:3:22: capabilities.add[0]: found \"CAP_NET_ADMIN\"; write net_admin"),
    ("env: [A=1, B=2]", "w:3:6: env: expected a mapping (NAME: value), found a list; write A: 1"),
    ("tmpfs: /run:size=64m", "w:3:8: tmpfs: found \"/run:size=64m\"; write [{target: /run, size: 64M}]"),
    (
      "mounts: [/a:/b]",
      "w:3:10: mounts[0]: expected a mapping (key: value), found \"/a:/b\"; write {source: /a, target: /b}"
    ),
  ])
  func aForeignValueIsAnsweredInOurForm(line: String, message: String) {
    #expect(problems("rootfs: /srv\ncommand: /init\n\(line)\n") == [message])
  }

  /// Every answer in our own form is one that is taken.
  @Test(arguments: [
    "restart: {policy: onFailure, limit: 5}", "limits: {cpu: 0.5}", "limits: {memory: 512Mi}", "limits: {memory: 1Gi}",
    "mounts: [{source: /a, target: /b, readOnly: true}]", "tmpfs: [{target: /run, size: 64M}]",
    "capabilities: {add: [net_admin]}", "env: {A: 1}", "rootfs: {path: /srv, mode: readOnly}", "stop: {timeout: 30s}",
    "stop: {signal: SIGTERM}", "rlimits: {nofile: 1024}", "log: {maxSize: 1M, files: 5}",
  ])
  func whatTheAnswersSayIsTaken(line: String) {
    #expect(problems((line.hasPrefix("rootfs") ? "" : "rootfs: /srv\n") + "command: /init\n\(line)\n") == [])
  }

  /// No foreign word is a key of ours at the same place, or it could never be used.
  @Test func noAnswerIsAboutAKeyThatThereIs() {
    for word in GuestKeys.foreign.words {
      #expect(!GuestKeys.schema.keys.contains { $0.name.lowercased() == word }, "\(word)")
    }
  }

  /// One answer to an unknown key, and never the whole table.
  @Test func anUnknownKeyIsNotAnsweredByAllKeys() {
    for key in ["zzzzzz", "image", "hostnam", "x-y"] {
      for line in problems("rootfs: /srv\ncommand: /init\n\(key): 1\n") {
        #expect(line.utf8.count < 120, "\(line)")
      }
    }
  }

  @Test func aByteOrderMarkIsPassedOver() throws {
    let text = "rootfs: /srv\ncommand: /init\nx: 1\n"
    #expect(problems([0xEF, 0xBB, 0xBF] + Array(text.utf8)) == problems(text))
    let json = Array(#"{"rootfs": "/srv", "command": ["/init"], "env": {"A": "\ud83d\ude00"}}"#.utf8)
    #expect(problems([0xEF, 0xBB, 0xBF] + json) == [])
    #expect(
      try GuestSpecFile.documents(
        [0xEF, 0xBB, 0xBF] + Array("rootfs: /r\ncommand: /x\n---\nrootfs: /r\ncommand: /x".utf8), file: "w"
      )
      .count == 2)
    #expect(problems([0xFF, 0xFE, 0x41, 0]) == ["w:1:1: the file is UTF-16; save it as UTF-8"])
    #expect(problems("<domain type='lxc'>") == ["w:1:1: the file is XML; YAML or JSON is read here"])
  }

  @Test func aSpecForAnotherGuestIsNotTaken() throws {
    let bytes = Array("name: db\nrootfs: /srv\ncommand: /init\n".utf8)
    #expect(try GuestSpecFile.decode(bytes, file: "w", for: "db").rootfs.path == "/srv")
    #expect(try GuestSpecFile.decode(bytes, file: "w").rootfs.path == "/srv")
    #expect(throws: SpecFileError.self) { try GuestSpecFile.decode(bytes, file: "w", for: "web") }
  }

  @Test(arguments: [
    ("rootfs: /srv\n\tcommand: x\n", "w:2:1: a tab indents this line; use spaces"),
    ("rootfs /srv\ncommand: x\n", "does the line above lack one?"),
    ("rootfs: [/srv\n", "a list in brackets does not end"),
    ("env: {A: 1\n", "a mapping in braces does not end"), ("description: web: it\n", "a colon where no key can stand"),
    ("env:\n  A: 1\n B: 2\n", "is it indented as its neighbours are?"),
    ("description: \"\\q\"\n", "a backslash begins an escape"),
    ("description: \"x\n", "the file ends inside of quotes"),
    ("description: %x\n", "a value cannot begin with this character"), ("a: b\n- c\n", "is it indented"),
    ("description: \u{1}\n", "a control character"), ("rootfs: !x /srv\n", "tags (!name) are not supported"),
    ("rootfs: *x\n", "aliases (*name) are not supported"),
  ])
  func syntaxIsToldInOurWords(text: String, message: String) {
    let found = problems(text)
    #expect(found.contains { $0.contains(message) }, "\(found)")
  }

  /// Whatever is wrong with a file, no sentence of the parser's comes through.
  @Test(arguments: 0..<40) func noMessageOfTheParserIsPassedOn(seed: UInt64) {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
    func next(_ bound: Int) -> Int {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Int(state % UInt64(bound))
    }
    let signs = Array("\t :-[]{}\"'\\|>%!&*#?,\n@`x0".utf8) + [0xFF, 0x01]
    for _ in 0..<25 {
      var bytes = Array(GuestSpecFileTests.full.utf8)
      for _ in 0...next(3) { bytes.insert(signs[next(signs.count)], at: next(bytes.count)) }
      for line in problems(bytes) {
        for foreign in ["did not find", "while scanning", "while parsing", "could not find", "not valid YAML here"] {
          #expect(!line.contains(foreign), "\(line)")
        }
      }
    }
  }
}
