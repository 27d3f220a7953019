import Foundation
import Guest
import SpecFile
import Testing

@testable import CLICore

/// The golden files are the promise to scripts: names of fields do not change within a schema version.
@Suite struct OutputTests {
  @Test(arguments: OutputFormat.allCases)
  func guestsInEveryFormat(format: OutputFormat) throws {
    let listing = Listing.guests(now: Samples.now)
    try expectGolden(
      listing.text(Samples.guests, format: format, extra: [.init("sequence", .unsigned(4711))]), "ls.\(format.rawValue)"
    )
  }

  @Test(arguments: OutputFormat.allCases)
  func runsInEveryFormat(format: OutputFormat) throws {
    let records = Samples.causes.enumerated().map { index, cause in
      Samples.record(
        "web", number: UInt32(index + 1), cause, by: index.isMultiple(of: 2) ? Samples.root : .policy,
        secondsAgo: Double(index) * 1000, length: Double(index) * 0.6,
        usage: index == 4
          ? RunUsage(memoryPeakBytes: 512 << 20, memoryLimitBytes: 512 << 20, cpuMicros: 1_234_567) : RunUsage(),
        tail: index == 1 ? ["giving up", "\"quoted\", and \u{1B}[31mred"] : [])
    }
    try expectGolden(
      Listing.runs(isSeveral: false, zone: .utc).text(records, format: format), "runs.\(format.rawValue)")
  }

  @Test func anEmptyTableSaysSo() {
    let listing = Listing.guests(now: Samples.now)
    #expect(listing.text([], format: .table, whenEmpty: "no guests") == "no guests\n")
    #expect(listing.text([], format: .jsonl) == "")
    #expect(listing.text([], format: .name) == "")
  }

  @Test func eventsAsLines() throws {
    for (isWide, name) in [(false, "events.table"), (true, "events.wide")] {
      var lines = EventLines(screen: .unlimited, isWide: isWide)
      try expectGolden(Samples.events.flatMap { lines.lines($0) }.map { $0 + "\n" }.joined(), name)
    }
  }

  @Test func eventsAsJSON() throws {
    try expectGolden(Samples.events.map { $0.json.json + "\n" }.joined(), "events.jsonl")
  }

  @Test func coloursNeverChangeTheText() {
    var plain = EventLines(screen: .unlimited, isWide: false)
    var coloured = EventLines(screen: .colored, isWide: false)
    for entry in Samples.events {
      let lines = coloured.lines(entry).map { line in
        line.replacingOccurrences(of: "\u{1B}\\[[0-9]*m", with: "", options: .regularExpression)
      }
      #expect(lines == plain.lines(entry))
    }
  }

  @Test func detailsAsJSON() throws {
    try expectGolden(Self.details.json.indentedJSON + "\n", "show.json")
  }

  static var details: GuestDetails {
    var spec = GuestSpec(rootfs: Rootfs(path: "/srv/trees/web", mode: .overlay), command: ["/bin/httpd", "-f"])
    spec.limits.memoryBytes = 512 << 20
    spec.environment = [EnvironmentVariable("LANG", "C")]
    spec.capabilities.dropped = ["net_raw", "mknod"]
    spec.mounts = [
      MountSpec(.bind("/srv/data"), at: "/data", readOnly: true), MountSpec(.tmpfs(bytes: 64 << 20), at: "/tmp"),
    ]
    var running = spec
    running.limits.memoryBytes = 256 << 20
    running.limits.pids = 100
    return GuestDetails(
      guest: Samples.web, defined: spec, running: running, createdAt: Samples.ago(seconds: 1_000_000),
      runDirectory: "/run/lodge/guests/web", logPath: "/var/log/lodge/web/console.log", cgroup: "/lodge/web-6f1c",
      usage: GuestUsage(memoryBytes: 13_400_000, cpuMicros: 1_500_000, tasks: 3))
  }

  @Test func whyInEveryCase() throws {
    var text = ""
    for guest in Samples.guests {
      text += WhyParagraph(guest: guest, now: Samples.now, run: guest.last).text + "\n\n"
    }
    for cause in Samples.causes {
      var guest = Samples.mail
      guest.last = Samples.record("mail", number: 1, cause)
      text += WhyParagraph(guest: guest, now: Samples.now, run: guest.last).text + "\n\n"
    }
    for facts in Samples.mixed {
      var guest = Samples.mail
      guest.last = Samples.record("mail", number: 1, .notKnown, facts: facts)
      text += WhyParagraph(guest: guest, now: Samples.now, run: guest.last).text + "\n\n"
    }
    try expectGolden(text, "why.txt")
  }

  /// Whatever a guest, a label or a message holds, a terminal gets none of its control bytes.
  /// The host went down at an unknown time.
  @Test func anUnknownLengthIsNotShown() {
    let lost = Samples.record("web", number: 3, .hostReset, length: 0).ended
    #expect(lost.knownLength == nil)
    #expect(lost.lengthJSON == .null)
    let known = Samples.record("web", number: 3, .exited(code: 0), length: 0).ended
    #expect(known.knownLength == 0)
  }

  @Test func nothingReachesTheTerminalUnseen() throws {
    var outputs = Samples.guests.map { WhyParagraph(guest: $0, now: Samples.now, run: $0.last).text }
    let listing = Listing.guests(now: Samples.now)
    outputs += OutputFormat.allCases.map { listing.text(Samples.guests, format: $0) }
    for isWide in [false, true] {
      var lines = EventLines(screen: .unlimited, isWide: isWide)
      outputs += Samples.events.flatMap { lines.lines($0) }
    }
    outputs += Samples.events.map { $0.json.json }
    for output in outputs {
      #expect(!output.unicodeScalars.contains { $0 != "\n" && Visible.acts($0) })
    }
  }

  /// A client's name is what any local user makes it, and is read by an administrator.
  @Test func noDataActsUponATerminalInAnyFormat() {
    let all = String(String.UnicodeScalarView((1...0xffff).compactMap(Unicode.Scalar.init).filter(Visible.acts)))
    for text in [DataValue.text(all).json, CSV.text(.text(all)), Visible.text(all)] {
      #expect(!text.unicodeScalars.contains { $0 != "\n" && Visible.acts($0) })
    }
  }

  @Test func csvQuotesWhatNeedsIt() {
    #expect(CSV.line(["a", "b,c", "d\"e", "f\ng", "", " h"]) == "a,\"b,c\",\"d\"\"e\",\"f\ng\",,\" h\"\n")
  }

  @Test func columnsStandStraight() {
    let grid = Grid(
      [Grid.Column("A", alignment: .right), Grid.Column("BB")],
      [["x", "1"], ["yyy", ""], ["日本", "2"]].map { $0.map { Span($0) } })
    #expect(grid.lines(.unlimited) == ["   A  BB", "   x  1", " yyy", "日本  2"])
  }
}
