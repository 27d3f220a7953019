import Guest
import SpecFile
import Testing

@testable import ForeignSpecs

/// The same numbers in each run.
private struct Sequence: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    // Knuth's MMIX.
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ (state >> 29)
  }
}

/// Files of other tools become specs, and nothing of them goes without a word.
@Suite struct ConversionTests {
  private func convert(
    _ text: String, _ source: Conversion.Source? = nil, folder: String? = "/srv/app"
  ) throws -> (yaml: String, notes: [String]) {
    let result = try Conversion(Array(text.utf8), file: "f", source: source, folder: folder)
    return (result.yaml, result.lines(file: "f"))
  }

  private func refusal(_ text: String, _ source: Conversion.Source? = nil) -> String? {
    do throws(SpecFileError) {
      _ = try Conversion(Array(text.utf8), file: "f", source: source)
      return nil
    } catch {
      return error.description
    }
  }

  static let compose = """
    services:
      web:
        image: docker.io/library/nginx:1.27
        command: nginx -g 'daemon off;'
        environment: {PORT: 8080, TOKEN: }
        volumes: ["/srv/data:/data:ro", "./html:/html", "cache:/cache", {type: tmpfs, target: /run}]
        ports: ["80:80"]
        mem_limit: 512m
        cpus: 1.5
        restart: unless-stopped
        cap_drop: [ALL]
        cap_add: [NET_ADMIN]
        stop_grace_period: 1m30s
        ulimits: {nofile: {soft: 1024, hard: 2048}, nproc: 65535}
        labels: ["env=prod", "tier"]
        network_mode: bridge
      data base:
        image: postgres
        container_name: db
        read_only: true
        entrypoint: [/bin/postgres]
        user: "70:70"
        tmpfs: /run:size=64m,noatime
        deploy: {resources: {limits: {memory: 1G, pids: 100}}, replicas: 3}
        healthcheck: {test: true}
    volumes: {cache: {}}
    """

  @Test func aComposeFile() throws {
    let (yaml, notes) = try convert(Self.compose)
    #expect(
      yaml == """
        name: web
        rootfs:
          path: /srv/trees/web
          mode: overlay
        command: [/usr/bin/env, nginx, -g, daemon off;]
        env:
          PORT: "8080"
        mounts:
          - source: /srv/data
            target: /data
            readOnly: true
          - source: /srv/app/html
            target: /html
        tmpfs:
          - target: /run
        limits:
          memory: 512m
          cpu: 1.5
        rlimits:
          nofile:
            soft: 1024
            hard: 2048
          nproc: 65535
        capabilities:
          drop: [all]
          add: [net_admin]
        restart: always
        stop:
          timeout: 1m30s
        autostart: true
        labels:
          env: prod
        ---
        name: db
        rootfs:
          path: /srv/trees/db
          mode: readOnly
        command: [/bin/postgres]
        user: "70:70"
        tmpfs:
          - target: /run
            size: 64m
        limits:
          memory: 1G
          pids: 100

        """)
    let expected = [
      "f:3:12: services.web.image: docker.io/library/nginx:1.27 is an image",
      "f:4:14: services.web.command: \"nginx\" is no absolute path", "services.web.environment.TOKEN: left out",
      "services.web.volumes: left out: the volume cache", "services.web.ports: left out: there are no published ports",
      "services.web.labels.tier: left out", "services.web.network_mode: left out",
      "services.data base.image: postgres is an image", "services.data base.tmpfs: left out: the option noatime",
      "services.data base.deploy.replicas: left out", "services.data base.healthcheck: left out",
      "volumes: left out: there are no volumes",
    ]
    for text in expected { #expect(notes.contains { $0.contains(text) }, "\(text) in \(notes)") }
    #expect(notes.count == expected.count, "\(notes)")
  }

  /// `lodge apply` takes what is printed.
  @Test func whatIsPrintedIsASpecFile() throws {
    for text in [Self.compose, Self.inspection, Self.domain] {
      let documents = try GuestSpecFile.documents(Array(try convert(text).yaml.utf8), file: "made")
      #expect(!documents.isEmpty)
      for document in documents {
        #expect(document.name != nil)
        #expect(!document.spec.command.isEmpty)
      }
    }
  }

  @Test func aServiceWithoutACommandSaysSo() throws {
    let (yaml, notes) = try convert("services: {web: {image: nginx}}")
    #expect(!yaml.contains("command"))
    #expect(notes.contains { $0.contains("it runs the command of its image") })
  }

  static let inspection = """
    [{"Id": "f00dfeed0123", "Name": "/web", "Path": "/bin/httpd", "Args": ["-f", "a b"], "ImageName": "web:1",
      "State": {"Running": true},
      "Config": {"Env": ["PORT=80", "container=podman", "EMPTY="], "User": "www", "WorkingDir": "/srv", "Tty": true,
        "Hostname": "f00dfeed0123", "Labels": {"a.b": "c"}, "StopSignal": "SIGQUIT", "StopTimeout": 30,
        "Healthcheck": {"Test": ["CMD", "true"]}},
      "HostConfig": {"Memory": 536870912, "NanoCpus": 1500000000, "PidsLimit": 2048, "NetworkMode": "host",
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 5}, "CapDrop": ["CAP_MKNOD"], "Privileged": false,
        "Tmpfs": {"/tmp": "size=64m,nosuid"}, "PortBindings": {"80/tcp": [{"HostPort": "80"}]},
        "Ulimits": [{"Name": "RLIMIT_NOFILE", "Soft": 1024, "Hard": -1}], "Devices": []},
      "Mounts": [{"Type": "bind", "Source": "/srv/www", "Destination": "/www", "RW": false},
        {"Type": "volume", "Name": "v", "Source": "/var/v", "Destination": "/v", "RW": true}]}]
    """

