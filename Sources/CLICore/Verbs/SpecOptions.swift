import ArgumentParser
import Glibc
import Guest
import LinuxSystem
import SpecFile

/// The common keys of a guest's spec as flags; they win over the file.
struct SpecOptions: ParsableArguments {
  @Option(
    name: [.short, .customLong("file")],
    help: ArgumentHelp("Spec file, YAML or JSON; - is standard input.", valueName: "file"),
    completion: .file(extensions: ["yaml", "yml", "json"]))
  var file: String?

  @Option(help: ArgumentHelp("The tree the guest sees as /.", valueName: "dir"), completion: .directory)
  var rootfs: String?

  @Flag(help: "Writes go to memory and end with the run, so that guests can share a tree.")
  var overlay = false

  // Only before the verb is `--read-only` the socket, over which nothing could be created anyway.
  @Flag(name: .customLong("read-only"), help: "Nothing in the tree can be written.")
  var readOnly = false

  @Option(
    help: ArgumentHelp("none: loopback only; host: the host's network.", valueName: "none|host"),
    completion: .list(["none", "host"]))
  var network: String?

  @Option(help: ArgumentHelp("The guest's hostname; its name if not given.", valueName: "name"))
  var hostname: String?

  @Option(
    name: [.short, .long],
    help: ArgumentHelp("The user the command runs as, looked up in the guest.", valueName: "user[:group]"))
  var user: String?

  @Option(name: [.short, .long], help: ArgumentHelp("Where the command begins, inside the guest.", valueName: "dir"))
  var workdir: String?

  @Option(
    name: [.customShort("e"), .customLong("env")],
    help: ArgumentHelp("Environment variable. May be repeated.", valueName: "name=value"))
  var environment: [String] = []

  @Option(
    name: [.customShort("v"), .customLong("mount")],
    help: ArgumentHelp("Folder of the host, seen inside the guest. May be repeated.", valueName: "src:dst[:ro]"))
  var mounts: [String] = []

  @Option(help: ArgumentHelp("Memory file system inside the guest. May be repeated.", valueName: "dst[:size]"))
  var tmpfs: [String] = []

  @Option(name: [.short, .long], help: ArgumentHelp("Most memory, for example 512M.", valueName: "size"))
  var memory: String?

  @Option(help: ArgumentHelp("Most processes and threads.", valueName: "number"))
  var pids: String?

  @Option(help: ArgumentHelp("Most CPU time: 1.5 is one CPU and a half.", valueName: "cpus"))
  var cpu: String?

  @Option(
    help: ArgumentHelp("never, onReboot, onFailure or always.", valueName: "policy"),
    completion: .list(["never", "onReboot", "onFailure", "always"]))
  var restart: String?

  @Flag(help: "Start it when the daemon starts after a boot of the host.")
  var autostart = false

  @Option(name: .customLong("stop-signal"), help: ArgumentHelp("The polite signal of a stop.", valueName: "signal"))
  var stopSignal: String?

  @Option(
    name: .customLong("stop-timeout"), help: ArgumentHelp("Time the polite signal has to work.", valueName: "time"))
  var stopTimeout: String?

  @Option(
    name: [.customShort("l"), .customLong("label")],
    help: ArgumentHelp("A label of your own, for --filter. May be repeated.", valueName: "key=value"))
  var labels: [String] = []

  @Argument(
    parsing: .postTerminator, help: ArgumentHelp("After --: the guest's init and its arguments.", valueName: "command"))
  var command: [String] = []

  /// The whole spec, every rule checked.
  ///
  /// - Parameters:
  ///   - intent: for errors, `create web`.
  ///   - name: the guest that it is for; nil where it has no name yet.
  func spec(_ intent: String, for name: String?) throws(Failure) -> GuestSpec {
    var spec = GuestSpec(rootfs: Rootfs(path: ""), command: [])
    if let file {
      let bytes = try Self.bytes(of: file)
      // Keys that flags supply may be missing; without flags every mistake can be reported with its place.
      let isPartial = try flagged(spec) != spec
      do throws(SpecFileError) {
        spec = try GuestSpecFile.decode(
          bytes, file: file == "-" ? "standard input" : file, for: name, isPartial: isPartial)
      } catch {
        throw Failure(error)
      }
    }
    spec = try flagged(spec)
    if spec.rootfs.path.isEmpty {
      throw .usage(
        "\(intent): a root filesystem is missing", hint: "give --rootfs DIR, or rootfs in a spec file (-f FILE)")
    }
    if spec.command.isEmpty {
      throw .usage("\(intent): a command is missing", hint: "give it at the end, after --, or in a spec file (-f FILE)")
    }
    let problems = spec.problems()
    if !problems.isEmpty { throw Failure(diagnostics: problems.map { "\(intent): \($0)" }) }
    return spec
  }

