import ArgumentParser
import Glibc
import Guest
import Layout
import SpecFile
import WireProtocol
import XDR

/// `lodge`: finds the verb, has it parse its options, and runs it.
public enum LodgeProgram {
  /// - Parameter arguments: without the program's name.
  /// - Returns: the exit code.
  public static func run(_ arguments: [String]) -> Int32 {
    let console = Console()
    let environment = Self.environment()
    let result = run(arguments, console, environment)
    console.flush()
    console.clearStatus()
    return result.rawValue
  }

  private static func run(_ arguments: [String], _ console: Console, _ environment: [String: String]) -> ExitStatus {
    var line = CommandLineWords(arguments)
    if let status = unlisted(arguments, console, environment) { return status }
    // Only where it is needed, since parsing takes a part of the time that a start takes.
    func early() -> Context { Context(line.preview, isReadOnly: false, console: console, environment: environment) }
    do throws(Failure) {
      guard !line.words.isEmpty else {
        let context = early()
        if arguments.isEmpty, console.outputIsTerminal {
          try Dashboard.show(in: context)
          return .done
        }
        console.write(HelpText.overview(context.screen))
        return line.hasOnlyHelp ? .done : .usage
      }
      let (verb, taken) = try VerbTable.find(line.words)
      let rest = Habits.translated(
        line.arguments(afterWords: taken, mayStripReadOnly: verb.takesReadOnlySocket), verb: verb.page.name)
      if line.asksForHelp {
        console.write(HelpText.page(of: verb, early().screen))
        return .done
      }
      return execute(try parse(verb, rest), isReadOnly: line.isReadOnly, console, environment)
    } catch {
      early().report(error)
      return error.status
    }
  }

  private static func execute(
    _ verb: any Verb, isReadOnly: Bool, _ console: Console, _ environment: [String: String]
  ) -> ExitStatus {
    let context = Context(verb.global, isReadOnly: isReadOnly, console: console, environment: environment)
    do {
      try context.check(type(of: verb).page)
      return try verb.execute(in: context)
    } catch let failure as Failure {
      context.report(failure)
      return failure.status
    } catch let error as GuestError {
      let failure = Failure(error)
      context.report(failure)
      return failure.status
    } catch {
      context.report(Failure(.failed, code: GuestError.Code.internalError.word, "\(error)"))
      return .failed
    }
  }

  static func parse(_ verb: any Verb.Type, _ arguments: [String]) throws(Failure) -> any Verb {
    func parse<Some: Verb>(_ type: Some.Type) throws(Failure) -> any Verb {
      do {
        return try type.parse(arguments)
      } catch {
        // The library's words are for programs that have no others; ours are those of `Grammar`.
        if let grammar = try? Grammar(type), let fault = grammar.fault(in: arguments) { throw fault }
        let text = Visible.text(type.message(for: error), limit: 200)
        throw .usage("\(type.page.name): \(lowercasingFirst(text))", hint: "lodge help \(type.page.name)")
      }
    }
    return try parse(verb)
  }

  /// The library's sentences begin with a capital and may end with a full stop.
  private static func lowercasingFirst(_ text: String) -> String {
    var text = text
    if text.hasSuffix(".") { text.removeLast() }
    return text.prefix(1).lowercased() + text.dropFirst()
  }

  private static func environment() -> [String: String] {
    var variables: [String: String] = [:]
    for name in [
      EnvironmentName.connect, EnvironmentName.root, "NO_COLOR", "CLICOLOR_FORCE", "TERM", "COLUMNS", "LINES", "LC_ALL",
      "LC_CTYPE",
      "LANG",
    ] {
      if let value = getenv(name) { variables[name] = String(cString: value) }
    }
    return variables
  }
}

/// A command line before its verb is known: options of every verb may stand before it.
struct CommandLineWords {
  /// The verb's words and what follows, up to the first that is an option of the verb.
  private(set) var words: [String] = []
  /// `--read-only` before the verb, or after a verb that has no such option itself.
  private(set) var isReadOnly = false
  private(set) var asksForHelp = false
  private(set) var hasOnlyHelp = false

  private static let withValue: Set<String> = [
    "-c", "--connect", "-o", "--output", "--format", "--color", "--timeout", "--filter",
  ]
  /// The options of every verb that can be understood already: the format and the colours of an error about the rest.
  var preview: GlobalOptions {
    var known: [String] = []
    let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
    for (index, argument) in arguments[..<end].enumerated() {
      let isPair = ["-o", "--output", "--color"].contains(argument) && index + 1 < end
      let isWhole = argument.hasPrefix("--output=") || argument.hasPrefix("--color=") || argument == "--utc"
      let candidate = isPair ? [argument, arguments[index + 1]] : isWhole ? [argument] : []
      if !candidate.isEmpty, (try? GlobalOptions.parse(known + candidate)) != nil { known += candidate }
    }
    guard let options = try? GlobalOptions.parse(known) else { preconditionFailure("options that were parsed before") }
    return options
  }

  private let arguments: [String]
  /// Where each word stands.
  private var places: [Int] = []

  init(_ arguments: [String]) {
    self.arguments = arguments
    hasOnlyHelp = arguments.isEmpty || arguments.allSatisfy { $0 == "-h" || $0 == "--help" }
    var index = 0
    while index < arguments.count, arguments[index] != "--" {
      let argument = arguments[index]
      if Self.withValue.contains(argument) {
        index += 1
      } else if !argument.hasPrefix("-") || argument == "-" {
        words.append(argument)
        places.append(index)
      } else if argument == "-h" || argument == "--help" {
        asksForHelp = true
      }
      index += 1
    }
  }

  /// The arguments that the verb has to parse: everything but its words.
  mutating func arguments(afterWords taken: Int, mayStripReadOnly: Bool) -> [String] {
    var result: [String] = []
    let verbPlace = places.first ?? 0
    let skipped = Set(places.prefix(taken))
    let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
    for (index, argument) in arguments.enumerated() where !skipped.contains(index) {
      if argument == "--read-only", index < end, index < verbPlace || mayStripReadOnly {
        isReadOnly = true
      } else {
        result.append(argument)
      }
    }
    return result
  }
}

extension LodgeProgram {
  /// Options for packaging and tests, which no overview lists.
  private static func unlisted(
    _ arguments: [String], _ console: Console, _ environment: [String: String]
  ) -> ExitStatus? {
    switch arguments.first {
    case "--version":
      console.line("lodge \(LodgeVersion.current)")
      return .done
    case "--generate-man" where arguments.count == 2:
      return ManPages.write(into: arguments[1], console)
    case "--list-examples":
      for (verb, examples) in HelpExamples.all {
        for example in examples { console.line(example.json(of: verb).json) }
      }
      return .done
    case "--complete":
      let words = Array(arguments.dropFirst())
      let answer = Completion.answer(words)
      let early = CommandLineWords(words.dropLast()).preview
      let context = Context(early, isReadOnly: false, console: console, environment: environment)
      // A key that was pressed waits for an answer: better none than a late one.
      let second: UInt64 = 1_000_000_000
      let lines = Completion.lines(answer, current: words.last ?? "") {
        (try? context.guests(timeout: second).guests.map(\.name.value)) ?? []
      } hooks: {
        (try? context.call(Admin.HookList.self, XDRVoid(), "on ls", timeout: second).hooks.map(\.spec.name)) ?? []
      }
      for line in lines { console.line(line) }
      return .done
    default: return nil
    }
  }
}
