internal import Guest

/// Keys and values of other tools' files (compose, podman, Kubernetes, libvirt), each with the way to say it here.
///
/// A person who knows one of them writes its words first. Such a word is refused like any other that is not a key; the
/// answer says what the same thing is called in a spec.
public struct ForeignWords: Sendable {
  /// By the word in lower case, without `_` and `-`.
  private let answers: [String: String]

  public init(_ rows: KeyValuePairs<String, String>) {
    // One row answers several words.
    answers = Dictionary(
      rows.flatMap { words, answer in words.split(separator: " ").map { (String($0), answer) } },
      uniquingKeysWith: { first, _ in first })
  }

  public static let none = ForeignWords([:])

  /// Every word that is answered.
  public var words: [String] { answers.keys.sorted() }

  /// The end of a message: `it is mounts here: ...`; nil for a word that no other tool has.
  public func answer(to key: String) -> String? {
    guard key.utf8.count <= 64 else { return nil }
    return answers[String(key.lowercased().filter { $0 != "_" && $0 != "-" })]
  }
}

extension GuestKeys {
  /// The way to say in a spec what another tool's word says at the top of its own; nil for a word that none has.
  public static func answer(toForeign word: String) -> String? { foreign.answer(to: word) }

  /// Of the top of a spec.
  static let foreign = ForeignWords([
    "image": "a guest's tree is a folder: rootfs: /srv/trees/web",
    "volumes volume binds bind filesystem filesystems volumemounts":
      "it is mounts here: [{source: /srv/data, target: /data, readOnly: true}]",
    "ports port publish expose portmappings":
      "there are no published ports; network: host gives the guest the host's network",
    "environment envs environ variables envfile": "it is env here, a mapping: {NAME: value}",
    "containername domain machine": "it is name here, the guest's name",
    "memlimit memorylimit maxmemory currentmemory mem memorymax": "it is limits here: {memory: 512M}",
    "memreservation memswaplimit memswappiness swap memorylow memoryhigh":
      "of memory there is one limit: limits: {memory: 512M}",
    "cpus cpucount vcpu vcpus cpuquota cpuperiod cpushares cpuset": "it is limits here: {cpu: 1.5}",
    "pidslimit tasksmax": "it is limits here: {pids: 200}",
    "resources deploy": "it is limits here: {memory: 512M, pids: 200, cpu: 1.5}",
    "entrypoint cmd args argv exec execstart init ospath":
      "it is command here, the init and its arguments: [/bin/httpd, -f]",
    "workingdir workingdirectory cwd": "it is workdir here",
    "restartpolicy onreboot oncrash onpoweroff onfailure": "it is restart here: never, onReboot, onFailure or always",
    "stopgraceperiod stoptimeout timeoutstopsec terminationgraceperiodseconds": "it is stop here: {timeout: 30s}",
    "stopsignal killsignal": "it is stop here: {signal: SIGTERM}",
    "networkmode networks net nics nic interface interfaces": "it is network here: none, or host",
    "dns dnssearch extrahosts links": "a guest reads the files of its own tree: /etc/resolv.conf, /etc/hosts",
    "ulimits ulimit": "it is rlimits here: {nofile: 1024}",
    "readonly readonlyrootfilesystem": "it is rootfs here: {path: /srv/trees/web, mode: readOnly}",
    "overlay": "it is rootfs here: {path: /srv/trees/web, mode: overlay}",
    "root rootfilesystem directory tree": "it is rootfs here: /srv/trees/web",
    "capadd": "it is capabilities here: {add: [net_admin]}",
    "capdrop": "it is capabilities here: {drop: [all]}",
    "privileged": "there are no privileged guests; capabilities: {add: [net_admin]} adds one",
    "securityopt securitycontext allowprivilegeescalation": "it is noNewPrivileges and capabilities here",
    "groupadd": "it is groups here: [adm, 44]",
    "tty stdinopen terminal": "it is console here: pty, or pipes",
    "shmsize": "it is tmpfs here: [{target: /dev/shm, size: 64M}]",
    "logging logdriver logopt": "it is log here: {maxSize: 1M, files: 5}",
    "annotations metadata label tags": "it is labels here: {env: prod}",
    "remove autoremove rm": "it is transient here: true",
    "onboot boot startonboot": "it is autostart here: true",
    "title summary comment": "it is description here",
    "dependson requires after":
      "guests have no order among themselves; a script waits: lodge wait db --for running",
    "healthcheck livenessprobe readinessprobe":
      "Lodge does not look into a guest; a command that exits is started again by restart: onFailure",
    "sysctls devices device pid ipc usernsmode cgroupparent runtime":
      "there is no such setting; lodge help spec lists those there are",
    "services version apiversion kind spec containers pods":
      "a guest's keys stand at the top; of several guests each has a document, parted by lines of ---",
  ])

