import Layout
import Testing

@Suite struct DaemonPathsTests {
  @Test func everythingMovesUnderOneFolder() {
    let paths = DaemonPaths(under: "/tmp/x")
    for path in [
      paths.socket, paths.readOnlySocket, paths.lock, paths.runs, paths.database, paths.logs, paths.configuration,
    ] {
      #expect(path.hasPrefix("/tmp/x/"))
    }
  }

  @Test func twoFoldersNeverShareACgroup() {
    #expect(DaemonPaths(under: "/tmp/x").cgroupParent != DaemonPaths(under: "/tmp/y").cgroupParent)
    #expect(DaemonPaths(under: "/tmp/x").cgroupParent == DaemonPaths(under: "/tmp/x").cgroupParent)
    #expect(DaemonPaths.system.cgroupParent == "/lodge")
  }

  /// The daemon and its clients are told of an instance in different ways, and mean the same files.
  @Test func clientsFindTheDaemonOfTheSameFolder() {
    #expect(DaemonPaths(root: "/tmp/x") == DaemonPaths(under: "/tmp/x"))
    #expect(DaemonPaths(root: nil) == .system && DaemonPaths(root: "") == .system)
    for paths in [DaemonPaths.system, DaemonPaths(under: "/tmp/x")] {
      #expect(DaemonPaths.readOnlySocket(beside: paths.socket) == paths.readOnlySocket)
    }
    #expect(DaemonPaths.readOnlySocket(beside: "/tmp/other.sock") == nil)
  }
}

@Suite struct ControllerArgumentsTests {
  static let good = [
    "lodge-controller", "--guest", "web", "--fd", "3", "--lock-fd", "4", "--run-dir-fd", "5", "--run-dir", "/run/x",
  ]

  @Test func allAreNeededOnce() {
    let arguments = ControllerArguments(Self.good)
    #expect(arguments?.guest == "web")
    #expect(arguments?.connection == 3)
    #expect(arguments?.lock == 4)
    #expect(arguments?.runDirectory == 5)
    #expect(arguments?.runDirectoryPath == "/run/x")
    #expect(arguments?.ownNetwork == false)
    #expect(ControllerArguments(Self.good + ["--network", "own"])?.ownNetwork == true)
  }

  @Test(arguments: [
    [], ["lodge-controller"], Array(good.dropLast()), Array(good.dropLast(2)), good + ["--more", "x"],
    good + ["--fd", "9"], good + ["--network", "host"],
    good.map { $0 == "3" ? "-1" : $0 }, good.map { $0 == "3" ? "three" : $0 },
  ]) func anythingElseIsRefused(arguments: [String]) {
    #expect(ControllerArguments(arguments) == nil)
  }

  @Test func whatTheDaemonWritesTheControllerReads() {
    var plain = ControllerArguments(guest: "web", runDirectoryPath: "/run/lodge/guests/web", ownNetwork: false)
    #expect(ControllerArguments(plain.words) == plain)
    plain.usualTasks = .max
    plain.usualMemory = 0
    plain.ownNetwork = true
    (plain.connection, plain.lock, plain.runDirectory) = (7, 0, .max)
    #expect(ControllerArguments(plain.words) == plain)
    #expect(plain.words.first == ControllerArguments.program)
  }

  @Test func numbersThatDoNotFitAreRefused() {
    for number in ["2147483648", "18446744073709551616", "", "1 ", "+1"] {
      #expect(ControllerArguments(Self.good.map { $0 == "3" ? number : $0 }) == nil, "\(number)")
    }
    #expect(ControllerArguments(Self.good + ["--usual-tasks", "18446744073709551616"]) == nil)
    #expect(ControllerArguments(Self.good + ["--usual-memory", "18446744073709551615"])?.usualMemory == .max)
  }

  /// People who start one by hand are shown every option.
  @Test func theUsageNamesEveryOption() {
    let all = ControllerArguments(
      guest: "web", runDirectoryPath: "/x", ownNetwork: true, usualTasks: 1, usualMemory: 1)
    for word in all.words where word.hasPrefix("--") { #expect(ControllerArguments.usage.contains(word + " ")) }
  }
}

@Suite struct LogLineTests {
  static let time = Array("2026-11-21T09:10:22.123456Z".utf8)

  @Test(arguments: LogLine.Stream.allCases, [true, false])
  func whatIsWrittenIsRead(stream: LogLine.Stream, continues: Bool) {
    #expect(Self.time.count == LogLine.timeBytes)
    for text in ["", "a line", " + o e l", "\u{e9}"] {
      var bytes = Self.time
      LogLine.appendMark(stream, continues: continues, to: &bytes)
      bytes += text.utf8
      let line = LogLine(bytes[...])
      #expect(line?.time == Self.time[...])
      #expect(line?.stream == stream)
      #expect(line?.continues == continues)
      #expect(line.map { Array($0.text) } == Array(text.utf8))
    }
  }

  /// The file's form is read by scripts, too.
  @Test func theFormIsAsItWas() {
    var bytes = Self.time
    LogLine.appendMark(.error, continues: true, to: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == "2026-11-21T09:10:22.123456Z e+ ")
  }

  @Test func everyCutOfALineIsNoneOrHasTheRightText() {
    let whole = Self.time + Array(" o+ text".utf8)
    for count in 0..<whole.count {
      guard let line = LogLine(whole[..<count]) else { continue }
      #expect(count >= Self.time.count + 4 && "text".hasPrefix(String(decoding: line.text, as: UTF8.self)))
    }
    #expect(LogLine(Self.time[...] + Array(" x text".utf8)) == nil)
    #expect(LogLine(Self.time[...] + Array("_o text".utf8)) == nil)
  }
}
