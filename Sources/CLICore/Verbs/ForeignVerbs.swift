/// Verbs that people know from podman, docker, virsh, incus, machinectl and systemctl and that are no words of Lodge, each
/// with the verb or pipe that does it here.
///
/// `docs/coming-from.md` is made from this table, and the tests parse every command line in it.
struct ForeignVerb: Sendable {
  enum Tool: String, CaseIterable, Sendable {
    case podman, virsh, incus, machinectl, systemctl
  }

  var words: [String]
  var tools: [Tool]
  /// A command line that does it here; nil where there is none yet.
  var command: String?
  /// A note beside it, or instead of it.
  var note: String

  init(_ words: String, _ tools: [Tool], _ command: String?, _ note: String = "") {
    self.words = words.split(separator: " ").map(String.init)
    self.tools = tools
    self.command = command
    self.note = note
  }

  /// One line, for a hint.
  var answer: String { [command, note.isEmpty ? nil : note].compactMap { $0 }.joined(separator: "; ") }

  static func find(_ word: String) -> ForeignVerb? { all.first { $0.words.contains(word) } }

  private static let enter = "nsenter --all --target $(lodge show GUEST --format '{{.initPid}}') /bin/sh"

  static let all: [ForeignVerb] = [
    // Inside.
    ForeignVerb(
      "exec shell enter", [.podman, .incus, .machinectl], nil,
      "there is no exec yet; as root: \(enter)"),
    ForeignVerb(
      "attach login console ttyconsole", [.podman, .virsh, .incus, .machinectl], "lodge logs --follow GUEST",
      "it only reads; a console to type in is not built yet"),
    ForeignVerb("processes", [.podman], "lodge top GUEST", "it has tasks, memory and CPU, not each process"),
    ForeignVerb("domstats dommemstat cpu-stats domtop", [.virsh], "lodge top GUEST"),
    ForeignVerb(
      "cp copy-to copy-from file", [.podman, .incus, .machinectl], "lodge show GUEST --format '{{.spec.rootfs.path}}'",
      "files are copied into the tree it names, with cp(1)"),
    ForeignVerb(
      "diff mount umount unmount", [.podman], "lodge show GUEST --format '{{.spec.rootfs.path}}'", "it names the tree"),
    ForeignVerb("port", [.podman], "lodge show GUEST", "the network none has no ports, host has the host's"),

    // Define and change.
    ForeignVerb(
      "edit config set", [.virsh, .incus], "lodge show GUEST --spec > GUEST.yaml",
      "edit it, then: lodge apply -f GUEST.yaml"),
    ForeignVerb(
      "update set-limit set-property setmem setmaxmem setvcpus", [.podman, .virsh, .machinectl, .systemctl],
      "lodge show GUEST --spec > GUEST.yaml",
      "change limits in it, then: lodge apply -f GUEST.yaml; it takes effect at the next start"),
    ForeignVerb(
      "rename domrename move mv", [.podman, .virsh, .incus, .machinectl],
      "lodge show GUEST --spec | lodge create NEW -f -",
      "then: lodge rm GUEST"),
    ForeignVerb(
      "clone copy", [.podman, .incus, .machinectl], "lodge show GUEST --spec | lodge create NEW -f -",
      "both use one tree: with mode overlay they do not disturb each other"),
    ForeignVerb(
      "enable autostart", [.virsh, .machinectl, .systemctl],
      "lodge show GUEST --spec | lodge create GUEST --replace --autostart -f -"),
    ForeignVerb(
      "disable", [.machinectl, .systemctl], "lodge show GUEST --spec > GUEST.yaml",
      "remove autostart from it, then: lodge apply -f GUEST.yaml"),
    ForeignVerb("dumpxml cat export emit generate", [.podman, .virsh, .systemctl], "lodge show GUEST --spec"),
    ForeignVerb(
      "compose up", [.podman], "lodge convert compose.yaml > guests.yaml",
      "it says what it leaves out; then: lodge apply -f guests.yaml --start"),
    ForeignVerb(
      "play kube deploy", [.podman], "lodge apply -f FOLDER",
      "one spec file for each guest; then: lodge start --all"),
    ForeignVerb("down", [.podman], "lodge stop --all"),
    ForeignVerb("init", [.incus], "lodge create GUEST -f GUEST.yaml"),
    ForeignVerb("profile", [.incus], nil, "there are no profiles: a spec file for each guest, lodge help spec"),
    ForeignVerb("label", [.podman], "lodge create GUEST --replace -f GUEST.yaml --label env=prod"),

    // Look.
    ForeignVerb("domstate is-active", [.virsh, .systemctl], "lodge ls GUEST --format '{{.state}}'"),
    ForeignVerb("dominfo", [.virsh], "lodge show GUEST"),
    ForeignVerb("domid", [.virsh], "lodge show GUEST --format '{{.initPid}}'"),
    ForeignVerb(
      "domuuid", [.virsh], "lodge show GUEST --format '{{.run}}'", "a UUID is of a run, a name is of a guest"),
    ForeignVerb("domname", [.virsh], "lodge ls -o name"),
    ForeignVerb("domblklist", [.virsh], "lodge show GUEST --spec"),
    ForeignVerb("is-failed", [.systemctl], "lodge why GUEST"),
    ForeignVerb("is-enabled", [.systemctl], "lodge ls GUEST --format '{{.autostart}}'"),
    ForeignVerb("exists", [.podman], "lodge ls GUEST -q", "exit code 3 if it is not there"),
    ForeignVerb(
      "container containers guests list-units list-machines list-all machines domain",
      [.podman, .machinectl, .systemctl], "lodge ls"),
    ForeignVerb("show-properties properties", [.machinectl], "lodge show GUEST -o json"),
    ForeignVerb("history journal", [.podman, .systemctl], "lodge events GUEST --since boot"),
    ForeignVerb(
      "healthcheck", [.podman], nil, "there are no health checks yet; a hook can watch ends: lodge help on add"),
    ForeignVerb("list-dependencies list-timers", [.systemctl], nil, "guests do not depend on each other"),
    ForeignVerb("query", [.incus], "lodge ls -o json"),
    ForeignVerb("warning", [.incus], "lodge events --type notice"),

    // Run.
    ForeignVerb("reset", [.virsh], "lodge kill GUEST", "then: lodge start GUEST"),
    ForeignVerb(
      "pause freeze suspend dompmsuspend", [.podman, .virsh, .incus, .systemctl], nil, "a guest cannot be paused yet"),
    ForeignVerb(
      "unpause unfreeze thaw resume", [.podman, .virsh, .incus, .systemctl], nil, "a guest cannot be paused yet"),
    ForeignVerb("reload", [.systemctl], "lodge kill GUEST --signal HUP"),
    ForeignVerb("try-restart", [.systemctl], "lodge restart --filter state=running"),
    ForeignVerb("reset-failed", [.systemctl], "lodge start GUEST", "a start counts restarts anew"),
    ForeignVerb(
      "mask unmask isolate daemon-reload daemon-reexec", [.systemctl], nil,
      "there is nothing like it: a guest runs when it was started, or at boot with autostart"),
    ForeignVerb(
      "prune clean", [.podman, .machinectl], "lodge rm --filter state=stopped",
      "a guest made by run --rm removes itself"),

    // Not built yet.
    ForeignVerb(
      "snapshot checkpoint restore save managedsave snapshot-create snapshot-list snapshot-revert",
      [.podman, .virsh, .incus], nil,
      "snapshots and checkpoints are not built yet"),
    ForeignVerb("migrate", [.virsh], nil, "guests cannot be moved between hosts"),
    ForeignVerb(
      "image images build commit pull push load import rmi search tag import-tar export-tar pull-tar list-images image-status show-image remove-image",
      [.podman, .incus, .machinectl], nil, "there are no images yet: a guest runs on a tree of files, --rootfs DIR"),
    ForeignVerb(
      "network net-list net-start net-define net-dumpxml", [.podman, .virsh, .incus],
      "lodge create GUEST -f GUEST.yaml --network host",
      "networks of guests are not built yet: none or host"),
    ForeignVerb(
      "volume storage pool-list vol-list", [.podman, .virsh, .incus],
      "lodge create GUEST -f GUEST.yaml --mount /srv/data:/data",
      "folders of the host take the place of volumes"),
    ForeignVerb(
      "device attach-disk detach-disk attach-device detach-device bind read-only", [.virsh, .incus, .machinectl],
      "lodge show GUEST --spec > GUEST.yaml",
      "change mounts in it, then: lodge apply -f GUEST.yaml"),
    ForeignVerb("pod", [.podman], nil, "there are no pods"),

    // The host.
    ForeignVerb("nodeinfo capabilities hostname domcapabilities", [.virsh], "lodge host"),
    ForeignVerb("system info-host df", [.podman], "lodge daemon status"),
    ForeignVerb("ping uri connect", [.virsh], "lodge daemon status -q", "exit code 6 if the daemon cannot be reached"),
    ForeignVerb("hook hooks trigger", [], "lodge on ls"),
    ForeignVerb("clients who", [], "lodge daemon clients"),
    ForeignVerb(
      "secret manifest registry swarm stack service node project remote cluster admin", [.podman, .incus], nil,
      "Lodge runs guests on one host and has no such objects"),
  ]
}
