import ArgumentParser
import Glibc
import Guest
import GuestWire
import LinuxSystem
import SpecFile
import WireProtocol

struct ApplyVerb: Verb {
  static let page = VerbPage(
    words: ["apply"], group: .guests, abstract: "Make guests as spec files say: create or change them",
    discussion: """
      A file is for the guest of its name (web.yaml for web), or for the one that its key name says; several specs in one \
      file are parted by lines of three hyphens, and each has a name then. Of a folder every .yaml, .yml and .json file is \
      taken. All files are checked before anything is done. What is as it should be is left alone; what changes while a \
      guest runs takes effect at its next start. A guest that someone else changes in the same moment is left to them, with \
      exit code 4. With --prune guests that have these labels and that no file names are removed, unless they run. With --dry-run, and with --detailed-exit-code, the exit code is 2 if \
      anything was, or would be, changed.
      """,
    examples: [
      Example("lodge apply -f web.yaml", "one guest", given: [.absent("web"), .specFile("web.yaml")]),
      Example(
        "lodge apply -f web.yaml --dry-run", "only say what would change",
        given: [.stopped("web"), .specFile("web.yaml")],
        exitCode: 2),
      Example(
        "lodge apply -f web.yaml --start -o json", "start it if it does not run, for a program",
        given: [.absent("web"), .specFile("web.yaml")]),
    ], formats: [.table, .wide, .json, .jsonl, .yaml])

