import Foundation
import Testing

/// `TESTED.md` names tests: they must exist.
@Suite struct TestedTests {
  /// Functions behind `@Test`, here and beside the runtime.
  static func names() throws -> Set<String> {
    let package = testsFolder.deletingLastPathComponent().deletingLastPathComponent()
    let runtime = package.deletingLastPathComponent().deletingLastPathComponent().appending(path: "Tests/XDRTests")
    var names: Set<String> = []
    for folder in [package.appending(path: "Tests"), runtime] {
      let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
      while let file = files?.nextObject() as? URL {
        guard file.pathExtension == "swift" else { continue }
        let text = try String(contentsOf: file, encoding: .utf8)
        // The first function behind each.
        for piece in text.components(separatedBy: "@Test").dropFirst() {
          if let match = piece.firstMatch(of: /func (\w+)/) { names.insert(String(match.1)) }
        }
      }
    }
    return names
  }

  @Test func everyTestThatThePageNamesExists() throws {
    let page = testsFolder.deletingLastPathComponent().deletingLastPathComponent().appending(path: "TESTED.md")
    let text = try String(contentsOf: page, encoding: .utf8)
    let names = try TestedTests.names()
    #expect(names.contains("everyTestThatThePageNamesExists") && names.contains("point30LibvirtStyle"))
    var points: [Int] = []
    var features: [Int] = []
    for line in text.split(separator: "\n") where line.hasPrefix("| ") {
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard let number = cells.first.flatMap({ Int($0) }) else { continue }
      let isPoint = cells.count == 4
      if isPoint { points.append(number) } else { features.append(number) }
      let tests = cells[cells.count - 1].matches(of: /`(\w+)`/).map { String($0.1) }
      #expect(!tests.isEmpty, "\(line)")
      for name in tests { if !names.contains(name) { Issue.record("there is no test \(name)") } }
      if isPoint { #expect(tests.contains { $0.hasPrefix("point\(number)") }, "\(line)") }
    }
    #expect(points == Array(1...30))
    #expect(features == Array(1...19) + [22, 23] + Array(25...33))
  }
}