  private func flagged(_ base: GuestSpec) throws(Failure) -> GuestSpec {
    var spec = base
    if let rootfs { spec.rootfs.path = try absolute(rootfs) }
    if overlay, readOnly { throw .usage("--overlay and --read-only exclude each other") }
    if overlay { spec.rootfs.mode = .overlay }
    if readOnly { spec.rootfs.mode = .readOnly }
    try set("network", network, "--network", in: &spec)
    try set("hostname", hostname, "--hostname", in: &spec)
    try set("user", user, "--user", in: &spec)
    try set("workdir", workdir, "--workdir", in: &spec)
    for text in environment {
      let (name, value) = try Flags.pair(text, "--env")
      spec.environment.removeAll { $0.name == name }
      spec.environment.append(EnvironmentVariable(name, value))
    }
    for text in mounts { spec.mounts.append(try mount(text)) }
    for text in tmpfs {
      let (target, size) = cut(text)
      let bytes = try size.map { size throws(Failure) in try Flags.value(GuestSpecFile.tmpfsSize, size, "--tmpfs") }
      spec.mounts.append(MountSpec(.tmpfs(bytes: bytes), at: target))
    }
    try set("limits.memory", memory, "--memory", in: &spec)
    try set("limits.pids", pids, "--pids", in: &spec)
    try set("limits.cpu", cpu, "--cpu", in: &spec)
    try set("restart.policy", restart, "--restart", in: &spec)
    if autostart { spec.autostart = true }
    try set("stop.signal", stopSignal, "--stop-signal", in: &spec)
    try set("stop.timeout", stopTimeout, "--stop-timeout", in: &spec)
    for text in labels {
      let (key, value) = try Flags.pair(text, "--label")
      spec.labels.removeAll { $0.key == key }
      spec.labels.append(Label(key, value))
    }
    if !command.isEmpty { spec.command = command }
    return spec
  }

  /// Takes a flag that stands for one key of the table.
  private func set(_ key: String, _ text: String?, _ flag: String, in spec: inout GuestSpec) throws(Failure) {
    guard let text else { return }
    do throws(SpecProblem) { try GuestKeys.set(key, text, in: &spec) } catch {
      throw .usage("\(flag): \(error.message)", hint: "lodge help spec explains \(key)")
    }
  }

  private func mount(_ text: String) throws(Failure) -> MountSpec {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard (2...3).contains(parts.count), parts.count == 2 || ["ro", "rw"].contains(parts[2]) else {
      throw .usage(
        "--mount: expected SRC:DST or SRC:DST:ro, found \"\(Visible.text(text, limit: 80))\"",
        hint: "a path with a colon in it needs a spec file")
    }
    return MountSpec(.bind(try absolute(parts[0])), at: parts[1], readOnly: parts.count == 3 && parts[2] == "ro")
  }

  /// `/tmp:64M` at its colon.
  private func cut(_ text: String) -> (String, String?) {
    guard let index = text.firstIndex(of: ":") else { return (text, nil) }
    return (String(text[..<index]), String(text[text.index(after: index)...]))
  }

  /// The daemon has another working directory than we.
  private func absolute(_ path: String) throws(Failure) -> String {
    guard let path = HostPath.absolute(path) else {
      throw .usage("\(path): it is relative, and the working directory is gone")
    }
    return path
  }

  /// - Parameter file: `-` is standard input.
  static func bytes(of file: String) throws(Failure) -> [UInt8] {
    do throws(SystemError) {
      return file == "-"
        ? try Files.read(OwnedFD(adopting: dup(0)), named: "standard input", limit: 1 << 21)
        : try Files.readDocument(file, limit: 1 << 21)
    } catch {
      throw Failure(error.errno == ENOENT ? .usage : .failed, code: "invalidArgument", error.description)
    }
  }
}

enum HostPath {
  /// A path from the root on, without dots; nil for a relative one where the working directory is gone.
  static func absolute(_ path: String) -> String? {
    if path.hasPrefix("/") || path.isEmpty { return path }
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    guard getcwd(&buffer, buffer.count) != nil else { return nil }
    let folder = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    var parts = folder.split(separator: "/")
    for part in path.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }
}