  @Argument(
    help: ArgumentHelp(
      "Only these guests of the files; of a single spec without a name, its name.", valueName: "guest"),
    completion: .guests)
  var guests: [String] = []
  @Option(
    name: [.short, .customLong("file")],
    help: ArgumentHelp("Spec file or folder; - is standard input. May be repeated.", valueName: "file"),
    completion: .file(extensions: ["yaml", "yml", "json"]))
  var files: [String] = []
  @Flag(name: [.customShort("n"), .customLong("dry-run")], help: "Change nothing, and say what would change.")
  var dryRun = false
  @Flag(help: "Start those that do not run.") var start = false
  @Option(
    help: ArgumentHelp(
      "Remove stopped guests with this label that are in no file. May be repeated: all must hold.",
      valueName: "key=value"))
  var prune: [String] = []
  @Flag(name: .customLong("detailed-exit-code"), help: "Exit with 2 if anything was changed.") var detailedExitCode =
    false
  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    if files.isEmpty { throw Failure.usage("apply: -f FILE is missing", hint: "lodge apply -f web.yaml") }
    if !prune.isEmpty, !guests.isEmpty {
      throw Failure.usage("apply: --prune takes whole files, without names", hint: "lodge rm NAME removes one guest")
    }
    let labels = try prune.map { text throws(Failure) in try Self.label(text) }
    let wanted = try SpecFolder.read(files, only: guests)
    let timeout = try patience.nanoseconds()
    var documents: [DataValue] = []
    var changed = 0
    var statuses = context.forEach(wanted.map(\.name)) { name throws(Failure) in
      guard let spec = wanted.first(where: { $0.name == name })?.spec else { return }
      let done = try apply(name, spec, context, timeout)
      if done.action != .unchanged {
        changed += 1
        context.tell(noticesOf: spec, name)
      }
      documents.append(done.json(name))
      context.tell("\(name): \(done.words(isDry: dryRun))")
      if start, !dryRun { try begin(name, context, timeout) }
    }
    if !labels.isEmpty {
      let extra = try surplus(labels, beside: wanted, context)
      statuses += context.forEach(extra) { name throws(Failure) in
        if !dryRun {
          _ = try context.call(
            Admin.GuestRemove.self, .init(request: context.newRequest, name: name, force: false), "prune \(name)",
            timeout: timeout)
        }
        changed += 1
        let done = Applied(action: .removed, changes: [])
        documents.append(done.json(name))
        context.tell("\(name): \(done.words(isDry: dryRun))")
      }
    }
    if context.format.isForPrograms { try context.write(documents, as: "guests") }
    let status = ExitStatus.combined(statuses)
    guard status == .done, dryRun || detailedExitCode, changed > 0 else { return status }
    return .changed
  }

  private func apply(
    _ name: String, _ spec: GuestSpec, _ context: Context, _ timeout: UInt64?
  ) throws(Failure) -> Applied {
    let old: GuestSpec?
    do throws(Failure) {
      let details = try context.call(Admin.GuestShow.self, .init(name: name), "apply \(name)", timeout: timeout)
      old = try telling { () throws(GuestError) in try GuestSpec(details.defined, checkingRules: false) }
    } catch {
      guard error.status == .notFound else { throw error }
      old = nil
    }
    var applied = Applied(action: old == nil ? .created : .changed, changes: [])
    if let old {
      applied.changes = SpecChange.between(old, spec)
      if old == spec { return Applied(action: .unchanged, changes: []) }
    }
    if dryRun { return applied }
    // The differences are those to the spec that was read, so no other one may be overwritten.
    let reply =
      if let old {
        try context.call(
          Admin.GuestChange.self,
          .init(request: context.newRequest, name: name, spec: .init(spec), expected: .init(old)), "apply \(name)",
          timeout: timeout)
      } else {
        try context.call(
          Admin.GuestCreate.self,
          .init(request: context.newRequest, name: name, spec: .init(spec), replace: false), "apply \(name)",
          timeout: timeout)
      }
    applied.atNextStart = reply.atNextStart
    return applied
  }

  /// `env=prod`, or `label.env=prod` as a filter has it.
  private static func label(_ text: String) throws(Failure) -> Label {
    let (key, value) = try Flags.pair(text, "--prune")
    return Label(key.hasPrefix("label.") ? String(key.dropFirst("label.".count)) : key, value)
  }

  /// Guests with all the labels that no file names. Those that run are left to the daemon to refuse.
  private func surplus(
    _ labels: [Label], beside wanted: [SpecFolder.Entry], _ context: Context
  ) throws(Failure) -> [String] {
    try context.guests().guests.filter { guest in
      labels.allSatisfy(guest.labels.contains) && !wanted.contains { $0.name == guest.name.value }
    }.map(\.name.value)
  }

  private func begin(_ name: String, _ context: Context, _ timeout: UInt64?) throws(Failure) {
    do throws(Failure) {
      let reply = try context.call(
        Admin.GuestStart.self, .init(request: context.newRequest, name: name), "start \(name)", timeout: timeout)
      context.tell(context.started(name, reply).line)
    } catch {
      guard error.code == GuestError.Code.wrongState.word else { throw error }
    }
  }
}

/// The result of `apply` for one guest, done or planned.
struct Applied {
  enum Action: String, CaseIterable { case created, changed, unchanged, removed }

  var action: Action
  var changes: [SpecChange]
  var atNextStart = false

  func words(isDry: Bool) -> String {
    switch action {
    case .created: return isDry ? "would be created" : "created"
    case .unchanged: return "unchanged"
    case .removed: return isDry ? "would be removed" : "removed: no file names it"
    case .changed:
      let list = changes.map(\.words).joined(separator: ", ")
      return "\(isDry ? "would be changed" : "changed"): \(list)"
        + (atNextStart ? "; it runs, and what changed takes effect at its next start" : "")
    }
  }

  func json(_ name: String) -> DataValue {
    .members([
      "name": .text(name), "action": .text(action.rawValue),
      "changes": .list(
        changes.map {
          .members([
            "key": .text($0.key), "from": .optional($0.from.map { .text($0) }),
            "to": .optional($0.to.map { .text($0) }),
          ])
        }),
      "atNextStart": .bool(atNextStart),
    ])
  }
}

