import Glibc
import XDRCompiler

/// A failed operation on a file.
struct FileFailure: Error, CustomStringConvertible {
  var intent: String
  var path: String
  var cause: String

  var description: String { "\(intent) \(path): \(cause)" }
}

func cause() -> String { String(cString: strerror(errno)) }

func readFile(_ path: String, limit: Int = 64 << 20) throws(FileFailure) -> [UInt8] {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw FileFailure(intent: "read", path: path, cause: cause()) }
  defer { close(descriptor) }
  var status = stat()
  guard fstat(descriptor, &status) == 0 else { throw FileFailure(intent: "read", path: path, cause: cause()) }
  // A pipe or device could keep giving for ever, and a folder gives nothing.
  guard status.st_mode & S_IFMT != S_IFDIR else {
    throw FileFailure(intent: "read", path: path, cause: "is a directory")
  }
  return try readAll(descriptor, path, limit: limit)
}

/// To the end of it.
func readAll(_ descriptor: Int32, _ path: String, limit: Int = 64 << 20) throws(FileFailure) -> [UInt8] {
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = read(descriptor, &chunk, chunk.count)
    if count == 0 { return bytes }
    if count < 0 {
      if errno == EINTR { continue }
      throw FileFailure(intent: "read", path: path, cause: cause())
    }
    bytes += chunk[..<count]
    guard bytes.count <= limit else {
      throw FileFailure(intent: "read", path: path, cause: "is larger than \(limit) bytes")
    }
  }
}

/// Replaces the file as a whole: a reader sees the old one or the new one.
func writeFile(_ path: String, _ text: String) throws(FileFailure) { try writeFile(path, Array(text.utf8)) }

func writeFile(_ path: String, _ content: [UInt8]) throws(FileFailure) {
  let temporary = "\(path).tmp\(getpid())"
  let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
  guard descriptor >= 0 else { throw FileFailure(intent: "write", path: path, cause: cause()) }
  var bytes = content[...]
  while !bytes.isEmpty {
    let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    if count < 0 {
      if errno == EINTR { continue }
      let failure = FileFailure(intent: "write", path: path, cause: cause())
      close(descriptor)
      unlink(temporary)
      throw failure
    }
    bytes = bytes.dropFirst(count)
  }
  guard close(descriptor) == 0, rename(temporary, path) == 0 else {
    let failure = FileFailure(intent: "write", path: path, cause: cause())
    unlink(temporary)
    throw failure
  }
}

func makeFolder(_ path: String) throws(FileFailure) {
  var made = path.hasPrefix("/") ? "/" : ""
  for part in path.split(separator: "/") {
    made += part
    if mkdir(made, 0o777) != 0, errno != EEXIST {
      throw FileFailure(intent: "make folder", path: made, cause: cause())
    }
    made += "/"
  }
}

/// Entries of a folder, sorted; nothing if it is not there.
func listFolder(_ path: String) -> [String] {
  guard let folder = opendir(path) else { return [] }
  defer { closedir(folder) }
  var names: [String] = []
  while let entry = readdir(folder) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
    if name != ".", name != ".." { names.append(name) }
  }
  return names.sorted()
}

func realPath(_ path: String) -> String? {
  guard let resolved = realpath(path, nil) else { return nil }
  defer { free(resolved) }
  return String(cString: resolved)
}

func folder(of path: String) -> String {
  guard let slash = path.lastIndex(of: "/") else { return "." }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// Includes from the folders of the inputs and those given with `-I`, and from nowhere else.
struct HostSources: SourceProvider {
  var searchFolders: [String]
  /// Folders, resolved, that files may come from.
  private var allowed: [String]

  init(inputs: [String], searchFolders: [String]) {
    self.searchFolders = searchFolders
    allowed = (inputs.map(folder(of:)) + searchFolders).compactMap(realPath)
  }

  func include(_ name: String, isSystem: Bool, from path: String) -> IncludeResult {
    guard !name.hasPrefix("/") else { return .refused(reason: "an absolute path") }
    let folders = (isSystem ? [] : [folder(of: path)]) + searchFolders
    for base in folders {
      let candidate = base == "." ? name : "\(base)/\(name)"
      guard let resolved = realPath(candidate) else { continue }
      guard allowed.contains(where: { resolved.hasPrefix($0 == "/" ? "/" : $0 + "/") }) else {
        return .refused(reason: "it is outside the folders of the inputs and of -I")
      }
      do {
        return .found(path: candidate, identity: resolved, bytes: try readFile(candidate))
      } catch {
        return .refused(reason: error.cause)
      }
    }
    return .missing(searched: folders)
  }
}
