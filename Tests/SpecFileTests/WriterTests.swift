import SpecFile
import Testing

@Suite struct WriterTests {
  private let sample = DataValue.object([
    .init("name", .text("web")), .init("none", .null), .init("empty", .list([])), .init("nothing", .object([])),
    .init("list", .list([.text("a b"), .integer(-1), .bool(true)])),
    .init("nested", .list([.object([.init("x", .decimal(1.5)), .init("y", .decimal(10))]), .list([.text("[")])])),
    .init("text", .text("line\none \u{1B}[31m \"quoted\" \\ \u{9B}")),
    .init("yes", .text("yes")),
  ])

  @Test func jsonOnOneLine() {
    #expect(
      sample.json
        == #"{"name":"web","none":null,"empty":[],"nothing":{},"list":["a b",-1,true],"nested":[{"x":1.5,"y":10},["["]],"text":"line\none \u001b[31m \"quoted\" \\ \u009b","yes":"yes"}"#
    )
  }

  @Test func jsonIndented() {
    #expect(
      DataValue.object([.init("a", .list([.integer(1), .integer(2)])), .init("b", .object([]))]).indentedJSON
        == "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}")
  }

  @Test func yaml() {
    #expect(
      sample.yaml == """
        name: web
        none: null
        empty: []
        nothing: {}
        list: [a b, -1, true]
        nested:
          - x: 1.5
            "y": 10
          - ["["]
        text: "line\\none \\u001b[31m \\"quoted\\" \\\\ \\u009b"
        "yes": "yes"

        """)
  }

  /// Text must come back as text, whatever it looks like; a number must come back as written.
  @Test(arguments: [
    "", " ", "a", "a b", " a", "a ", "-", "-f", "- f", "--", "---", "...", "-1", "1", "1.5", "0x1f", "1e3", "0o7",
    "1_000",
    "1:30", "12:30:45", "2026-11-21", "2026-11-21T10:00:00Z", "true", "True", "yes", "NO", "on", "y", "null", "~",
    "Null",
    ".inf", ".nan", "+.inf", "=", "<<", "a: b", "a:", ":a", "a #b", "#a", "a#b", "{a}", "[a]", "a, b", "a,b", "*a",
    "&a", "!a",
    "|", ">", "%a", "@a", "`a`", "'a'", "\"a\"", "a\nb", "a\tb", "\u{1B}", "\u{9B}", "\u{2028}", "ä", "日本", "512M",
    "10s",
    "1.5G", "/bin/sh", "a\\b", "SIGRTMIN+3", "1+2", "+1", "+a", "..", "T", "1T", "1Z", "0", "?", "? a", "$x", "$(id)",
    "e3",
    String(repeating: "x", count: 500),
  ])
  func textReadsBackAsTheSameText(text: String) throws {
    for value in [
      DataValue.object([.init("k", .text(text))]), .object([.init("k", .list([.text(text), .text(text)]))]),
      .object([.init("k", .list([.object([.init("x", .text(text))])]))]),
    ] {
      for form in [value.yaml, value.json, value.indentedJSON] {
        let node = try #require(try Node.parse(Array(form.utf8), file: "t"))
        #expect(texts(node) == value.texts, "\(form)")
      }
    }
    let key = DataValue.object([.init(text, .integer(1))])
    if text != "<<" {
      let node = try #require(try Node.parse(Array(key.yaml.utf8), file: "t"))
      guard case .mapping(let entries) = node.content else {
        Issue.record("\(key.yaml)")
        return
      }
      #expect(entries.map(\.key) == [text])
    }
    // Other readers decide by themselves what unquoted text is, so what is not surely text must be quoted.
    let doubtful = [
      "1", "1.5", "0x1f", "1e3", "0o7", "1_000", "1:30", "12:30:45", "2026-11-21", "-1", "+1", "true", "yes",
      "NO", "on", "y", "null", "~", ".inf", ".nan", "+.inf", "=", "<<", "0", "2026-11-21T10:00:00Z",
    ]
    if doubtful.contains(text) { #expect(DataValue.text(text).yaml.hasPrefix("\"")) }
  }

  private func texts(_ node: Node) -> [String] {
    switch node.content {
    case .scalar(let text, let isPlain): isPlain && node.isNull ? ["(null)"] : [text]
    case .sequence(let items): items.flatMap(texts)
    case .mapping(let entries): entries.flatMap { texts($0.value) }
    }
  }
}

extension DataValue {
  fileprivate var texts: [String] {
    switch self {
    case .text(let text): [text]
    case .list(let items): items.flatMap(\.texts)
    case .object(let members): members.flatMap(\.value.texts)
    default: []
    }
  }
}