/// The specs of files and folders, each with the guest it is for.
enum SpecFolder {
  struct Entry: Equatable {
    var name: String
    var spec: GuestSpec
  }

  /// - Parameter only: take these alone; of a single spec without a name, the name.
  /// - Throws: everything that is wrong with any file, before anything is done.
  static func read(_ files: [String], only: [String]) throws(Failure) -> [Entry] {
    var entries: [Entry] = []
    var diagnostics: [String] = []
    var paths: [String] = []
    for file in files { paths += try members(file) }
    for file in paths {
      let bytes = try SpecOptions.bytes(of: file)
      do throws(SpecFileError) {
        let shown = file == "-" ? "standard input" : file
        let documents = try GuestSpecFile.documents(bytes, file: shown)
        let names = try name(documents, file: shown, stem: file == "-" ? nil : stem(of: file), only: only)
        for (name, document) in zip(names, documents) {
          if entries.contains(where: { $0.name == name }) {
            diagnostics.append("\(shown):\(document.line):1: there is another spec for \(name)")
          }
          entries.append(Entry(name: name, spec: document.spec))
        }
      } catch {
        diagnostics += error.diagnostics.map(\.description)
      }
    }
    if !diagnostics.isEmpty { throw Failure(diagnostics: diagnostics) }
    if only.isEmpty { return entries }
    if let missing = only.first(where: { name in !entries.contains { $0.name == name } }) {
      throw Failure(.notFound, code: "notFound", "apply: no file has a spec for \(Visible.text(missing, limit: 80))")
    }
    return entries.filter { only.contains($0.name) }
  }

  /// The guest of each document.
  static func name(
    _ documents: [GuestSpecFile.Named], file: String, stem: String?, only: [String]
  ) throws(SpecFileError) -> [String] {
    var wrong: [Diagnostic] = []
    let names = documents.map { document in
      if let name = document.name { return name.value }
      let fallback = documents.count > 1 ? nil : stem ?? (only.count == 1 ? only[0] : nil)
      if let name = fallback.flatMap({ try? GuestName($0) }) { return name.value }
      wrong.append(
        Diagnostic(
          file: file, position: Position(line: document.line, column: 1), key: "name",
          message: documents.count > 1
            ? "a name is missing: of several specs in a file each has one"
            : "a name is missing: the file's own cannot be a guest's"))
      return ""
    }
    if !wrong.isEmpty { throw SpecFileError(wrong) }
    return names
  }

  /// `web` of `guests/web.yaml`.
  static func stem(of file: String) -> String {
    let last = file.split(separator: "/").last.map(String.init) ?? file
    guard let point = last.lastIndex(of: "."), point > last.startIndex else { return last }
    return String(last[..<point])
  }

  /// The spec files of a folder, sorted; or the file itself.
  private static func members(_ path: String) throws(Failure) -> [String] {
    var status = stat()
    guard path != "-", stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return [path] }
    guard let folder = opendir(path) else {
      throw Failure(.failed, code: "invalidArgument", "read \(Visible.text(path)): \(String(cString: strerror(errno)))")
    }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      let isSpec = [".yaml", ".yml", ".json"].contains { name.hasSuffix($0) }
      if isSpec, !name.hasPrefix(".") { names.append(name) }
    }
    // Reading something else could wait for ever, as it does for a FIFO without a writer.
    if let odd = names.first(where: {
      fstatat(dirfd(folder), $0, &status, 0) != 0 || status.st_mode & S_IFMT != S_IFREG
    }) {
      throw .usage(
        "apply: \(Visible.text(path))/\(Visible.text(odd)) is not a regular file",
        hint: "lodge apply -f FILE takes one alone")
    }
    if names.isEmpty {
      throw .usage("apply: \(Visible.text(path)) has no spec file", hint: "spec files end with .yaml, .yml or .json")
    }
    return names.sorted().map { path.hasSuffix("/") ? path + $0 : "\(path)/\($0)" }
  }
}
