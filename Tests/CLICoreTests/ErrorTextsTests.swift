import Foundation
import Testing

/// `docs/errors.md`: every text of an error, collected from the sources, so that it can be read as a whole.
@Suite struct ErrorTextsTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// An error as the code makes it. Values stand in braces.
  struct ErrorText: Hashable {
    var module: String
    /// A word of the protocol, or a status of the command line; empty where it is computed.
    var code: String
    var text: String
    var hint: String
  }

  @Test func theTableIsWhatTheCodeSays() throws {
    let found = try Self.collect()
    #expect(found.count > 130, "\(found.count)")
    var page = """
      # Error texts

      Every text of an error that the daemon, the client library and `lodge` make themselves, collected from the sources; the
      names in braces are those of values. A text runs from the intent to the cause: verb, object, reason. Where a next step is
      known, the second line is `hint:`. `lodge help exit-codes` says with which code `lodge` ends.

      <!-- Made from Sources: LODGE_UPDATE_GOLDEN=1 tools/dev test --filter ErrorTexts -->

      | part | code | text | hint |
      | --- | --- | --- | --- |

      """
    for row in found {
      let cells = [row.module, row.code, row.text, row.hint].map {
        $0.replacingOccurrences(of: "|", with: "\\|").replacingOccurrences(of: "\n", with: " ")
      }
      page += "| \(cells[0]) | \(cells[1]) | `\(cells[2])` | \(cells[3].isEmpty ? "" : "`\(cells[3])`") |\n"
    }
    let file = Self.root.appendingPathComponent("docs/errors.md")
    if ProcessInfo.processInfo.environment["LODGE_UPDATE_GOLDEN"] == "1" {
      try page.write(to: file, atomically: true, encoding: .utf8)
    } else {
      #expect(try String(contentsOf: file, encoding: .utf8) == page, "see the head of docs/errors.md")
    }
  }

  /// The kind of A22: a sentence that a person other than its author cannot use.
  @Test func everyTextHasTheForm() throws {
    for row in try Self.collect() {
      let text = row.text
      for part in [text, row.hint] where part.hasSuffix(".") && !part.hasSuffix("...") {
        Issue.record("no full stop: \(part)")
      }
      let own = text.replacing(/\{[^}]*\}/, with: "")
      #expect(!own.contains("Optional(") && !own.contains("errno"), "\(text)")
      if let first = text.first, first.isUppercase, !text.hasPrefix("LODGE_") {
        Issue.record("lower case: \(text)")
      }
      for word in ["nobody", "somebody", "someone", "whoever", "sorry", "please", "invalid", "failed to", "unable to"] {
        let words = "\(text) \(row.hint)".lowercased()
        #expect(!words.contains(word), "\"\(word)\": \(text)")
      }
      // Not a code that a program reads, and no procedure of the protocol in its place.
      #expect(!text.hasPrefix("{procedure}") || row.module == "AdminProgram", "\(text)")
    }
  }

  /// The reader finds what it is there to find.
  @Test func theReaderKnowsTexts() {
    let source = #"""
      throw GuestError(
        .conflict, "start \(name): it \(flag ? "runs" : "ends")"
          + " already", hint: "lodge why \(name)")
      throw .usage("which \"guests\"?")
      func usage(_ text: String)
      """#
    let found = Self.errors(in: source, module: "M")
    #expect(
      found == [
        ErrorText(
          module: "M", code: "conflict", text: "start {name}: it {flag ? \"runs\" : \"ends\"} already",
          hint: "lodge why {name}"),
        ErrorText(module: "M", code: "usage", text: "which \"guests\"?", hint: ""),
      ])
  }

  private static func collect() throws -> [ErrorText] {
    let sources = root.appendingPathComponent("Sources")
    let paths = try FileManager.default.subpathsOfDirectory(atPath: sources.path).filter {
      $0.hasSuffix(".swift") && !$0.contains("Generated/")
    }.sorted()
    var found: [ErrorText] = []
    for path in paths {
      let module = String(path.prefix { $0 != "/" })
      let source = try String(contentsOf: sources.appendingPathComponent(path), encoding: .utf8)
      for error in errors(in: source, module: module) where !found.contains(error) { found.append(error) }
    }
    return found
  }

  private static func errors(in source: String, module: String) -> [ErrorText] {
    let bytes = Array(source.utf8)
    var found: [ErrorText] = []
    for maker in ["GuestError(", "Failure(", ".usage("] {
      let word = Array(maker.utf8)
      var index = 0
      while index + word.count < bytes.count {
        guard bytes[index..<index + word.count].elementsEqual(word),
          index == 0 || !isLetter(bytes[index - 1]) || maker == ".usage("
        else {
          index += 1
          continue
        }
        index += word.count
        let arguments = Self.arguments(bytes, from: index)
        let code =
          maker == ".usage(" ? "usage" : arguments.first?.hasPrefix(".") == true ? String(arguments[0].dropFirst()) : ""
        let texts = arguments.filter { $0.hasPrefix("\"") }.map { String($0.dropFirst()) }
        guard let text = texts.first, !text.isEmpty else { continue }
        let hint = arguments.first { $0.hasPrefix("hint:\"") }.map { String($0.dropFirst("hint:\"".count)) } ?? ""
        found.append(ErrorText(module: module, code: code, text: text, hint: hint))
      }
    }
    return found
  }

  private static func isLetter(_ byte: UInt8) -> Bool { Character(Unicode.Scalar(byte)).isLetter }

  /// The arguments of a call: `"text` for one that begins with a literal, with the pieces that `+` joins; otherwise its
  /// first word, and `hint:"text`.
  private static func arguments(_ bytes: [UInt8], from start: Int) -> [String] {
    var arguments: [String] = []
    var current = ""
    var depth = 1
    var index = start
    while index < bytes.count, depth > 0 {
      switch bytes[index] {
      case UInt8(ascii: "\""):
        let (text, end) = literal(bytes, from: index)
        if !current.contains("\"") { current += "\"" }
        current += text
        index = end
        continue
      case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
      case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
      case UInt8(ascii: ",") where depth == 1:
        arguments.append(current)
        current = ""
      case let byte where !current.contains("\"") && byte > 0x20: current.unicodeScalars.append(Unicode.Scalar(byte))
      case _: break
      }
      index += 1
    }
    return arguments + [current]
  }

  /// - Parameter start: of its opening quote.
  /// - Returns: its text with values in braces, and the index behind it.
  private static func literal(_ bytes: [UInt8], from start: Int) -> (text: String, end: Int) {
    var text: [UInt8] = []
    var index = start + 1
    while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
      guard bytes[index] == UInt8(ascii: "\\") else {
        text.append(bytes[index])
        index += 1
        continue
      }
      guard bytes[index + 1] == UInt8(ascii: "(") else {
        text.append(bytes[index + 1])
        index += 2
        continue
      }
      var depth = 0
      index += 1
      let first = index + 1
      repeat {
        if bytes[index] == UInt8(ascii: "\"") {
          index = literal(bytes, from: index).end
          continue
        }
        if bytes[index] == UInt8(ascii: "(") { depth += 1 }
        if bytes[index] == UInt8(ascii: ")") { depth -= 1 }
        index += 1
      } while depth > 0 && index < bytes.count
      text += Array("{".utf8) + bytes[first..<max(first, index - 1)] + Array("}".utf8)
    }
    return (String(decoding: text, as: UTF8.self), index + 1)
  }
}
