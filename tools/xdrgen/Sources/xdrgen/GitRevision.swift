import Glibc
import XDRCompiler

/// `REV:path`: a file or folder as it was in a revision of the git repository around the working folder. The path begins at
/// the repository's root, or with `./` at the working folder, as for `git show`.
struct GitRevision {
  var revision: String
  /// From the root, without `.` and `..`; empty for the root itself.
  var path: String

  var name: String { "\(revision):\(path)" }

  private init(_ revision: String, _ path: String) {
    self.revision = revision
    self.path = path
  }

  /// Nil where the text names no revision; a file or folder of that name comes first.
  init?(_ text: String) throws {
    guard access(text, F_OK) != 0, let colon = text.firstIndex(of: ":") else { return nil }
    revision = String(text[..<colon])
    var path = String(text[text.index(after: colon)...])
    // Git would take it for an option.
    guard !revision.isEmpty, !revision.hasPrefix("-") else { return nil }
    if path.hasPrefix("./") || path.hasPrefix("../") || path == "." || path == ".." {
      let prefix = try GitRevision.git(["rev-parse", "--show-prefix"], about: text)
      path = String(decoding: prefix.dropLast(), as: UTF8.self) + path
    }
    guard let normal = GitRevision.normal(path) else {
      throw FileFailure(intent: "read", path: text, cause: "is outside the repository")
    }
    self.path = normal
  }

  /// The `.x` files there: those of a folder, or the file itself.
  func files() throws -> [GitRevision] {
    let kind = try GitRevision.git(["cat-file", "-t", name], about: name)
    guard String(decoding: kind, as: UTF8.self) == "tree\n" else { return [self] }
    let names = try GitRevision.git(["ls-tree", "-z", "--name-only", name], about: name).split(separator: 0)
      .map { String(decoding: $0, as: UTF8.self) }.filter { $0.hasSuffix(".x") }
    guard !names.isEmpty else { throw FileFailure(intent: "read", path: name, cause: "has no .x files") }
    return names.map { GitRevision(revision, path.isEmpty ? $0 : "\(path)/\($0)") }
  }

  func read() throws(FileFailure) -> [UInt8] { try GitRevision.git(["cat-file", "blob", name], about: name) }

  /// A file beside this one, or further in or out.
  func including(_ include: String) -> GitRevision? {
    GitRevision.normal("\(folder)/\(include)").map { GitRevision(revision, $0) }
  }

  /// Empty for the root.
  var folder: String { path.contains("/") ? xdrgen.folder(of: path) : "" }

  /// Without `.` and `..`; nil if that leads out of the repository.
  private static func normal(_ path: String) -> String? {
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part != ".." {
        parts.append(part)
      } else if parts.popLast() == nil {
        return nil
      }
    }
    return parts.joined(separator: "/")
  }

  /// The output of git, or its error message.
  private static func git(_ arguments: [String], about name: String) throws(FileFailure) -> [UInt8] {
    func failed(_ cause: String) -> FileFailure { FileFailure(intent: "read", path: name, cause: cause) }
    var output: [Int32] = [0, 0]
    var errors: [Int32] = [0, 0]
    guard pipe(&output) == 0 else { throw failed(cause()) }
    defer { close(output[0]) }
    guard pipe(&errors) == 0 else {
      close(output[1])
      throw failed(cause())
    }
    defer { close(errors[0]) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, errors[1], STDERR_FILENO)
    for descriptor in output + errors { posix_spawn_file_actions_addclose(&actions, descriptor) }
    var words: [UnsafeMutablePointer<CChar>?] = (["git"] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var pid: pid_t = 0
    let spawned = posix_spawnp(&pid, "git", &actions, nil, &words, environ)
    close(output[1])
    close(errors[1])
    guard spawned == 0 else { throw failed("git: \(String(cString: strerror(spawned)))") }
    // Error messages of git fit into the pipe while its output is read.
    let bytes: [UInt8]
    let complaint: [UInt8]
    do throws(FileFailure) {
      bytes = try readAll(output[0], name)
      complaint = try readAll(errors[0], name)
    } catch {
      kill(pid, SIGKILL)
      waitpid(pid, nil, 0)
      throw error
    }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    guard status == 0 else {
      let text = String(decoding: complaint.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
      throw failed(text.isEmpty ? "git failed" : text)
    }
    return bytes
  }
}

/// Includes of a revision: from the folders of its inputs, and from those given with `-I`, which are read as they are now.
struct GitSources: SourceProvider {
  /// By the path that the compiler knows them by.
  private var revision: String
  private var folders: Set<String>
  private var host: HostSources

  init(_ inputs: [GitRevision], searchFolders: [String]) {
    revision = (inputs.first?.revision ?? "") + ":"
    folders = Set(inputs.map(\.folder))
    host = HostSources(inputs: [], searchFolders: searchFolders)
  }

  func include(_ name: String, isSystem: Bool, from path: String) -> IncludeResult {
    guard !name.hasPrefix("/") else { return .refused(reason: "an absolute path") }
    guard !isSystem, path.hasPrefix(revision), let including = try? GitRevision(path) else {
      return host.include(name, isSystem: true, from: path)
    }
    let refused = IncludeResult.refused(reason: "it is outside the folders of the inputs and of -I")
    guard let file = including.including(name),
      folders.contains(where: { $0.isEmpty || file.path.hasPrefix($0 + "/") })
    else { return refused }
    guard let bytes = try? file.read() else { return host.include(name, isSystem: true, from: path) }
    return .found(path: file.name, identity: file.name, bytes: bytes)
  }
}
