/// `docs/coming-from.md`: the words of other tools and what does the same here.
enum ComingFrom {
  /// Words that are verbs or options here, too, or nearly: theirs, and the line that is typed here.
  private static let same: [(tool: String, rows: [(String, String)])] = [
    (
      "podman",
      [
        ("podman run -d --name web IMAGE CMD", "lodge run web --rootfs DIR --overlay --detach -- /bin/CMD"),
        ("podman create", "lodge create web --rootfs DIR -- /bin/CMD"), ("podman ps -a", "lodge ps -a"),
        ("podman start | restart", "lodge start web"), ("podman stop -t 5 web", "lodge stop -t 5 web"),
        ("podman kill -s HUP web", "lodge kill -s HUP web"), ("podman rm -f web", "lodge rm -f web"),
        ("podman rm -a", "lodge rm --all"), ("podman logs -f --tail 10 web", "lodge logs -f --tail 10 web"),
        ("podman inspect -f '{{.State}}' web", "lodge inspect -f '{{.State}}' web"),
        ("podman events", "lodge events --follow"), ("podman wait web", "lodge wait web"),
        ("podman ps --filter label=env=prod", "lodge ps --filter label.env=prod"),
      ]
    ),
    (
      "virsh",
      [
        ("virsh list --all", "lodge list"), ("virsh define web.xml", "lodge define web -f web.yaml"),
        ("virsh undefine web", "lodge undefine web"), ("virsh start web", "lodge start web"),
        ("virsh shutdown web", "lodge shutdown web"), ("virsh reboot web", "lodge reboot web"),
        ("virsh destroy web", "lodge kill web"), ("virsh event --loop", "lodge events --follow"),
        ("virsh create web.xml (transient)", "lodge run web -f web.yaml --rm --detach"),
        ("virsh version", "lodge version"),
      ]
    ),
    (
      "incus",
      [
        ("incus launch IMAGE web", "lodge launch web --rootfs DIR --detach -- /sbin/init"),
        ("incus list", "lodge list"),
        ("incus info web", "lodge info web"), ("incus stop --force web", "lodge kill web"),
        ("incus delete --force web", "lodge delete --force web"), ("incus monitor", "lodge monitor --follow"),
        ("incus console --show-log web", "lodge logs web"),
      ]
    ),
    (
      "machinectl and systemd-nspawn",
      [
        ("machinectl list", "lodge list"), ("machinectl status web", "lodge status web"),
        ("machinectl poweroff web", "lodge poweroff web"), ("machinectl reboot web", "lodge reboot web"),
        ("machinectl terminate web", "lodge terminate web"), ("machinectl kill -s HUP web", "lodge kill -s HUP web"),
        ("journalctl -M web", "lodge logs web"),
        ("systemd-nspawn -D DIR -M web CMD", "lodge run web --rootfs DIR -- /bin/CMD"),
        ("systemd-nspawn -x -D DIR CMD", "lodge run --rootfs DIR --overlay --rm -- /bin/CMD"),
        ("systemd-nspawn --read-only", "lodge run --rootfs DIR --read-only -- /bin/CMD"),
        ("systemd-nspawn -b -D DIR", "lodge run web --rootfs DIR -- /sbin/init"),
        ("systemd-nspawn --bind=/srv:/srv", "lodge run --rootfs DIR --mount /srv:/srv -- /bin/CMD"),
        ("systemd-nspawn --tmpfs=/tmp:size=64M", "lodge run --rootfs DIR --tmpfs /tmp:64M -- /bin/CMD"),
        ("systemd-nspawn -u www --chdir=/srv", "lodge run --rootfs DIR --user www --workdir /srv -- /bin/CMD"),
        ("systemd-nspawn -E A=b", "lodge run --rootfs DIR --env A=b -- /bin/CMD"),
      ]
    ),
  ]

  /// Every line of the page that can be typed, for the tests.
  static var commands: [String] { same.flatMap { $0.rows.map(\.1) } }

  static var markdown: String {
    var page = """
      # Coming from podman, virsh, incus, machinectl or systemd-nspawn

      A guest of Lodge is a tree of files, a command and a name; there are no images. What people know works where it can:
      `lodge ps -a`, `kill -9`, `stop -t 5`, `--format '{{.Name}}'`. A verb that Lodge does not have is answered with what does
      it: `lodge exec web` says how. This page is made from the tables behind those answers.

      """
    for (tool, rows) in same {
      page += "\n## \(tool)\n\n| there | here |\n| --- | --- |\n"
      for (theirs, ours) in rows { page += "| `\(escaped(theirs))` | `\(escaped(ours))` |\n" }
      let known = ForeignVerb.Tool.allCases.filter {
        tool.contains($0.rawValue) || tool.hasPrefix("machinectl") && $0 == .systemctl
      }
      let others = ForeignVerb.all.filter { !Set($0.tools).isDisjoint(with: known) }
      if others.isEmpty { continue }
      page += "\n| other words | here |\n| --- | --- |\n"
      for verb in others {
        let command = verb.command.map { "`\(escaped($0))`" }
        let answer = [command, verb.note.isEmpty ? nil : escaped(verb.note)].compactMap { $0 }.joined(separator: "; ")
        page += "| \(verb.words.joined(separator: ", ")) | \(answer) |\n"
      }
    }
    return page
  }

  private static func escaped(_ text: String) -> String {
    text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
  }
}
