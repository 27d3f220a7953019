import Guest
import SpecKeys
import Testing

@Suite struct SettingTests {
  @Test func aLimitOfRestartsThatIsNeverReachedIsRefused() {
    var spec = GuestSpec(rootfs: Rootfs(path: "/srv"), command: ["/sbin/init"])
    spec.restart.limitWindowMillis = 0
    #expect(spec.problems().map(\.key) == ["restart.within"])
    spec.restart.limitCount = 0
    #expect(spec.problems().isEmpty)
  }

  static func full() -> GuestSpec {
    var spec = GuestSpec(
      rootfs: Rootfs(path: "/srv/trees/web", mode: .overlay, overlayBytes: 1 << 30), command: ["/bin/httpd", "-f"])
    spec.description = "[the web]: \"it\" \u{1F600}"
    spec.workingDirectory = "/srv"
    spec.environment = [.init("A", ""), .init("B", "null"), .init("C.d[0]", "\u{1}\n\"\\")]
    spec.user = "www:www"
    spec.groups = ["adm", "44"]
    spec.hostname = "null"
    spec.network = .host
    spec.mounts = [
      .init(.tmpfs(bytes: nil), at: "/a"), .init(.bind("/srv"), at: "/a/b", readOnly: true),
      .init(.tmpfs(TmpfsOptions(bytes: 4096, mode: 0o7, uid: 1, gid: UInt32.max - 1)), at: "/c"),
    ]
    spec.limits = Limits(memoryBytes: 512 << 20, pids: 200, cpuMillis: 1501, ioWeight: 250)
    spec.rlimits = [.init("nofile", soft: 1, hard: 2), .init("core", soft: .max, hard: .max)]
    spec.capabilities = Capabilities(added: ["net_admin"], dropped: ["all"])
    spec.noNewPrivileges = false
    spec.console = .pipes
    spec.log = LogPolicy(maximumBytes: 1 << 20, files: 5)
    spec.restart = RestartPolicy(
      mode: .always, minimumUptimeMillis: 1, backoffInitialMillis: 1001, backoffMaximumMillis: 31_535_999_999,
      limitCount: 3, limitWindowMillis: 1)
    spec.stop = StopPolicy(signal: 37, timeoutMillis: 1, termTimeoutMillis: 2)
    spec.autostart = true
    spec.labels = [.init("env", "prod"), .init("a=b", "{}")]
    return spec
  }

  /// setresuid(2) leaves everything as it is for the largest number, and what it would leave is root.
  @Test(arguments: [("4294967295", []), ("web:4294967295", []), ("99999999999", []), ("0", ["4294967295"])])
  func theNumberThatStandsForNoUserIsRefused(user: String, groups: [String]) {
    var spec = GuestSpec(rootfs: Rootfs(path: "/srv/tree"), command: ["/init"])
    #expect(spec.problems() == [])
    spec.user = user
    spec.groups = groups
    #expect(spec.problems().map(\.key) == [groups.isEmpty ? "user" : "groups"])
    spec.user = "4294967294:4294967294"
    spec.groups = []
    #expect(spec.problems() == [])
  }

  /// The kernel gives init no say in two of them, and the third asks for no end.
  @Test(
    arguments: [(9, true), (18, true), (19, true), (1, false), (15, false), (37, false), (64, false)] as [(Int32, Bool)]
  )
  func aPoliteSignalIsOneThatInitCanHear(_ signal: Int32, _ isRefused: Bool) {
    var spec = Self.full()
    spec.stop.signal = signal
    #expect(spec.problems().map(\.key) == (isRefused ? ["stop.signal"] : []))
  }

  @Test func everyKeyComesBack() throws {
    let settings = Self.full().settings
    #expect(try GuestSpec(settings: settings) == Self.full())
    // Every row of the table is in it but `transient`, which excludes a restart policy.
    #expect(Set(GuestKeys.leaves.map(\.path)).subtracting(settings.map(\.key)) == ["transient"])
    #expect(Self.full().problems() == [])
  }

