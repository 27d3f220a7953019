import Foundation
import Guest
import Testing

@testable import CLICore

extension Screen {
  static let colored = Screen(width: nil, height: nil, style: Style(isOn: true), zone: .utc)

  static func terminal(_ width: Int, isColored: Bool = false) -> Screen {
    Screen(
      width: width, height: 24, style: Style(isOn: isColored), zone: Zone(name: "CET", offsetSeconds: 3600))
  }
}

/// The screens, in every size.
@Suite struct ScreenTests {
  /// Every screen there is, under its name.
  static func screens(_ screen: Screen) -> [(name: String, lines: [String])] {
    let ls = Listing.guests(now: Samples.now)
    let runs = Listing.runs(isSeveral: true, zone: screen.zone)
    let records = Samples.causes.enumerated().map { index, cause in
      Samples.record(
        index == 3 ? "a-guest-with-a-long-name" : "web", number: UInt32(index + 1), cause,
        secondsAgo: Double(index) * 1000, length: Double(index) * 0.6)
    }
    var events = EventLines(screen: screen, isWide: false)
    var screens = [
      ("ls", ls.lines(Samples.guests, format: .table, screen: screen)),
      ("ls -o wide", ls.lines(Samples.guests, format: .wide, screen: screen)),
      ("runs", runs.lines(records, format: .table, screen: screen)),
      ("events", Samples.events.flatMap { events.lines($0) }),
    ]
    for guest in Samples.guests {
      let why = WhyParagraph(guest: guest, now: Samples.now, run: guest.last, zone: screen.zone)
      screens.append(("why \(guest.name)", Self.split(why.text(screen))))
    }
    screens.append(("show web", Self.split(DetailsPage(screen: screen, now: Samples.now).text(OutputTests.details))))
    screens.append(("help", Self.split(HelpText.overview(screen))))
    screens.append(("help stop", Self.split(HelpText.page(of: StopVerb.self, screen))))
    for (name, topic) in HelpText.topics.sorted(by: { $0.key < $1.key }) {
      screens.append(("help \(name)", Self.split(topic(screen))))
    }
    return screens
  }

  private static func split(_ text: String) -> [String] {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    while lines.last == "" { lines.removeLast() }
    return lines
  }

  @Test(arguments: [60, 80, 120, 200]) func everyScreenIsAsItWasAgreed(width: Int) throws {
    let text = Self.screens(.terminal(width)).filter { $0.name != "help spec" }.map { name, lines in
      "== \(name)\n" + lines.map { $0 + "\n" }.joined()
    }.joined(separator: "\n")
    try expectGolden(text, "screens-\(width).txt")
  }

  /// The kind of X1: no line is longer than its screen, unless it is one word (a path, a command to copy).
  @Test(arguments: [50, 60, 72, 80, 100, 120, 200]) func noLineIsLongerThanItsScreen(width: Int) {
    for (name, lines) in Self.screens(.terminal(width)) {
      for line in lines where CharacterWidth.of(line) > width {
        // Examples stay whole; a word that is too long has a line to itself.
        let isCommand = line.hasPrefix("  lodge ")
        let words = line.split(separator: " ").count
        #expect(isCommand || words <= 2, "\(name) at \(width): \(line)")
      }
    }
  }

  @Test(arguments: [60, 80, 120, 200]) func coloursNeverChangeWhatStandsThere(width: Int) {
    for (plain, colored) in zip(Self.screens(.terminal(width)), Self.screens(.terminal(width, isColored: true))) {
      let bare = colored.lines.map {
        $0.replacingOccurrences(of: "\u{1B}\\[[0-9]*m", with: "", options: .regularExpression)
      }
      #expect(bare == plain.lines, "\(plain.name)")
    }
  }

