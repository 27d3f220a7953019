import Foundation
import Testing

/// Holds a text to a file in `Golden/`. With LODGE_UPDATE_GOLDEN=1 the file is written instead: look at the difference
/// before it is committed, since scripts of other people depend on these texts.
func expectGolden(_ text: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
  let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden/\(name)")
  if ProcessInfo.processInfo.environment["LODGE_UPDATE_GOLDEN"] == "1" {
    try text.write(to: file, atomically: true, encoding: .utf8)
    return
  }
  let expected = try String(contentsOf: file, encoding: .utf8)
  #expect(text == expected, "Golden/\(name)", sourceLocation: sourceLocation)
}