  /// Golden: other programs write these texts, so they cannot change.
  @Test func theTextsAreThoseOfASpecFile() {
    let texts = Dictionary(uniqueKeysWithValues: Self.full().settings.map { ($0.key, $0.value) })
    #expect(texts["description"] == "[the web]: \"it\" \u{1F600}")
    #expect(texts["rootfs.path"] == "/srv/trees/web")
    #expect(texts["rootfs.overlaySize"] == "1073741824")
    #expect(texts["command"] == #"["/bin/httpd","-f"]"#)
    #expect(texts["env"] == #"{"A":"","B":"null","C.d[0]":"\u0001\n\"\\"}"#)
    #expect(texts["limits.cpu"] == "1.501")
    #expect(texts["limits.memory"] == "536870912")
    #expect(texts["rlimits"] == #"{"nofile":{"soft":1,"hard":2},"core":"unlimited"}"#)
    #expect(texts["restart.backoff.initial"] == "1.001")
    #expect(texts["stop.signal"] == "SIGRTMIN+3")
    #expect(texts["autostart"] == "true")
  }

  @Test func defaultsAreLeftOut() throws {
    let plain = GuestSpec(rootfs: Rootfs(path: "/srv"), command: ["/init"])
    #expect(plain.settings == [Setting("rootfs.path", "/srv"), Setting("command", #"["/init"]"#)])
    #expect(try GuestSpec(settings: plain.settings) == plain)
  }