  @Test func whatFailedIsRedAndWhatWaitsIsYellow() {
    let lines = Listing.guests(now: Samples.now).lines(Samples.guests, format: .table, screen: .colored)
    #expect(lines[1].contains("\u{1B}[32mrunning") && lines[1].contains("\u{1B}[31moom"))
    #expect(lines[2].contains("\u{1B}[33mwaiting") && lines[2].contains("\u{1B}[33mrestart in"))
    #expect(!lines[3].contains("\u{1B}[31m"))
    #expect(lines[5].contains("\u{1B}[31mrestarts given up"))
  }

  @Test func widthsOfCharacters() {
    let widths: [(String, Int)] = [
      ("web", 3), ("日本", 4), ("é", 1), ("e\u{301}", 1), ("각", 2), ("\u{1112}\u{1161}\u{11AB}", 2), ("🇩🇪", 2),
      ("👨‍👩‍👧", 2), ("❤", 1), ("❤\u{FE0F}", 2), ("\u{200B}", 0), ("ﬀ", 1), ("Ａ", 2), ("", 0), ("…", 1), ("א", 1),
      ("\u{AD}", 0), ("☕", 2), ("\u{3099}", 0),
    ]
    for (text, width) in widths { #expect(CharacterWidth.of(text) == width, "\(text)") }
  }

  @Test func aTextIsCutOffBetweenCharacters() {
    let screen = Screen.terminal(80)
    #expect(screen.fitted("abcdef", to: 6) == "abcdef")
    #expect(screen.fitted("abcdef", to: 5) == "abcd…")
    #expect(screen.fitted("日本語", to: 5) == "日本…")
    #expect(screen.fitted("日本語", to: 4) == "日…")
    #expect(screen.fitted("ab cdef", to: 4) == "ab…")
    #expect(screen.fitted("e\u{301}e\u{301}e\u{301}", to: 2) == "e\u{301}…")
    var ascii = screen
    ascii.ellipsis = "..."
    #expect(ascii.fitted("abcdef", to: 5) == "ab...")
    #expect(ascii.fitted("abcdef", to: 2) == "ab")
  }

  @Test func wordsAreNeverBroken() {
    let lines = Paragraph([Span("one "), Span("two", .red), Span(", three "), Span("/a/very/long/path/that/stays")])
      .lines(width: 12, indent: 2, style: Style(isOn: true))
    #expect(lines == ["  one \u{1B}[31mtwo\u{1B}[0m,", "  three", "  /a/very/long/path/that/stays"])
  }

  /// Whatever the columns, a table that can give way fits; what ranks lower is never cut for what ranks higher.
  @Test(arguments: 0..<300) func tablesGiveWayByRank(seed: UInt64) {
    var state = (seed &+ 1) &* 0x9E37_79B9_7F4A_7C15
    func random(_ bound: Int) -> Int {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Int(state % UInt64(bound))
    }
    let count = 1 + random(7)
    let columns = (0..<count).map { index in
      Grid.Column(
        "T\(index)", rank: index == 0 ? 0 : 1 + random(5),
        minimum: random(2) == 0 ? nil : 3 + random(5))
    }
    let natural = (0..<count).map { _ in 2 + random(30) }
    let width = 32 + random(60)
    let widths = Grid.widths(columns, natural: natural, in: width)
    let total = widths.compactMap { $0 }.reduce(-2) { $0 + $1 + 2 }
    // The column of rank 0 alone may be wider than the screen if it cannot be shortened.
    #expect(total <= width || widths.compactMap { $0 }.count == 1)
    #expect(widths[0] != nil)
    let needed = natural.reduce(-2) { $0 + $1 + 2 }
    if needed <= width { #expect(widths == natural) }
    for (column, (now, whole)) in zip(columns, zip(widths, natural)) {
      guard let now else { continue }
      #expect(now == whole || column.minimum != nil)
      #expect(now <= whole)
    }
    // Without a need nothing is left out: the room that is left is less than what the first missing column takes.
    for (column, index) in zip(columns, columns.indices) where widths[index] == nil {
      let better = columns.indices.filter { widths[$0] != nil && columns[$0].rank > column.rank }
      #expect(better.allSatisfy { columns[$0].minimum != nil }, "a number of lower rank stays while this is gone")
    }
  }

  @Test func aWatchedListCountsBetweenEvents() {
    let later = Samples.db.later(by: 3_000_000_000)
    #expect(later.next == "restart in 5s (attempt 5 of 10)")
    #expect(Samples.db.later(by: 60_000_000_000).next == "restart in 0s (attempt 5 of 10)")
    #expect(Samples.sick.later(by: 2_000_000_000).upNanos == 7_000_000_000)
    #expect(Samples.mail.later(by: 2_000_000_000) == Samples.mail)
    #expect(GuestView.census(Samples.guests) == "5 guests: 1 running, 1 stopping, 1 waiting, 2 stopped")
  }

  @Test func aWatchedListKeepsItsHeadOnASmallScreen() {
    let lines = (1...30).map { "line \($0)" }
    let frame = Watch<Int>.fitted(lines, to: 23)
    #expect(frame.count == 23)
    #expect(frame.first == "line 1")
    #expect(frame.last == "... and 8 more")
    #expect(Watch<Int>.fitted(Array(lines.prefix(23)), to: 23) == Array(lines.prefix(23)))
  }

  @Test func theTerminalsSizeIsWhatItsVariablesSay() {
    #expect(Terminal.size(of: -1, environment: [:]) == (80, 24))
    #expect(Terminal.size(of: -1, environment: ["COLUMNS": "132", "LINES": "50"]) == (132, 50))
    #expect(Terminal.size(of: -1, environment: ["COLUMNS": "0", "LINES": "x"]) == (80, 24))
    #expect(Terminal.showsUnicode(environment: ["LANG": "de_DE.UTF-8"]))
    #expect(!Terminal.showsUnicode(environment: ["LC_ALL": "C", "LANG": "de_DE.UTF-8"]))
    #expect(!Terminal.showsUnicode(environment: [:]))
  }
}

@Suite struct DashboardTests {
  private func lines(_ guests: [GuestView], storage: String = "", width: Int = 80) -> [String] {
    Dashboard(screen: .terminal(width), now: Samples.now, guests: guests, storage: storage).lines
  }

  @Test func theHostInTenLines() {
    #expect(
      lines(Samples.guests) == [
        "5 guests: 1 running, 1 stopping, 1 waiting, 2 stopped",
        "web: running; oom (limit 512M), 12 minutes ago",
        "db: waiting; failed: exit 1, 1 second ago; restart in 8s (attempt 5 of 10)",
        "sick: stopping; controller lost, 1 hour ago; restarts given up: 10 within 600 s…", "",
        "  lodge why web     how it ended, and what can be done",
        "  lodge ls --watch  all guests, as they change", "  lodge events -f   what happens",
        "  lodge help        all verbs",
      ])
  }

  /// However much is wrong, and however narrow it is.
  @Test(arguments: [20, 60, 80]) func neverMoreThanTwelveLines(width: Int) {
    let many = (0..<200).map { _ in Samples.sick }
    for guests in [[], [Samples.new], Samples.guests, many] {
      let lines = lines(guests, storage: "the disk is full", width: width)
      #expect(lines.count <= 12)
      #expect(lines.allSatisfy { CharacterWidth.of($0) <= width })
    }
    #expect(lines([]).contains("  lodge run hello --rootfs DIR --overlay --rm -- /bin/echo hello"))
  }

  @Test func runsAreNamedByNumberOrUUID() throws {
    #expect(try RunChoice("12") == .number(12))
    #expect(try RunChoice("-1") == .number(-1))
    #expect(try RunChoice("6f1c0000-0000-4000-8000-00000000000d") == .id(Samples.id(13)))
    #expect(throws: Failure.self) { try RunChoice("last") }
  }
}
