import Foundation
import Guest
import SpecFile
import Testing

@Suite struct ReferencePageTests {
  private static let begin = "<!-- keys begin -->\n"
  private static let end = "<!-- keys end -->"

  /// `docs/guest-spec.md` and the table of keys are one. With LODGE_UPDATE_GOLDEN=1 the page is brought up to date.
  @Test func thePageHasTheTable() throws {
    let page = try String(contentsOf: Self.page, encoding: .utf8)
    let begin = try #require(page.range(of: Self.begin))
    let end = try #require(page.range(of: Self.end))
    let table = ReferenceRow.markdown(GuestSpecFile.reference)
    if ProcessInfo.processInfo.environment["LODGE_UPDATE_GOLDEN"] == "1" {
      let updated = page.replacingCharacters(in: begin.upperBound..<end.lowerBound, with: table)
      try updated.write(to: Self.page, atomically: true, encoding: .utf8)
    } else {
      #expect(page[begin.upperBound..<end.lowerBound] == table)
    }
  }

  /// The JSON Schema that editors use is made from the same table.
  @Test func theSchemaForEditorsHasTheTable() throws {
    let text = GuestKeys.jsonSchema.indentedJSON + "\n"
    if ProcessInfo.processInfo.environment["LODGE_UPDATE_GOLDEN"] == "1" {
      try FileManager.default.createDirectory(
        at: Self.schema.deletingLastPathComponent(), withIntermediateDirectories: true)
      try text.write(to: Self.schema, atomically: true, encoding: .utf8)
    } else {
      #expect(try String(contentsOf: Self.schema, encoding: .utf8) == text)
    }
  }

  /// The example of the page must be read as the page says.
  @Test func theExampleOfThePageIsSound() throws {
    let page = try String(contentsOf: Self.page, encoding: .utf8)
    let examples = page.components(separatedBy: "```yaml\n# web.yaml\n").dropFirst()
    #expect(examples.count == 1)
    for example in examples {
      let text = try #require(example.components(separatedBy: "```").first)
      let spec = try GuestSpecFile.decode(Array(text.utf8), file: "web.yaml")
      #expect(spec.labels.count == 1)
    }
  }

  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  private static let page = root.appendingPathComponent("docs/guest-spec.md")
  private static let schema = root.appendingPathComponent("contrib/schema/guest-spec.schema.json")
}