  @Test func anUnknownKeyIsRefusedByName() {
    let settings = Self.full().settings + [Setting("limits.memroy", "1")]
    #expect(
      throws: GuestError(.notSupported, "guest spec: limits.memroy: unknown key (did you mean \"limits.memory\"?)")
    ) { try GuestSpec(settings: settings) }
  }

  @Test(arguments: [
    (Setting("limits.memory", "5"), "limits.memory: 5 is out of bounds: 1M to 1P is allowed"),
    (Setting("limits.memory", ""), "limits.memory: expected a size such as 512M, found nothing"),
    (Setting("limits.memory", "536870912"), "limits.memory: it is given twice"),
    (Setting("hostname", ""), "hostname: it is empty"),
    (Setting("hostname", "a_b"), "hostname: only letters, digits, '.' and '-' are allowed"),
    (Setting("autostart", "yes"), "autostart: expected true or false, found \"yes\""),
    (Setting("env", "{\"A\":1"), "env: not valid JSON: expected ',' or the end of the list (byte 6)"),
    (Setting("env", "{\"A\":[]}"), "env.A: expected text, found a list"),
    (Setting("env", "A=1"), "env: expected a mapping (NAME: value), found \"A=1\""),
    (Setting("mounts", "[{\"target\":\"/x\"}]"), "mounts[0].source: it is missing; a bind mount needs it"),
    (
      Setting("mounts", "[{\"target\":\"/x\",\"kind\":1}]"),
      "mounts[0].kind: unknown key; mounts[0] has type, source, target, readOnly, size, mode, uid, gid"
    ),
    (Setting("transient", "true"), ""),
  ])
  func aWrongValueIsRefusedWithItsKey(setting: Setting, message: String) throws {
    let needed = [Setting("rootfs.path", "/srv"), Setting("command", "[\"/init\"]"), Setting("limits.pids", "5")]
    let given = message.hasSuffix("twice") ? needed + [setting, setting] : needed + [setting]
    if message.isEmpty {
      _ = try GuestSpec(settings: given)
    } else {
      #expect(throws: GuestError(.invalidArgument, "guest spec: \(message)")) { try GuestSpec(settings: given) }
    }
  }

  @Test func aRequiredKeyIsMissed() {
    #expect(throws: GuestError(.invalidArgument, "guest spec: key \"command\" is missing")) {
      try GuestSpec(settings: [Setting("rootfs.path", "/srv")])
    }
  }

  @Test func argumentsHaveTheKernelsBound() throws {
    var spec = GuestSpec(rootfs: Rootfs(path: "/srv"), command: ["/init", String(repeating: "x", count: 131_071)])
    spec.environment = [.init("A", String(repeating: "y", count: 131_069))]
    #expect(spec.problems() == [])
    #expect(try GuestSpec(settings: spec.settings) == spec)
    spec.command.append(String(repeating: "x", count: 131_072))
    spec.environment[0].value += "y"
    #expect(spec.problems().map(\.key) == ["command[2]", "env.A"])
    spec.command = ["/init"] + Array(repeating: String(repeating: "x", count: 100_000), count: 11)
    spec.environment = []
    #expect(spec.problems().map(\.key) == ["command"])
  }

  @Test func everyBrokenRuleIsFoundAtOnce() {
    var spec = GuestSpec(rootfs: Rootfs(path: "relative"), command: [])
    spec.mounts = [MountSpec(.bind("/a/../b"), at: "/")]
    spec.limits.memoryBytes = 5
    spec.rlimits = [ResourceLimit("nofiles", soft: 3, hard: 2)]
    spec.environment = [EnvironmentVariable("A=B", "1"), EnvironmentVariable("A", "1"), EnvironmentVariable("A", "2")]
    #expect(
      spec.problems().map(\.key) == [
        "rootfs.path", "env.A=B", "env.A", "mounts[0].source", "limits.memory", "rlimits.nofiles", "rlimits.nofiles",
        "command", "mounts[0].target",
      ])
  }

  @Test(arguments: 0..<500)
  func arbitrarySettingsNeverTrap(seed: UInt64) throws {
    var random = Noise(seed: seed)
    var settings = Self.full().settings
    for _ in 0..<1 + Int(random.next() % 4) {
      let index = Int(random.next() % UInt64(settings.count))
      var bytes = Array(settings[index].value.utf8)
      if bytes.isEmpty { bytes = [0x20] }
      bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
      settings[index].value = String(decoding: bytes, as: UTF8.self)
    }
    // Accepted settings read back the same; refused ones give an error of ours.
    if let spec = try? GuestSpec(settings: settings) {
      #expect(try GuestSpec(settings: spec.settings) == spec)
      #expect(spec.problems() == [])
    }
  }

  private struct Noise {
    var state: UInt64
    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }
    mutating func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
  }
}

@Suite struct JSONReaderTests {
  @Test(arguments: [
    "[]", "{}", "[1,-0.5e+3,0]", #"{"a":{"b":[null,true,false]}}"#, #""\u00e4\ud83d\ude00\n""#, " [ 1 , 2 ] ", "\"\"",
  ])
  func jsonIsRead(text: String) throws { _ = try Node.parse(json: text) }

  @Test(arguments: [
    "", "[", "[1,]", "{\"a\"}", "{\"a\":1,\"a\":2}", "01", "1.", "+1", "nul", "\"\u{1}\"", "\"\\x\"", "\"\\ud83d\"",
    "\"\\ud83d\\u0041\"", "\"", "[1] 2", "{a:1}", "1e", "-", "\"\\u12\"", "'a'",
  ])
  func anythingElseIsRefused(text: String) { #expect(throws: JSONError.self) { try Node.parse(json: text) } }

  @Test func depthAndCountAreBounded() throws {
    let deep = String(repeating: "[", count: 100_000)
    #expect(throws: JSONError.self) { try Node.parse(json: deep) }
    #expect(throws: JSONError.self) { try Node.parse(json: "[1,2,3]", nodes: 3) }
    _ = try Node.parse(json: "[1,2,3]", nodes: 4)
  }

  @Test func surrogatesAreJoined() throws {
    #expect(try Node.parse(json: #""\ud83d\ude00""#).text == "\u{1F600}")
  }
}
