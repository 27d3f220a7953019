public import Guest
import SpecKeys

extension GuestSpecFile {
  /// A spec and the guest it is for, where a file holds several.
  public struct Named: Sendable, Hashable {
    /// The document's own key `name`; nil if it has none.
    public var name: GuestName?
    public var spec: GuestSpec
    /// Where the document begins, for errors about it as a whole.
    public var line: Int

    public init(name: GuestName?, spec: GuestSpec, line: Int) {
      self.name = name
      self.spec = spec
      self.line = line
    }
  }

  /// Reads every spec of a file: documents parted by lines of three hyphens, each of which may begin with the key `name`.
  ///
  /// - Returns: the specs in the order of the file; empty documents are left out.
  /// - Throws: everything that is wrong with any of them, with its places.
  public static func documents(_ bytes: [UInt8], file: String) throws(SpecFileError) -> [Named] {
    var found: [Named] = []
    var wrong: [Diagnostic] = []
    for (line, part) in parts(Node.withoutMark(bytes)) {
      do throws(SpecFileError) {
        if let document = try document(part, line: line, file: file) { found.append(document) }
      } catch {
        wrong += error.diagnostics
      }
    }
    if !wrong.isEmpty { throw SpecFileError(wrong) }
    return found
  }

  private static func document(_ bytes: [UInt8], line: Int, file: String) throws(SpecFileError) -> Named? {
    var problems = Problems(file: file)
    guard var node = try Node.parse(bytes, &problems) else {
      try problems.check()
      return nil
    }
    let name = takeName(from: &node).flatMap { guestName($0, &problems) }
    let form = GuestKeys.schema.readSound(node, &problems).root
    for problem in form.brokenRules() { problems.report(problem) }
    try problems.check()
    return Named(name: name, spec: form.spec, line: line)
  }

  /// The documents of a file with the line each begins in. Blank lines stand for what comes before, so that every place
  /// in a document is its place in the file.
  ///
  /// A line of three hyphens parts documents wherever it stands: YAML allows it inside no scalar either.
  private static func parts(_ bytes: [UInt8]) -> [(line: Int, bytes: [UInt8])] {
    var parts: [(line: Int, bytes: [UInt8])] = [(1, [])]
    var number = 0
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      let isMark =
        line.starts(with: Array("---".utf8)) && line.dropFirst(3).allSatisfy { [0x20, 0x09, 0x0D].contains($0) }
      if isMark {
        parts.append((number + 1, [UInt8](repeating: UInt8(ascii: "\n"), count: number)))
      } else {
        parts[parts.count - 1].bytes += line
        parts[parts.count - 1].bytes.append(UInt8(ascii: "\n"))
      }
    }
    return parts.filter { part in part.bytes.contains { ![0x0A, 0x20, 0x09, 0x0D].contains($0) } }
  }
}