  /// Of `limits`.
  static let foreignLimits = ForeignWords([
    "cpus vcpu vcpus cpuquota nanocpus": "it is cpu here: 1.5",
    "mem memorymax ram": "it is memory here: 512M",
    "tasks tasksmax pidslimit processes": "it is pids here: 200",
    "swap memoryswap memorylow memoryhigh": "of memory there is one limit: memory: 512M",
  ])

  /// Of an element of `mounts`, and of `tmpfs`.
  static let foreignMounts = ForeignWords([
    "destination dest dst path mountpath mountpoint containerpath": "it is target here",
    "src hostpath from device volume name": "it is source here, a folder of the host",
    "ro readonly": "it is readOnly here: true",
    "options": "of a mount there are readOnly, and for a tmpfs size, mode, uid and gid",
  ])

  /// Of `restart`.
  static let foreignRestart = ForeignWords([
    "name condition": "it is policy here",
    "maxattempts maximumretrycount startlimitburst retries": "it is limit here, a number",
    "window startlimitinterval startlimitintervalsec": "it is within here, a time",
    "delay restartsec": "it is backoff here: {initial: 1s}",
  ])
}

/// Values as other tools write them, each with the way to write it here. Nil for a text that none of them has.
enum ForeignValues {
  /// `on-failure:5` and `unless-stopped` of docker, `Always` of Kubernetes.
  static func restart(_ text: String) -> String? {
    let parts = text.lowercased().split(separator: ":", maxSplits: 1)
    switch parts.first {
    case "on-failure" where parts.count == 2: return "{policy: onFailure, limit: \(parts[1])}"
    case "unless-stopped", "destroy", "yes", "true": return "always: an order to stop wins over it"
    case "no", "none", "false": return "never"
    default: return nil
    }
  }

  /// `bridge` and others of docker.
  static func network(_ text: String) -> String? {
    ["bridge", "default", "nat", "private", "user", "veth", "macvlan", "slirp4netns", "pasta"]
      .contains(text.lowercased()) ? "none: guests have no network between them" : nil
  }

  /// `/srv/data:/data:ro`.
  static func mount(_ text: String) -> String? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard (2...3).contains(parts.count), parts[0].hasPrefix("/"), parts[1].hasPrefix("/") else { return nil }
    let isReadOnly = parts.count == 3 && parts[2].split(separator: ",").contains("ro")
    return "{source: \(parts[0]), target: \(parts[1])\(isReadOnly ? ", readOnly: true" : "")}"
  }

  /// `/run` and `/run:size=64m`.
  static func tmpfs(_ text: String) -> String? {
    let parts = text.split(separator: ":", maxSplits: 1)
    guard let target = parts.first, target.hasPrefix("/") else { return nil }
    let size = parts.dropFirst().first?.split(separator: ",").first { $0.hasPrefix("size=") }?.dropFirst("size=".count)
    return "{target: \(target)\(size.map { ", size: \($0.uppercased())" } ?? "")}"
  }

  /// `NAME=value`, in a list where a mapping belongs.
  static func pair(_ text: String) -> String? {
    guard let equals = text.firstIndex(of: "="), equals > text.startIndex else { return nil }
    let value = text[text.index(after: equals)...]
    return "\(text[..<equals]): \(value.isEmpty ? "\"\"" : String(value))"
  }

  /// `500m`, thousandths of a CPU in Kubernetes.
  static func cpu(_ text: String) -> String? {
    guard text.hasSuffix("m"), let thousandths = UInt64(text.dropLast()) else { return nil }
    return Quantity.text(thousandths: thousandths)
  }

  /// `CAP_NET_ADMIN` and `NET_ADMIN`.
  static func capability(_ text: String) -> String? {
    let lower = text.lowercased()
    let name = lower.hasPrefix("cap_") ? String(lower.dropFirst("cap_".count)) : lower
    return name != text && Capabilities.names.contains(name) ? name : nil
  }

  /// `unlimited` and `-1` of limits that are left out here.
  static func unlimited(_ text: String) -> String? {
    ["unlimited", "infinity", "max", "none", "-1"].contains(text.lowercased())
      ? "nothing: a limit that is left out does not exist" : nil
  }
}
