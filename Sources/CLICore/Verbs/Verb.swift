import ArgumentParser

/// A word after `lodge`, or two.
protocol Verb: ParsableCommand {
  static var page: VerbPage { get }
  var global: GlobalOptions { get }
  func execute(in context: Context) throws -> ExitStatus
}

extension Verb {
  /// Whether `--read-only` after it means the socket; create and run have an option of that name for the tree.
  static var takesReadOnlySocket: Bool { !(self == CreateVerb.self || self == RunVerb.self) }

  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: page.words.last, abstract: page.abstract, discussion: page.discussion, aliases: page.aliases)
  }
}

/// A verb as the help, the man pages and the completion show it, beside its options.
struct VerbPage: Sendable {
  enum Group: String, CaseIterable, Sendable {
    case guests = "Guests"
    case look = "Look"
    case host = "Host"
  }

  /// `["stop"]`, `["daemon", "status"]`.
  var words: [String]
  var aliases: [String] = []
  var group: Group
  /// One line, without a full stop.
  var abstract: String
  var discussion = ""
  var examples: [Example]
  /// It ends or removes something, so that no hint leads to it by guessing.
  var isEnding = false
  /// The formats that it honours; others are refused.
  var formats = OutputFormat.allCases
  /// The effect of `-q` on it.
  var quiet = Quiet.silent

  enum Quiet: Sendable {
    /// Names only.
    case names
    /// Nothing is printed but errors.
    case silent
    /// It has no meaning, and is refused.
    case refused
  }

  var name: String { words.joined(separator: " ") }
}

/// A command line of the help. The tests run every one of them.
public struct Example: Sendable {
  /// The state it needs before it is run. Guests run on a tree that has busybox in it.
  public enum Precondition: Sendable, Equatable {
    case stopped(String)
    case running(String)
    /// It has ended at least once.
    case ended(String)
    case absent(String)
    /// A spec file of this name in the working directory, for a guest on the tree.
    case specFile(String)
    /// A file of another tool in the working directory: `compose.yaml`, `domain.xml` or `inspect.json`.
    case foreignFile(String)
    case hook(String)
  }

  /// As typed. `/srv/trees/web` stands for the tree.
  public var command: String
  public var meaning: String
  public var given: [Precondition]
  public var exitCode: Int32
  /// It runs until Ctrl-C.
  public var isEndless: Bool

  init(
    _ command: String, _ meaning: String, given: [Precondition] = [], exitCode: Int32 = 0, isEndless: Bool = false
  ) {
    self.command = command
    self.meaning = meaning
    self.given = given
    self.exitCode = exitCode
    self.isEndless = isEndless
  }
}
