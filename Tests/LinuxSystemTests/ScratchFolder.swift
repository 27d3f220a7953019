import Glibc
import LinuxSystem

/// A folder of its own for one test, removed with all in it.
final class ScratchFolder {
  let path: String

  init() throws {
    var template = Array("/tmp/lodge-linuxsystem-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", errno: errno) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { try? Files.removeTree(path) }

  func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }
}
