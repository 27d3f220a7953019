import Foundation
import KitchenSink
import Testing
import XDR
import XDRCompiler
import XDRTesting

/// `dump` reads what generated code writes, and its JSON makes the same bytes again.
@Suite struct InterpreterTests {
  static let inputs: [(String, [XDRTypeEntry])] = [
    ("kitchen-sink.x", kitchenSinkTypes), ("kitchen-sink-rfc.x", kitchenSinkRfcTypes),
    ("kitchen-sink-dialect.x", kitchenSinkDialectTypes),
  ]

  @Test func randomValuesSurviveJSON() throws {
    let seed = UInt64.random(in: 0...UInt64(UInt32.max))
    print("randomValuesSurviveJSON: seed \(seed)")
    for (name, types) in InterpreterTests.inputs {
      let inc = try String(contentsOf: fixtures.appending(path: "kitchen-sink/kitchen-sink-inc.x"), encoding: .utf8)
      let text = try String(contentsOf: fixtures.appending(path: "kitchen-sink/\(name)"), encoding: .utf8)
      let model = model(text, files: ["kitchen-sink-inc.x": inc], dialect: .all)
      for (number, entry) in types.enumerated() {
        let definition = try #require(model.type(named: entry.name))
        var source = XDRRandomSource(seed: seed &+ UInt64(number))
        for _ in 0..<20 {
          let bytes = try entry.random(&source)
          var interpreter = Interpreter()
          let json = try interpreter.json(.named(definition), bytes)
          let again = try interpreter.encode(.named(definition), JSONParser.parse(json.compact))
          guard again == bytes else {
            Issue.record("\(name) \(entry.name): \(bytes) is \(json.compact), which makes \(again)")
            return
          }
        }
      }
    }
  }

