import Guest
import SpecFile

/// The arguments of a verb, as far as they are needed to say in our own words what is wrong with a command line.
///
/// It is made from what the argument library knows, and asked only after the library has refused the line.
struct Grammar {
  struct Option: Equatable {
    /// `-t`, `--timeout`.
    var names: [String]
    /// `time`; nil for a flag.
    var value: String?
    /// The values there are; empty where any text may do.
    var values: [String] = []
    /// A value that begins with a hyphen is one, too: `--since -1h`.
    var takesHyphens = false
    var isShown = true
  }

  struct Positional: Equatable {
    var name: String
    var isRequired: Bool
    var isRepeating: Bool
    /// It is what stands after `--`.
    var isCommand: Bool
  }

  /// `stop`, `on add`.
  var verb: String
  var options: [Option]
  var positionals: [Positional]
  /// `lodge stop [OPTION]... [<guest> ...]`.
  var usage: String

  /// The fault in these arguments; nil if names and numbers of words alone show none.
  func fault(in arguments: [String]) -> Failure? {
    let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
    var words: [String] = []
    var index = 0
    while index < end {
      let argument = arguments[index]
      index += 1
      guard argument.hasPrefix("-"), argument != "-" else {
        words.append(argument)
        continue
      }
      let (name, attached) = Self.parts(argument)
      guard let option = option(name) else {
        // A cluster of short flags: `-dq`.
        if attached == nil, isCluster(argument) { continue }
        return unknown(argument, name, words)
      }
      guard let value = option.value else {
        if let attached {
          return failure("\(name) takes no value, found \(Self.shown(attached))")
        }
        continue
      }
      var text = attached
      if text == nil, index < end, option.takesHyphens || !arguments[index].hasPrefix("-") || arguments[index] == "-" {
        text = arguments[index]
        index += 1
      }
      guard let text else {
        if let failure = commandFault(words) { return failure }
        return failure("\(name) needs a value: \(name) \(value.uppercased())")
      }
      if !option.values.isEmpty, !option.values.contains(text) {
        return failure("\(name): expected one of \(option.values.joined(separator: ", ")), found \(Self.shown(text))")
      }
      if value == "number", !option.takesHyphens, UInt32(text) == nil {
        return failure("\(name): expected a number, found \(Self.shown(text))")
      }
      if value == "number", option.takesHyphens, Int64(text) == nil {
        return failure("\(name): expected a number, found \(Self.shown(text))")
      }
    }
    let hasCommand = end < arguments.endIndex
    return wordsFault(words, hasCommand)
  }

  private func wordsFault(_ words: [String], _ hasCommand: Bool) -> Failure? {
    let places = positionals.filter { !$0.isCommand }
    let isEndless = places.contains { $0.isRepeating }
    if !isEndless, words.count > places.count {
      if !hasCommand, let failure = commandFault(words) { return failure }
      let extra = Self.shown(words[places.count])
      return failure(
        places.isEmpty ? "it takes no names, found \(extra)" : "one \(places[0].name) is enough, found \(extra) too")
    }
    if let missing = places.enumerated().first(where: { $0.element.isRequired && words.count <= $0.offset }) {
      return failure("a \(missing.element.name) is missing")
    }
    if hasCommand, !positionals.contains(where: { $0.isCommand }), !isEndless {
      return failure("nothing may follow --")
    }
    return nil
  }

  /// More words than names, where a command may follow: `--` was forgotten.
  private func commandFault(_ words: [String]) -> Failure? {
    guard positionals.contains(where: { $0.isCommand }), words.count > 1 else { return nil }
    return Failure.usage(
      "\(verb): -- is missing before the command \(Self.shown(words[1]))",
      hint: "lodge \(verb) \(Visible.text(words[0], limit: 60)) [OPTION]... -- \(Visible.text(words[1], limit: 60)) ..."
    )
  }

  private func unknown(_ argument: String, _ name: String, _ words: [String]) -> Failure {
    // Behind a command that should have stood after --, an option is the command's.
    if let failure = commandFault(words) { return failure }
    if let known = KnownOptions.answer(name, verb: verb) {
      return Failure.usage("\(verb): there is no option \(Self.shown(name))", hint: known)
    }
    let names = options.filter(\.isShown).flatMap(\.names).filter { $0.hasPrefix("--") }
    let near = name.hasPrefix("--") ? nearest(to: name, in: names) : nil
    return Failure.usage(
      "\(verb): there is no option \(Self.shown(name))", hint: near.map { "did you mean \($0)?" } ?? "usage: \(usage)")
  }

  private func failure(_ text: String) -> Failure {
    Failure.usage("\(verb): \(text)", hint: "usage: \(usage)")
  }

  private func option(_ name: String) -> Option? { options.first { $0.names.contains(name) } }

  private func isCluster(_ argument: String) -> Bool {
    argument.dropFirst().count > 1 && !argument.hasPrefix("--")
      && argument.dropFirst().allSatisfy { option("-\($0)").map { $0.value == nil } ?? false }
  }

  /// `--tail=5` in two.
  private static func parts(_ argument: String) -> (name: String, value: String?) {
    guard let index = argument.firstIndex(of: "=") else { return (argument, nil) }
    return (String(argument[..<index]), String(argument[argument.index(after: index)...]))
  }

  private static func shown(_ text: String) -> String { "\"\(Visible.text(text, limit: 60))\"" }
}

extension Grammar {
  init(_ verb: any Verb.Type) throws(SpecFileError) {
    let info = try ToolInfo(verb)
    self.verb = verb.page.name
    options = info.arguments.filter { !$0.isPositional }.map { argument in
      Option(
        names: argument.names, value: argument.isFlag ? nil : argument.value, values: argument.values,
        takesHyphens: argument.takesHyphens, isShown: argument.isShown)
    }
    positionals = info.arguments.filter(\.isPositional).map { argument in
      Positional(
        name: argument.value, isRequired: !argument.isOptional, isRepeating: argument.isRepeating,
        isCommand: argument.isPostTerminator)
    }
    let places = positionals.map { place in
      let name = "<\(place.name)>" + (place.isRepeating ? " ..." : "")
      return (place.isCommand ? "-- " : "") + (place.isRequired ? name : "[\(name)]")
    }
    usage = (["lodge \(verb.page.name) [OPTION]..."] + places).joined(separator: " ")
    if verb.takesReadOnlySocket { options.append(Option(names: ["--read-only"])) }
  }
}

/// Options that other tools have and that this verb has another way for.
enum KnownOptions {
  /// The hint for an option that is not there.
  static func answer(_ name: String, verb: String) -> String? {
    let isStart = verb == "run" || verb == "create"
    switch name {
    case "-i", "-t", "-it", "-ti", "--interactive", "--tty":
      return isStart ? "a guest always has a console of its own; lodge logs -f GUEST follows its output" : nil
    case "-p", "--publish", "--expose", "-P":
      return isStart ? "with --network host the guest's ports are the host's" : nil
    case "--init": return isStart ? "put a small init of the tree first in the command: -- /sbin/tini -- PROGRAM" : nil
    case "--privileged", "--cap-add", "--cap-drop":
      return isStart ? "capabilities are set in a spec file: lodge help spec" : nil
    case "--image": return isStart ? "a guest runs on a tree of files: --rootfs DIR" : nil
    case "--cpus": return isStart ? "it is --cpu here: --cpu 1.5" : nil
    case "--pids-limit": return isStart ? "it is --pids here: --pids 200" : nil
    case "--watch-only", "--no-trunc": return verb == "ls" ? "a pipe gets everything whole: lodge ls | cat" : nil
    default: return nil
    }
  }
}
