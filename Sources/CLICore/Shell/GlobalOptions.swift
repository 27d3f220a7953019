import ArgumentParser
import Guest
import SpecFile

extension OutputFormat: ExpressibleByArgument {}
extension ColorChoice: ExpressibleByArgument {}

/// Options of every verb; they may stand before it or after it.
struct GlobalOptions: ParsableArguments {
  @Option(
    name: [.short, .customLong("connect")],
    help: ArgumentHelp("The daemon's socket: unix:///PATH or a path.", valueName: "uri"))
  var connect: String?

  @Option(name: [.short, .customLong("output")], help: "How results are printed.")
  var output: OutputFormat?

  @Option(
    name: .customLong("format"),
    help: ArgumentHelp("A line for each result instead: '{{.name}} {{.state}}'.", valueName: "template"))
  var template: String?

  @Flag(name: [.short, .long], help: "Print names only, or nothing where something is done.")
  var quiet = false

  @Option(help: "Whether to use colours.")
  var color: ColorChoice = .auto

  @Flag(help: "Times in UTC, where a terminal would have them in the zone of this machine.")
  var utc = false
}

/// How long to wait for the daemon, for verbs whose own work takes no time.
struct TimeoutOption: ParsableArguments {
  @Option(help: ArgumentHelp("Give up when the daemon has not answered within this time.", valueName: "time"))
  var timeout: String?

  /// Nanoseconds; nil for no limit.
  func nanoseconds() throws -> UInt64? {
    try timeout.map { try Flags.milliseconds($0, "--timeout") &* 1_000_000 }
  }
}

/// Which guests, for verbs that take several.
struct SelectionOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp("Names of guests, or patterns such as 'web*'.", valueName: "guest"), completion: .guests)
  var guests: [String] = []

  @Option(
    name: .customLong("filter"),
    help: ArgumentHelp(
      "Only guests with label.KEY=, state=, name=, cause= or autostart=. May be repeated.",
      valueName: "key=value"))
  var filters: [String] = []
}

extension CompletionKind {
  /// Names of the guests there are, asked of the daemon when the key is pressed.
  static var guests: CompletionKind { .shellCommand("lodge ls --quiet --timeout 1s 2>/dev/null") }
}

/// Values of options, read as the spec file's are.
enum Flags {
  static func value<Value>(_ kind: ValueKind<Value>, _ text: String, _ flag: String) throws(Failure) -> Value {
    var problems = Problems(file: flag)
    let node = Node(position: Position(line: 1, column: 1), content: .scalar(text, isPlain: false))
    if let value = kind.read(node, &problems) { return value }
    throw .usage("\(flag): \(problems.diagnostics.first?.message ?? "not a \(kind.name)")")
  }

  static func milliseconds(_ text: String, _ flag: String) throws(Failure) -> UInt64 {
    try value(GuestSpecFile.duration, text, flag)
  }

  /// The two sides of `K=V`.
  static func pair(_ text: String, _ flag: String) throws(Failure) -> (String, String) {
    guard let index = text.firstIndex(of: "="), index > text.startIndex else {
      throw .usage("\(flag): expected NAME=VALUE, found \"\(Visible.text(text, limit: 60))\"")
    }
    return (String(text[..<index]), String(text[text.index(after: index)...]))
  }
}
