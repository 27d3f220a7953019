import Glibc
public import LinuxSystem

/// A folder of one test, under /tmp and with a short name: a Unix socket's name is limited to 107 bytes (unix(7)).
public struct ScratchFolder: Sendable {
  public let path: String
  /// The last part of the path: what the leak census looks for.
  public let tag: String

  public init() throws {
    var template = "/tmp/lt-XXXXXX".utf8CString.map { $0 }
    guard mkdtemp(&template) != nil else { throw SystemError("make a folder", on: "/tmp", errno: errno) }
    // mkdtemp(3) makes it 0700, and a guest's unprivileged user has to pass through to its tree.
    chmod(template, 0o755)
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    tag = String(path.dropFirst("/tmp/".count))
  }

  /// Removes the folder and everything in it. Not while anything is mounted inside: see `LeakCensus`.
  public func remove() throws { try Files.removeTree(path) }
}

extension Files {
  /// A text file's contents; empty where it cannot be read, as when its process has gone.
  public static func textOrEmpty(_ path: String) -> String { (try? readText(path)) ?? "" }

  /// The names in a folder in order; none where it cannot be read.
  public static func names(in path: String) -> [String] { ((try? list(path)) ?? []).map(\.name).sorted() }

  public static func writeText(_ text: String, to path: String, mode: UInt32 = 0o644) throws {
    try writeAtomically(Array(text.utf8), to: path, mode: mode)
    chmod(path, mode)
  }
}