  @Test func theFormIsReadable() throws {
    let m = model(
      """
      /** @open */ enum color { RED = 0, BLUE = 5 };
      union shape switch (color c) { case RED: hyper area; default: void; };
      struct s { shape first; opaque id[2]; int *maybe; bool on<2>; string key<8>; float f; };
      """)
    let bytes: [UInt8] = [
      0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0xab, 0xcd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0x6b, 0, 0,
      0,
      0x3f, 0xc0, 0, 0,
    ]
    let type = WireType.named(try #require(m.type(named: "s")))
    var interpreter = Interpreter()
    let json = try interpreter.json(type, bytes)
    #expect(
      json.compact
        == #"{"first":{"c":"RED","area":"4294967296"},"id":"abcd","maybe":null,"on":[true],"key":"k","f":1.5}"#)
    #expect(try interpreter.encode(type, json) == bytes)
  }

  /// One level of a recursive type, as bytes and as JSON, with what is inside between two halves.
  struct Level: Sendable {
    var text: String
    var bytes: (before: [UInt8], innermost: [UInt8], after: [UInt8])
    var json: (before: String, innermost: String, after: String)
  }

  static let levels = [
    Level(
      text: "struct t { t *l; };", bytes: ([0, 0, 0, 1], [0, 0, 0, 0], []), json: ("{\"l\":", "{\"l\":null}", "}")),
    Level(
      text: "struct t { int x; t many<2>; };", bytes: ([0, 0, 0, 7, 0, 0, 0, 1], [0, 0, 0, 7, 0, 0, 0, 0], []),
      json: ("{\"x\":7,\"many\":[", "{\"x\":7,\"many\":[]}", "]}")),
    // No list, since it reaches itself by another field too.
    Level(
      text: "struct t { t *side; t *next; };", bytes: ([0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0]),
      json: ("{\"side\":", "{\"side\":null,\"next\":null}", ",\"next\":null}")),
  ]

  /// As deep as generated code reads and writes, and not one level more.
  @Test(arguments: 0..<3) func depthIsThatOfGeneratedCode(number: Int) throws {
    let level = InterpreterTests.levels[number]
    let type = WireType.named(try #require(model(level.text).type(named: "t")))
    func bytes(_ count: Int) -> [UInt8] {
      let outer = count - 1
      return Array(repeatElement(level.bytes.before, count: outer).joined()) + level.bytes.innermost
        + repeatElement(level.bytes.after, count: outer).joined()
    }
    func json(_ count: Int) throws -> JSONValue {
      let (before, after) = (level.json.before, level.json.after)
      return try JSONParser.parse(
        String(repeating: before, count: count - 1) + level.json.innermost + String(repeating: after, count: count - 1))
    }
    var interpreter = Interpreter()
    #expect(try interpreter.json(type, bytes(128)).compact == json(128).compact)
    #expect(try interpreter.encode(type, json(128)) == bytes(128))
    func message(_ body: () throws -> Void) -> String? {
      do { try body() } catch { return (error as? Interpreter.Failure)?.message }
      return nil
    }
    #expect(message { _ = try interpreter.json(type, bytes(129)) } == "nested deeper than 128 levels")
    #expect(message { _ = try interpreter.encode(type, json(129)) } == "nested deeper than 128 levels")
  }

  /// `dump` judges damaged growables as generated code does, and what it takes comes back with the same bytes or with
  /// more: those of the fields that were left out.
  @Test func growablesAreJudgedAsByGeneratedCode() throws {
    let seed = UInt64.random(in: 0...UInt64(UInt32.max))
    print("growablesAreJudgedAsByGeneratedCode: seed \(seed)")
    let model = model(
      try String(contentsOf: fixtures.appending(path: "growable/growable.x"), encoding: .utf8))
    var accepted = 0
    var refused = 0
    for (number, entry) in growableTypes.enumerated() {
      let type = WireType.named(try #require(model.type(named: entry.name)))
      var source = XDRRandomSource(seed: seed &+ UInt64(number) &* 1_000_003)
      for _ in 0..<500 {
        var bytes = try entry.random(&source)
        let words = bytes.count / 4
        if words > 0, source.bool() {
          // Lengths and counts are small numbers at the start of words.
          bytes[Int(source.next() % UInt64(words)) * 4 + 3] = UInt8(source.next() % 100)
        }
        if source.chance(4) { bytes += [UInt8](repeating: 0, count: Int(source.next() % 9)) }
        var interpreter = Interpreter()
        let json = Result { try interpreter.json(type, bytes) }
        let ours = Result { try entry.recode(bytes) }
        guard case .success(let again) = ours else {
          refused += 1
          if case .success(let json) = json {
            Issue.record("\(entry.name) \(bytes): dump accepts \(json.compact), generated code refuses: \(ours)")
            return
          }
          continue
        }
        accepted += 1
        // Without what is unknown it makes the bytes of generated code.
        let value = try json.get()
        let encoded = try interpreter.encode(type, JSONParser.parse(value.compact))
        guard value.compact.contains("@rest") || encoded == again else {
          Issue.record("\(entry.name) \(bytes): \(again) of generated code, \(encoded) of dump")
          return
        }
      }
    }
    #expect(accepted > 1000 && refused > 1000)
  }

  @Test func growablesAsJSON() throws {
    let m = model(
      "/** @growable(max: 16) */ struct g { int a; /** @default(5) */ int b; /** @default */ string c<9>; };")
    let type = WireType.named(try #require(m.type(named: "g")))
    var interpreter = Interpreter()
    let old: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 1]
    #expect(try interpreter.json(type, old).compact == #"{"a":1,"b":5,"c":""}"#)
    let newer: [UInt8] = [0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0xab, 0, 0, 9]
    let json = try interpreter.json(type, newer)
    #expect(json.compact == #"{"a":1,"b":2,"c":"","@rest":"ab000009"}"#)
    #expect(try interpreter.encode(type, json) == newer)
    func encode(_ text: String) -> String {
      do {
        return try interpreter.encode(type, JSONParser.parse(text)).map(String.init).joined(separator: " ")
      } catch { return "\(error)" }
    }
    #expect(encode(#"{"a":1}"#) == "0 0 0 12 0 0 0 1 0 0 0 5 0 0 0 0")
    #expect(encode(#"{"b":1}"#) == "the field 'a' is missing")
    #expect(encode(#"{"a":1,"@rest":"00"}"#) == "a multiple of four bytes expected as '@rest'")
    #expect(encode(#"{"a":1,"@rest":"0000000100000001"}"#) == "length 20 is above the limit of 16")
  }

  @Test func errorsNameTheField() {
    let m = model("struct d { string source<4>; }; struct s { d disks<3>; };")
    var interpreter = Interpreter()
    guard let definition = m.type(named: "s") else { return #expect(Bool(false)) }
    do throws(Interpreter.Failure) {
      _ = try interpreter.json(.named(definition), [0, 0, 0, 1, 0, 0, 0, 9])
      Issue.record("accepted")
    } catch {
      #expect(error.description == "disks[0].source: length 9 is above the limit of 4 (byte 4)")
    }
  }

  @Test func secretsAreRedacted() throws {
    let m = model("struct s { string user<9>; /** @secret */ string password<9>; };")
    var interpreter = Interpreter()
    interpreter.redacts = true
    let json = try interpreter.json(
      .named(try #require(m.type(named: "s"))), [0, 0, 0, 1, 0x75, 0, 0, 0, 0, 0, 0, 1, 0x70, 0, 0, 0])
    #expect(json.compact == #"{"user":"u","password":"(secret)"}"#)
  }

  /// JSON is judged as strictly as bytes: what would mean something else, or nothing, is refused.
  @Test func jsonIsJudgedAsStrictlyAsBytes() throws {
    let m = model(
      """
      enum e { A = 1, B = 2 };
      union u switch (e k) { case A: int x; case B: void; };
      struct all { u v; float f; double d; opaque o<9>; hyper h; unsigned int n; };
      """)
    let type = WireType.named(try #require(m.type(named: "all")))
    func encode(_ replacements: [String: String]) -> Result<[UInt8], any Error> {
      var members = [
        "v": #"{"k":"A","x":1}"#, "f": "1.5", "d": "-2e3", "o": #""00ff""#, "h": #""-5""#, "n": "7",
      ]
      members.merge(replacements) { $1 }
      let text = "{" + members.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
      return Result {
        var interpreter = Interpreter()
        return try interpreter.encode(type, JSONParser.parse(text))
      }
    }
    func isAccepted(_ name: String, _ value: String) -> Bool { (try? encode([name: value]).get()) != nil }
    for (name, value) in [
      ("f", "0"), ("f", "-0.0"), ("f", "3.4028235e38"), ("f", "1E+2"), ("f", #""inf""#), ("d", #""-inf""#),
      ("d", "1e308"), ("f", #""nan""#), ("f", #""nan(0x7f800001)""#), ("d", #""nan(0xfff0000000000001)""#),
      ("o", #""""#),
      ("o", #""Ff 00""#), ("h", "9223372036854775807"), ("h", #""0""#), ("n", #""4294967295""#), ("v", #"{"k":"B"}"#),
      ("v", #"{"x":1,"k":1}"#),
    ] { #expect(isAccepted(name, value), "\(name): \(value)") }
    for (name, value) in [
      ("v", #"{"k":"B","x":1}"#), ("v", #"{"k":"A","x":1,"y":2}"#), ("v", #"{"k":"A","x":1,"x":2}"#),
      ("v", #"{"k":"A","k":"B","x":1}"#), ("v", #"{"k":"A"}"#), ("v", #"{"x":1}"#), ("f", "1e39"), ("f", "-3.5e38"),
      ("d", "1e309"), ("f", "01"), ("f", "1."), ("f", ".5"), ("f", "1e"), ("f", "+1"), ("f", "--1"), ("f", "0x10"),
      ("f", #""1.5""#), ("f", #""Infinity""#), ("f", #""nan(0x3f800000)""#), ("f", #""nan(0x7ff8000000000000)""#),
      ("d", #""nan(0x0)""#), ("f", #""snan""#), ("o", #""-0-0-0""#), ("o", #""+0""#), ("o", #""0""#), ("o", #""0g""#),
      ("h", #""05""#), ("h", #""+5""#), ("h", #""5.0""#), ("h", #"" 5""#), ("h", #""9223372036854775808""#),
      ("n", "-1"),
      ("n", "1.0"), ("n", "1e2"), ("n", "007"), ("n", #""-""#), ("n", "true"),
    ] { #expect(!isAccepted(name, value), "\(name): \(value)") }
    for text in [#"{"a":1,"a":1}"#, "[01]", "[1.]", "[-]", #"["\u+123"]"#, "[1e+]", "[00]", "[-01]"] {
      #expect(throws: JSONParser.Failure.self, "\(text)") { try JSONParser.parse(text) }
    }
  }

  /// Every float there is comes back with its bits, signalling NaNs among them.
  @Test func floatsComeBackWithTheirBits() throws {
    let m = model("struct s { float f; double d; };")
    let type = WireType.named(try #require(m.type(named: "s")))
    var interpreter = Interpreter()
    var source = SystemRandomNumberGenerator()
    let floats: [UInt32] = [
      0, 0x8000_0000, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0x7f80_0001, 0xffff_ffff, 1, 0x7f7f_ffff,
    ]
    let doubles: [UInt64] = [
      0, 1 << 63, 0x7ff0_0000_0000_0000, 0xfff0_0000_0000_0000, 0x7ff8_0000_0000_0000, 0x7ff0_0000_0000_0001,
      0xfff8_0000_0000_0000, .max, 0x7fef_ffff_ffff_ffff,
    ]
    for round in 0..<2000 {
      let f = round < floats.count ? floats[round] : UInt32.random(in: 0 ... .max, using: &source)
      let d = round < doubles.count ? doubles[round] : UInt64.random(in: 0 ... .max, using: &source)
      let bytes =
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: f >> $0) }
        + [56, 48, 40, 32, 24, 16, 8, 0].map { UInt8(truncatingIfNeeded: d >> $0) }
      let json = try interpreter.json(type, bytes)
      #expect(try interpreter.encode(type, JSONParser.parse(json.compact)) == bytes, "\(json.compact)")
    }
  }
}
