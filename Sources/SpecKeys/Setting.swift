public import Guest

/// One key of a spec with its value as text, as messages and the database carry it.
///
/// The text is that of a spec file: a path or a name as it is, a size in bytes, a time in seconds, `true` or `false`, one
/// of the key's words; lists and mappings are JSON. So a value reads the same in a file, in a flag, in a message and in
/// the database, and a new key changes none of them.
public struct Setting: Sendable, Hashable {
  /// As in a spec file, from the top: `limits.memory`.
  public var key: String
  public var value: String

  public init(_ key: String, _ value: String) {
    self.key = key
    self.value = value
  }
}

/// The rows of a table by their paths: turns a value into settings and back.
public struct SettingsTable<Root: Sendable>: Sendable {
  public let defaults: Root
  /// In the order of the table.
  public let leaves: [Leaf<Root>]
  private let byPath: [String: Leaf<Root>]

  public init(_ schema: Schema<Root>) {
    defaults = schema.defaults
    leaves = schema.leaves
    byPath = Dictionary(uniqueKeysWithValues: leaves.map { ($0.path, $0) })
  }

  public func knows(_ key: String) -> Bool { byPath[key] != nil }

  /// The keys that are not at their defaults, and the required ones.
  public func settings(of root: Root) -> [Setting] {
    leaves.compactMap { leaf in
      leaf.write(root, .plain, leaf.isRequired).map { Setting(leaf.path, $0.settingText) }
    }
  }

  /// The value that these settings make. Rules that compare keys are not checked.
  ///
  /// - Throws: `notSupported` for a key that this version does not know, by its name; `invalidArgument` for a value that
  ///   breaks its row's rules, for a key that is given twice, and for a required key that is missing.
  public func root(of settings: [Setting], _ noun: String) throws(GuestError) -> Root {
    var root = defaults
    var given: Set<String> = []
    for setting in settings {
      guard given.insert(setting.key).inserted else {
        throw GuestError(.invalidArgument, "\(noun): \(Visible.text(setting.key, limit: 80)): it is given twice")
      }
      do throws(SpecProblem) { try set(setting.key, setting.value, in: &root) } catch {
        throw GuestError(knows(setting.key) ? .invalidArgument : .notSupported, "\(noun): \(error)")
      }
    }
    for leaf in leaves where leaf.isRequired && !given.contains(leaf.path) {
      throw GuestError(.invalidArgument, "\(noun): key \"\(leaf.path)\" is missing")
    }
    return root
  }

  /// Sets one key from a text.
  ///
  /// - Throws: what is wrong with the key or its value.
  public func set(_ key: String, _ text: String, in root: inout Root) throws(SpecProblem) {
    guard let leaf = byPath[key] else {
      let suggestion = nearest(to: key, in: leaves.map(\.path)).map { " (did you mean \"\($0)\"?)" } ?? ""
      throw SpecProblem(Visible.text(key, limit: 80), "unknown key\(suggestion)")
    }
    let start = Position(line: 1, column: 1)
    let node: Node
    switch leaf.form {
    case .text: node = Node(position: start, content: .scalar(text, isPlain: false))
    case .word: node = Node(position: start, content: .scalar(text, isPlain: true))
    case .structured:
      // A value with a short form, such as a command of one word, may be given by that.
      guard let first = text.utf8.first, first == UInt8(ascii: "[") || first == UInt8(ascii: "{") else {
        node = Node(position: start, content: .scalar(text, isPlain: false))
        break
      }
      do throws(JSONError) { node = try Node.parse(json: text) } catch { throw SpecProblem(key, error.description) }
    }
    var problems = Problems(file: "")
    _ = problems.within(key, start) { leaf.read(node, &root, &$0) }
    if let problem = problems.diagnostics.first { throw SpecProblem(problem.key, problem.message) }
  }

  /// The value of one key as people write it; nil for a key that is unknown, or has no value.
  public func text(of key: String, in root: Root) -> String? {
    guard let value = byPath[key]?.write(root, .human, true), value != .null else { return nil }
    return value.settingText
  }
}

extension GuestSpec {
  /// The keys that are not at their defaults, in the order of the table.
  ///
  /// A value at its default is left out, so that a receiver of an older version refuses a spec only for a key that is
  /// used. Defaults are therefore part of the contract: the default of a released key never changes.
  public var settings: [Setting] { GuestKeys.table.settings(of: SpecForm(self)) }

  /// The spec that these settings make.
  ///
  /// - Parameter checkingRules: whether the rules that compare keys hold, too. False for a spec that an older version has
  ///   taken already: a rule that came later does not make what is stored unreadable.
  /// - Throws: `notSupported` for a key that this version does not know, by its name; `invalidArgument` for everything
  ///   else that is wrong with them.
  public init(settings: [Setting], checkingRules: Bool = true) throws(GuestError) {
    let form = try GuestKeys.table.root(of: settings, "guest spec")
    if checkingRules, let problem = form.brokenRules().first {
      throw GuestError(.invalidArgument, "guest spec: \(problem)")
    }
    self = form.spec
  }

  /// The spec that settings of the database make. One that this version does not know is kept as it is, in `foreign`:
  /// a newer version, which was here before, has written it.
  ///
  /// - Throws: `invalidArgument` where a setting is there twice or a key that every spec needs is missing.
  public init(stored settings: [Setting]) throws(GuestError) {
    var known: [Setting] = []
    var foreign: [ForeignSetting] = []
    var probe = GuestKeys.table.defaults
    for setting in settings {
      do throws(SpecProblem) {
        try GuestKeys.table.set(setting.key, setting.value, in: &probe)
        known.append(setting)
      } catch {
        foreign.append(ForeignSetting(setting.key, setting.value))
      }
    }
    try self.init(settings: known, checkingRules: false)
    self.foreign = foreign
  }

  /// The settings as the database keeps them: those of a newer version included.
  public var storedSettings: [Setting] { settings + foreign.map { Setting($0.key, $0.value) } }
}

extension GuestKeys {
  /// Sets one key from a text, for flags. Rules that compare keys are not checked.
  ///
  /// - Throws: what is wrong with the key or its value.
  public static func set(_ key: String, _ text: String, in spec: inout GuestSpec) throws(SpecProblem) {
    var form = SpecForm(spec)
    try table.set(key, text, in: &form)
    spec = form.spec
  }

  /// The value of one key as people write it; nil for a key that is unknown, or has no value.
  public static func text(of key: String, in spec: GuestSpec) -> String? { table.text(of: key, in: SpecForm(spec)) }
}

extension DataValue {
  /// As `Setting` says.
  fileprivate var settingText: String {
    switch self {
    case .null: ""
    case .bool(let flag): flag ? "true" : "false"
    case .integer, .unsigned, .decimal: numberText ?? ""
    case .text(let text): text
    case .list, .object: json
    }
  }
}