  @Test func anInspectedContainer() throws {
    let (yaml, notes) = try convert(Self.inspection)
    let document = try #require(try GuestSpecFile.documents(Array(yaml.utf8), file: "made").first)
    let spec = document.spec
    #expect(document.name?.value == "web" && spec.command == ["/bin/httpd", "-f", "a b"])
    #expect(spec.environment == [.init("PORT", "80"), .init("EMPTY", "")])
    #expect(spec.user == "www" && spec.workingDirectory == "/srv" && spec.hostname == nil)
    #expect(spec.labels == [Label("a.b", "c")] && spec.network == .host)
    #expect(spec.limits.memoryBytes == 512 << 20 && spec.limits.pids == 2048)
    #expect(spec.restart.mode == .onFailure && spec.restart.limitCount == 5)
    #expect(spec.stop.signal == 3 && spec.stop.timeoutMillis == 30_000)
    #expect(spec.capabilities.dropped == ["mknod"] && spec.rlimits.count == 1)
    #expect(spec.mounts.count == 3)
    let expected = ["web:1 is an image", "Config.Healthcheck: left out", "PortBindings: left out", "the volume v"]
    for text in expected { #expect(notes.contains { $0.contains(text) }, "\(text) in \(notes)") }
    #expect(notes.count == expected.count, "\(notes)")
  }

  static let domain = """
    <?xml version="1.0"?>
    <!-- made by hand -->
    <domain type='lxc'>
      <name>web server</name>
      <memory unit='MiB'>256</memory>
      <vcpu>2</vcpu>
      <cputune><shares>2048</shares><period>100000</period><quota>150000</quota></cputune>
      <os><type>exe</type><init>/sbin/init</init><initarg>--unit &lt;x&gt;</initarg><initenv name='A'>b</initenv>
        <inituser>+1000</inituser></os>
      <features><privnet/><capabilities policy='default'><mknod state='off'/></capabilities></features>
      <on_crash>restart</on_crash>
      <devices>
        <filesystem type='mount'><source dir='/srv/trees/web'/><target dir='/'/></filesystem>
        <filesystem type='ram'><source usage='1' units='MiB'/><target dir='/run'/></filesystem>
        <interface type='network'><source network='default'/></interface>
        <console type='pty'/>
      </devices>
    </domain>
    """

  @Test func aDomain() throws {
    let (yaml, notes) = try convert(Self.domain)
    let spec = try #require(try GuestSpecFile.documents(Array(yaml.utf8), file: "made").first).spec
    #expect(spec.command == ["/sbin/init", "--unit <x>"] && spec.environment == [.init("A", "b")])
    #expect(spec.limits.memoryBytes == 256 << 20 && spec.rootfs.path == "/srv/trees/web" && spec.rootfs.mode == .direct)
    #expect(spec.restart.mode == .onFailure && spec.user == "1000" && spec.network == .none)
    #expect(spec.capabilities.dropped == ["mknod"] && spec.mounts.count == 1)
    let expected = ["\"web server\" is no name of a guest", "cputune.shares", "interface: left out"]
    for text in expected { #expect(notes.contains { $0.contains(text) }, "\(text) in \(notes)") }
    #expect(notes.count == expected.count, "\(notes)")
  }

  /// A value that the table of keys refuses is left out with its reason: it is never printed.
  @Test func aValueThatIsRefusedIsLeftOut() throws {
    let (yaml, notes) = try convert(
      "services: {web: {image: x, command: [/a], mem_limit: 1, user: '', hostname: 'a b', cap_add: [NET_ADMIN, NONSENSE]}}"
    )
    for word in ["limits", "hostname", "nonsense"] { #expect(!yaml.contains(word), "\(yaml)") }
    #expect(yaml.contains("add: [net_admin]"), "\(yaml)")
    #expect(notes.count == 5, "\(notes)")
    _ = try GuestSpecFile.documents(Array(yaml.utf8), file: "made")
  }

  @Test(arguments: [
    ("", "the file is empty"), ("just text", "it is no compose file"), ("a: 1", "it has no services"),
    ("[1]", "it is no output of podman inspect"), ("<domain type='kvm'><name>a</name></domain>", "virtual machine"),
    ("<network/>", "is no domain"), ("<a>", "<a> has no end"), ("<!DOCTYPE a [<!ENTITY x 'y'>]><a/>", "declaration"),
    ("<a b='1' b='2'/>", "stands twice"), ("<a>&x;</a>", "entity &x;"), ("<a></b>", "</b> where </a>"),
    ("<a/><b/>", "more text"), ("<a b=c/>", "quoted"), ("services: {web: {image: *x}}", "alias"),
  ]) func whatIsNotReadSaysWhy(_ text: String, _ why: String) {
    #expect(refusal(text)?.contains(why) == true, "\(text): \(refusal(text) ?? "taken")")
    #expect(refusal(text)?.hasPrefix("f:") == true)
  }

  /// Hostile text is refused or read, and never ends the reader.
  @Test func noTextEndsTheReader() {
    var generator = Sequence(state: 13)
    for text in [Self.compose, Self.inspection, Self.domain] {
      let bytes = Array(text.utf8)
      for end in stride(from: 0, through: bytes.count, by: 53) {
        _ = try? Conversion(Array(bytes[..<end]), file: "f")
      }
      for _ in 0..<30 {
        var dirty = bytes
        for _ in 0..<4 { dirty[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255) }
        _ = try? Conversion(dirty, file: "f")
      }
    }
    #expect(refusal(String(repeating: "<a>", count: 5000)) != nil)
    #expect(refusal("<a" + String(repeating: " b=''", count: 100_000)) != nil)
  }
}
