import Guest
import SpecFile

/// `lodge show` for people: the run, and everything of the spec that is not at its default.
struct DetailsPage {
  var screen: Screen
  var now: Timestamp

  func text(_ details: GuestDetails) -> String {
    let guest = details.guest
    var lines = [screen.style(.bold, guest.name.value)]
    lines +=
      state(details).lines(screen) + [""] + spec(details.running ?? details.defined, of: guest).lines(screen) + [""]
    var places = Fields(indent: 2)
    places.add("Log", Visible.text(details.logPath))
    places.add("Created", TimeText.moment(details.createdAt, screen.zone))
    if guest.isUp {
      places.add("Run directory", Visible.text(details.runDirectory))
      places.add("Cgroup", Visible.text(details.cgroup))
    }
    lines += places.lines(screen)
    return lines.map { $0 + "\n" }.joined()
  }

  private func state(_ details: GuestDetails) -> Fields {
    let guest = details.guest
    var fields = Fields(indent: 2)
    if !details.defined.description.isEmpty { fields.add("What for", Visible.text(details.defined.description)) }
    fields.add("State", [Span(guest.state.word, guest.state.color), Span(since(guest))])
    if guest.initPID > 0 { fields.add("Init", "process \(guest.initPID)") }
    if guest.isUp {
      fields.add("Run", "\(guest.runs), \(guest.run?.description ?? "")")
      // A guest whose controller does not answer cannot be measured: unknown, not 0.
      let usage = details.usage
      let limits = (details.running ?? details.defined).limits
      if let bytes = usage.memoryBytes {
        let limit = limits.memoryBytes.map { " of \(Quantities.size($0))" } ?? ""
        fields.add("Memory", SizeText.approximate(bytes) + limit)
      }
      if let micros = usage.cpuMicros { fields.add("CPU time", TimeText.span(nanoseconds: micros &* 1000)) }
      if let tasks = usage.tasks { fields.add("Tasks", "\(tasks)" + (limits.pids.map { " of \($0)" } ?? "")) }
    } else {
      fields.add("Runs", "\(guest.runs)")
    }
    if let last = guest.last {
      let ended = last.ended
      let when =
        "\(ended.facts.endSeen ? "" : "found ")\(TimeText.ago(ended.endedAt, now: now)), \(TimeText.moment(ended.endedAt, screen.zone))"
      fields.add("Last end", [Span(ended.headline.inWords, ended.cause.color), Span(" (run \(last.number), \(when))")])
    }
    if guest.restarts > 0 { fields.add("Restarts", "\(guest.restarts) by its policy") }
    if guest.next != "-" { fields.add("Next", guest.next, guest.nextColor) }
    if let running = details.running, details.isSpecPending {
      fields.add("Pending", "at the next start: \(changes(from: running, to: details.defined))", .yellow)
    }
    return fields
  }

  /// The usual questions answered in words of its own, and after it every other key that is not at its default, with
  /// its name in the spec file: a key that comes later is shown without a change here.
  private func spec(_ spec: GuestSpec, of guest: GuestView) -> Fields {
    var fields = Fields(indent: 2)
    fields.add("Command", spec.command.map(ShellWord.quoted).joined(separator: " "))
    fields.add("Root", "\(Visible.text(spec.rootfs.path)) (\(mode(spec.rootfs)))")
    fields.add("Network", network(spec.network))
    fields.add("Restart", restart(spec.restart))
    fields.add("Stop", stop(spec.stop))
    fields.add("Limits", limits(spec))
    fields.add("Autostart", spec.autostart ? "yes" : "no")
    if !guest.labels.isEmpty {
      fields.add("Labels", guest.labels.map { Visible.text("\($0.key)=\($0.value)") }.joined(separator: ", "))
    }
    let told: Set<String> = [
      "description", "rootfs", "command", "network", "restart", "stop", "limits", "autostart", "labels",
    ]
    guard case .object(let members) = GuestSpecFile.value(spec, style: .human, includingDefaults: false) else {
      return fields
    }
    for member in members where !told.contains(member.name) {
      for (name, text) in Self.flat(member) { fields.add(name, text) }
    }
    return fields
  }

