import Guest
import SpecFile

/// `lodge show` for people.
struct DetailsPage {
  var style: Style
  var now: Timestamp

  func text(_ details: GuestDetails) -> String {
    let guest = details.guest
    var lines = [style(.bold, guest.name.value)]
    func add(_ pairs: [(String, String)]) { lines += TextTable.pairs(pairs, indent: 2) }
    var pairs: [(String, String)] = []
    if !details.spec.description.isEmpty { pairs.append(("What for", Visible.text(details.spec.description))) }
    pairs.append(("State", style(guest.state.color, guest.state.word) + since(guest)))
    if guest.initPID > 0 { pairs.append(("Init", "process \(guest.initPID)")) }
    if guest.isUp {
      pairs.append(("Run", "\(guest.runs), \(guest.run?.description ?? "")"))
      pairs.append(("Memory", memory(details)))
      pairs.append(("CPU time", TimeText.span(nanoseconds: details.cpuMicros &* 1000)))
      pairs.append(("Tasks", "\(details.tasks)" + (details.spec.limits.pids.map { " of \($0)" } ?? "")))
    } else {
      pairs.append(("Runs", "\(guest.runs)"))
    }
    if let last = guest.last {
      let ended = last.ended
      let when = "\(TimeText.ago(ended.endedAt, now: now)), \(TimeText.dateAndClock(ended.endedAt)) UTC"
      pairs.append(("Last end", "\(style(ended.cause.color, ended.cause.inWords)) (run \(last.number), \(when))"))
    }
    if guest.restarts > 0 { pairs.append(("Restarts", "\(guest.restarts) by its policy")) }
    if guest.next != "-" { pairs.append(("Next", guest.next)) }
    if details.isSpecPending { pairs.append(("Pending", "the spec was changed; it takes effect at the next start")) }
    add(pairs)
    lines.append("")
    let spec = details.spec
    add(
      [
        ("Command", spec.command.map(shellWord).joined(separator: " ")),
        ("Root", "\(Visible.text(spec.rootfs.path)) (\(mode(spec.rootfs)))"),
        ("Network", spec.network == .host ? "the host's" : "its own, loopback only"),
        ("Restart", restart(spec.restart)),
        ("Stop", stop(spec.stop)),
        ("Limits", limits(spec.limits)),
        ("Autostart", spec.autostart ? "yes" : "no"),
      ]
        + (guest.labels.isEmpty
          ? [] : [("Labels", guest.labels.map { Visible.text("\($0.key)=\($0.value)") }.joined(separator: ", "))]))
    lines.append("")
    var places = [("Log", details.logPath), ("Created", "\(TimeText.dateAndClock(details.createdAt)) UTC")]
    if guest.isUp {
      places += [("Run directory", details.runDirectory), ("Cgroup", details.cgroup)]
    }
    add(places)
    return lines.map { $0 + "\n" }.joined()
  }

  private func since(_ guest: GuestView) -> String {
    guard guest.isUp, let startedAt = guest.startedAt else { return "" }
    let link = guest.state == .running ? "" : "; it runs"
    return "\(link) for \(TimeText.span(nanoseconds: guest.upNanos)), since \(TimeText.dateAndClock(startedAt)) UTC"
  }

  private func memory(_ details: GuestDetails) -> String {
    guard let limit = details.spec.limits.memoryBytes else { return SizeText.approximate(details.memoryBytes) }
    return "\(SizeText.approximate(details.memoryBytes)) of \(Quantities.size(limit))"
  }

  private func mode(_ rootfs: Rootfs) -> String {
    switch rootfs.mode {
    case .direct: "written to directly"
    case .readOnly: "read-only"
    case .overlay: "under an overlay that ends with the run"
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

  private func limits(_ limits: Limits) -> String {
    var parts: [String] = []
    if let memory = limits.memoryBytes { parts.append("memory \(Quantities.size(memory))") }
    if let pids = limits.pids { parts.append("\(pids) tasks") }
    if let cpu = limits.cpuMillis { parts.append("\(Quantity.text(thousandths: cpu)) CPU") }
    return parts.isEmpty ? "none" : parts.joined(separator: ", ")
  }

  /// As a shell would need it.
  private func shellWord(_ word: String) -> String {
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
