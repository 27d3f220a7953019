import SpecFile
import Testing

@Suite struct NodeTests {
  private func parse(_ text: String, limits: Node.Limits = .init()) throws -> Node? {
    try Node.parse(Array(text.utf8), file: "t.yaml", limits: limits)
  }

  @Test func everyValueKnowsItsLineAndColumn() throws {
    let node = try #require(try parse("a: 1\nb:\n  - x\n  - {c: \"y\"}\n"))
    guard case .mapping(let entries) = node.content, case .sequence(let items) = entries[1].value.content,
      case .mapping(let inner) = items[1].content
    else {
      Issue.record("not the shape that was written: \(node)")
      return
    }
    #expect(entries[0].keyPosition == Position(line: 1, column: 1))
    #expect(entries[0].value.position == Position(line: 1, column: 4))
    #expect(items[0].position == Position(line: 3, column: 5))
    #expect(inner[0].value.position == Position(line: 4, column: 9))
    #expect(inner[0].value.content == .scalar("y", isPlain: false))
  }

  @Test(arguments: ["", "# only a comment\n", "---\n...\n", "\u{FEFF}"])
  func aFileWithoutADocumentHasNoNode(text: String) throws {
    let node = try parse(text)
    #expect(node == nil || node?.isNull == true)
  }

  @Test(arguments: [
    ("a: [1, 2", "t.yaml:2:1: a list in brackets does not end: a comma or ] is missing; the list begins in line 1"),
    ("a: 1\na: 2\n", "t.yaml:2:1: key \"a\" occurs twice, first in line 1"),
    ("a: &x 1\nb: *x\n", "t.yaml:2:4: aliases (*name) are not supported; write the value out"),
    ("a: !!binary x\n", "t.yaml:1:4: tags (!name) are not supported; write the value alone"),
    ("<<: {a: 1}\n", "t.yaml:1:1: merge keys (<<) are not supported; write the keys out"),
    ("[a]: 1\n", "t.yaml:1:1: a key must be text, found a list"),
    ("a: 1\n---\nb: 2\n", "t.yaml:2:1: a second document begins here; one is allowed"),
    ("a: \"\u{1B}[31m\"\n", "t.yaml:1:1: a control character; in double quotes it is written \\xNN (byte 4)"),
    ("\"\\e[31m\": 1\n\"\\e[31m\": 2\n", "t.yaml:2:1: key \"\\e[31m\" occurs twice, first in line 1"),
  ])
  func whatIsNoPlainDataIsRefusedWithItsPlace(text: String, message: String) {
    let error = #expect(throws: SpecFileError.self) { try parse(text) }
    #expect(error?.description == message)
  }

  @Test func invalidUTF8IsRefused() {
    let error = #expect(throws: SpecFileError.self) { try Node.parse([0x61, 0x3A, 0x20, 0xFF], file: "t.yaml") }
    #expect(error?.description == "t.yaml:1:1: bytes that are not UTF-8; save the file as UTF-8 (byte 3)")
  }

  @Test func boundsAreKept() {
    func error(_ text: String, _ limits: Node.Limits) -> String? {
      do {
        _ = try parse(text, limits: limits)
        return nil
      } catch {
        return "\(error)"
      }
    }
    #expect(error("aaaa", .init(bytes: 3)) == "t.yaml:1:1: the file has 4 bytes; at most 3 are allowed")
    #expect(error("[[[1]]]", .init(depth: 3)) == "t.yaml:1:4: values are nested more than 3 deep")
    #expect(error("[[[1]]]", .init(depth: 4)) == nil)
    #expect(error("[1, 2, 3]", .init(nodes: 3)) == "t.yaml:1:8: the file has more than 3 values")
    #expect(error("[1, 2, 3]", .init(nodes: 4)) == nil)
    let deep = String(repeating: "[", count: 100_000)
    #expect(error(deep, .init()) == "t.yaml:1:33: values are nested more than 32 deep")
  }

  @Test func jsonIsRead() throws {
    let node = try parse("{\"a\": [true, null, -1.5e3], \"b\\/\": \"\\ud83d\\ude00 \\\\ud83d \\n\"}")
    guard case .mapping(let entries) = node?.content, case .sequence(let items) = entries[0].value.content else {
      Issue.record("not the shape that was written")
      return
    }
    #expect(items.map(\.isNull) == [false, true, false])
    #expect(entries[1].key == "b/")
    #expect(entries[1].value.text == "\u{1F600} \\ud83d \n")
  }
}