  /// `env.LANG` and `C`; a list of mappings has a row for each.
  private static func flat(_ member: DataValue.Member) -> [(String, String)] {
    switch member.value {
    case .object(let members):
      return members.flatMap { flat(.init("\(member.name).\($0.name)", $0.value)) }
    case .list(let items):
      let texts = items.map(inline)
      let isShort = items.allSatisfy { if case .object = $0 { false } else { true } }
      return isShort ? [(member.name, texts.joined(separator: ", "))] : texts.map { (member.name, $0) }
    case .null, .bool, .integer, .unsigned, .decimal, .text: return [(member.name, inline(member.value))]
    }
  }

  private static func inline(_ value: DataValue) -> String {
    switch value {
    case .text(let text): Visible.text(text, limit: 400)
    case .object(let members): members.map { "\($0.name) \(inline($0.value))" }.joined(separator: ", ")
    case .list(let items): items.map(inline).joined(separator: " ")
    case .bool(let flag): flag ? "yes" : "no"
    case .null, .integer, .unsigned, .decimal: value.json
    }
  }

  /// The keys that differ, with their values: `limits.memory 512M -> 1G, hostname none -> web-1`.
  private func changes(from running: GuestSpec, to defined: GuestSpec) -> String {
    GuestKeys.leaves.map(\.path).compactMap { key in
      let (now, then) = (GuestKeys.text(of: key, in: running), GuestKeys.text(of: key, in: defined))
      guard now != then else { return nil }
      func shown(_ text: String?) -> String { text.map { Visible.text($0, limit: 60) } ?? "none" }
      return "\(key) \(shown(now)) -> \(shown(then))"
    }.joined(separator: ", ")
  }

  private func since(_ guest: GuestView) -> String {
    guard guest.isUp, let startedAt = guest.startedAt else { return "" }
    let link =
      switch guest.state {
      case .running: ""
      case .stopped, .starting, .stopping, .waiting: "; it runs"
      }
    let length = TimeText.span(nanoseconds: guest.upNanos)
    return "\(link) for \(length), since \(TimeText.moment(startedAt, screen.zone))"
  }

  private func network(_ mode: NetworkMode) -> String {
    switch mode {
    case .none: "its own, loopback only"
    case .host: "the host's"
    }
  }

  private func mode(_ rootfs: Rootfs) -> String {
    switch rootfs.mode {
    case .direct: "written to directly"
    case .readOnly: "read-only"
    case .overlay:
      "under an overlay that ends with the run"
        + (rootfs.overlayBytes.map { ", at most \(Quantities.size($0))" } ?? "")
    }
  }

  private func restart(_ policy: RestartPolicy) -> String {
    let mode = GuestSpecFile.restartMode.write(policy.mode, .human)
    guard case .text(let word) = mode else { return "" }
    if policy.mode == .never { return word }
    let limit =
      policy.limitCount == 0
      ? "" : ", at most \(policy.limitCount) in \(Quantities.time(milliseconds: policy.limitWindowMillis))"
    return "\(word), after \(Quantities.time(milliseconds: policy.backoffInitialMillis)) to "
      + "\(Quantities.time(milliseconds: policy.backoffMaximumMillis))\(limit)"
  }

  private func stop(_ policy: StopPolicy) -> String {
    let term = policy.signal == 15 ? "" : ", SIGTERM, \(Quantities.time(milliseconds: policy.termTimeoutMillis))"
    return "\(SignalName.name(policy.signal)), \(Quantities.time(milliseconds: policy.timeoutMillis))\(term), SIGKILL"
  }

  /// Every limit of the table that is set: `memory 512M, cpu 1.5`.
  private func limits(_ spec: GuestSpec) -> String {
    let section = "limits."
    let parts = GuestKeys.leaves.map(\.path).filter { $0.hasPrefix(section) }.compactMap { key in
      GuestKeys.text(of: key, in: spec).map { "\(key.dropFirst(section.count)) \($0)" }
    }
    return parts.isEmpty ? "none" : parts.joined(separator: ", ")
  }
}

/// A word as a shell would need it typed.
enum ShellWord {
  static func quoted(_ word: String) -> String {
    let isPlain =
      !word.isEmpty
      && word.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), 0x2B...0x2F, 0x3A, 0x3D, 0x40, 0x5F, 0x25:
          true
        default: false
        }
      }
    let shown = Visible.text(word, limit: 200)
    return isPlain
      ? shown : "'" + shown.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }
}
