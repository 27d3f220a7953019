import Testing

@testable import XDR

/// Reads with a fresh reader; a reader cannot leave the bytes it borrows, so the test brings its work here.
func reading<Value>(
  _ bytes: [UInt8], limits: XDRLimits? = nil, _ body: (inout XDRReader) throws(XDRError) -> Value
) throws(XDRError) -> Value {
  var reader = unsafe XDRReader(bytes.span.bytes, limits: limits ?? .standard(messageSize: bytes.count))
  return try body(&reader)
}

func failure<Value>(
  _ bytes: [UInt8], limits: XDRLimits? = nil, _ body: (inout XDRReader) throws(XDRError) -> Value
) -> XDRError? {
  do throws(XDRError) {
    _ = try reading(bytes, limits: limits, body)
    return nil
  } catch {
    return error
  }
}

func writing(_ capacity: Int, _ body: (inout XDRWriter) throws(XDRError) -> Void) throws(XDRError) -> [UInt8] {
  var writer = XDRWriter(capacity: capacity)
  try body(&writer)
  return writer.finish()
}

struct Node: XDRCodable, Hashable {
  var name: String
  var values: [Int32]
  static var xdrMinimumSize: Int { 8 }
  var xdrSize: Int { XDRWriter.opaqueSize(name.utf8.count) + 4 + 4 * values.count }
  init(name: String, values: [Int32]) {
    self.name = name
    self.values = values
  }
  func encode(into writer: inout XDRWriter) throws(XDRError) {
    try writer.writeString(name, max: 8)
    try writer.writeWords(values, max: 3)
  }
  init(from reader: inout XDRReader) throws(XDRError) {
    var field = 0
    do throws(XDRError) {
      name = try reader.readString(max: 8)
      field = 1
      values = try reader.readWords(max: 3)
    } catch {
      throw error.inside(["name", "values"], field)
    }
  }
}

@Suite struct ScalarTests {
  @Test func scalarsAreBigEndianWords() throws {
    let bytes = try writing(40) { writer in
      writer.writeInt32(-2)
      writer.writeUInt32(0x0102_0304)
      writer.writeInt64(-3)
      writer.writeDouble(1)
      writer.writeFloat(-1)
      writer.writeBool(true)
      writer.writeNarrow(Int8(-1))
      writer.writeNarrow(UInt16(0xffff))
    }
    #expect(
      bytes == [
        255, 255, 255, 254, 1, 2, 3, 4, 255, 255, 255, 255, 255, 255, 255, 253, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0xbf,
        0x80, 0, 0, 0, 0, 0, 1, 255, 255, 255, 255, 0, 0, 255, 255,
      ])
    try reading(bytes) { (reader) throws(XDRError) in
      #expect(try reader.readInt32() == -2)
      #expect(try reader.readUInt32() == 0x0102_0304)
      #expect(try reader.readInt64() == -3)
      #expect(try reader.readDouble() == 1)
      #expect(try reader.readFloat() == -1)
      #expect(try reader.readBool())
      #expect(try reader.readNarrow(Int8.self) == -1)
      #expect(try reader.readNarrow(UInt16.self) == 0xffff)
      try reader.finish()
    }
  }

  @Test(arguments: [2, 0xffff_ffff, 0x0100_0000] as [UInt32]) func flagsOtherThanZeroAndOneAreRefused(word: UInt32)
    throws
  {
    let bytes = try writing(4) { $0.writeUInt32(word) }
    #expect(failure(bytes) { (r) throws(XDRError) in try r.readBool() } == XDRError(.invalidBool(word), offset: 0))
    #expect(
      failure(bytes) { (r) throws(XDRError) in try r.readOptional(of: Int32.self) }?.reason == .invalidBool(word))
  }

  @Test func narrowIntegersOutOfRangeAreRefused() throws {
    func refused<T: FixedWidthInteger>(_ word: Int32, _ type: T.Type) throws -> Bool {
      let bytes = try writing(4) { $0.writeInt32(word) }
      return failure(bytes) { (r) throws(XDRError) in try r.readNarrow(type) } != nil
    }
    #expect(try refused(128, Int8.self) && !refused(127, Int8.self) && !refused(-128, Int8.self))
    #expect(try refused(-129, Int8.self) && refused(256, UInt8.self) && refused(-1, UInt8.self))
    #expect(try refused(32768, Int16.self) && !refused(-32768, Int16.self) && refused(65536, UInt16.self))
  }

  @Test(arguments: 0..<8) func everyTruncationIsRefusedAtItsOffset(length: Int) {
    let bytes = [UInt8](repeating: 0, count: length)
    let error = failure(bytes) { (r) throws(XDRError) in try r.readInt64() }
    #expect(error == XDRError(.truncated(needed: 8, remaining: length), offset: 0))
  }
}

@Suite struct BytesTests {
  @Test(arguments: 0...9) func opaquesArePaddedWithZeros(count: Int) throws {
    let content = (0..<count).map { UInt8($0 + 1) }
    let bytes = try writing(XDRWriter.opaqueSize(count)) { (w) throws(XDRError) in try w.writeOpaque(content, max: 9) }
    #expect(bytes.count == XDRWriter.opaqueSize(count))
    #expect(bytes.prefix(4) == [0, 0, 0, UInt8(count)])
    #expect(bytes.dropFirst(4).prefix(count) == content[...])
    #expect(bytes.dropFirst(4 + count).allSatisfy { $0 == 0 })
    #expect(try reading(bytes) { (r) throws(XDRError) in try r.readOpaque(max: 9) } == content)
    for end in 0..<bytes.count {
      #expect(failure([UInt8](bytes[..<end])) { (r) throws(XDRError) in try r.readOpaque(max: 9) } != nil)
    }
  }

  @Test(arguments: 1...7) func dirtyPaddingIsRefusedUnlessAllowed(count: Int) throws {
    let content = [UInt8](repeating: 0xff, count: count)
    let padding = -count & 3
    let lenient = XDRLimits(memory: 100, allowsDirtyPadding: true)
    // Each byte of the padding, and what follows it, which is none of it.
    for dirty in 0...padding {
      var bytes = [0, 0, 0, UInt8(count)] + content + [UInt8](repeating: 0, count: padding + 1)
      bytes[4 + count + dirty] = 1
      let refusal = dirty < padding ? XDRError(.dirtyPadding, offset: 4 + count) : nil
      #expect(failure(bytes) { (r) throws(XDRError) in try r.readOpaque(max: 7) } == refusal)
      #expect(try reading(bytes, limits: lenient) { (r) throws(XDRError) in try r.readOpaque(max: 7) } == content)
    }
  }

  @Test func lengthsAreCheckedBeforeTheBytes() {
    #expect(
      failure([0, 0, 0, 9]) { (r) throws(XDRError) in try r.readOpaque(max: 8) }
        == XDRError(.tooLong(count: 9, limit: 8), offset: 0))
    #expect(
      failure([0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4]) { (r) throws(XDRError) in try r.readOpaque(max: .max) }?.reason
        == .truncated(needed: 0xffff_ffff, remaining: 4))
  }

  @Test func stringsAreStrictUTF8WithoutNUL() throws {
    func string(_ content: [UInt8]) throws -> [UInt8] {
      try writing(64) { (w) throws(XDRError) in try w.writeOpaque(content, max: 64) }
    }
    for text in ["", "a", "é", "guest-1", "longer than a small string ✓", "\u{10FFFF}"] {
      #expect(try reading(try string([UInt8](text.utf8))) { (r) throws(XDRError) in try r.readString(max: 64) } == text)
      #expect(
        try writing(64) { (w) throws(XDRError) in try w.writeString(text, max: 64) } == string([UInt8](text.utf8)))
    }
    for bad: [UInt8] in [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x61, 0xe2, 0x82]] {
      let bytes = try string(bad)
      #expect(
        failure(bytes) { (r) throws(XDRError) in try r.readString(max: 64) } == XDRError(.invalidUTF8, offset: 4))
    }
    let nul = try string([0x61, 0, 0x62])
    #expect(failure(nul) { (r) throws(XDRError) in try r.readString(max: 64) } == XDRError(.containsNUL, offset: 5))
    #expect(throws: XDRError(.containsNUL, offset: 0)) {
      try writing(8) { (w) throws(XDRError) in try w.writeString("a\0b", max: 8) }
    }
    #expect(throws: XDRError(.tooLong(count: 3, limit: 2), offset: 0)) {
      try writing(8) { (w) throws(XDRError) in try w.writeString("abc", max: 2) }
    }
  }
}

/// Text is copied and looked through in one go, by words of several widths: each length takes another way.
@Suite struct TextCopyTests {
  @Test(arguments: 0...70) func everyLengthComesOutWholeAndEveryNULIsFound(length: Int) throws {
    let bytes = (0..<length).map { UInt8(0x21 + $0 % 90) }
    let encoding = [0, 0, 0, UInt8(length)] + bytes + [UInt8](repeating: 0, count: -length & 3)
    for text in [String(decoding: bytes, as: UTF8.self), large(bytes)] {
      // From no room at all, from exactly enough, and with bytes behind that must not be touched.
      for capacity in [0, encoding.count, 200] {
        for form in Form.allCases {
          let written = try writing(capacity) { (writer) throws(XDRError) in
            writer.writeUInt32(7)
            try put(text, and: 9, form, &writer)
          }
          #expect(written == [0, 0, 0, 7] + encoding + [0, 0, 0, 9])
        }
      }
    }
    for position in 0..<length {
      var bad = bytes
      bad[position] = 0
      for text in [String(decoding: bad, as: UTF8.self), large(bad)] {
        for form in Form.allCases {
          #expect(throws: XDRError(.containsNUL, offset: 4)) {
            try writing(80) { (writer) throws(XDRError) in
              writer.writeUInt32(7)
              try put(text, and: 9, form, &writer)
            }
          }
        }
      }
    }
  }

  /// That Swift keeps short texts where they are looked for; if it no longer does, encoding is right and slower.
  @Test(arguments: 0...15) func shortTextsAreTakenOutOfTheString(length: Int) throws {
    let ascii = String(decoding: (0..<length).map { UInt8(0x21 + $0) }, as: UTF8.self)
    for text in [ascii, String(repeating: "é", count: length / 2)] {
      let short = try #require(ShortText(text))
      var words = short.high
      var bytes: [UInt8] = []
      for index in 0..<16 {
        bytes.append(UInt8(truncatingIfNeeded: index < 8 ? short.low >> (8 * UInt64(index)) : words))
        if index >= 8 { words >>= 8 }
      }
      #expect(short.count == text.utf8.count)
      #expect(bytes == [UInt8](text.utf8) + [UInt8](repeating: 0, count: 16 - short.count))
      #expect(ShortText(large([UInt8](text.utf8))) == nil)
    }
    #expect(ShortText(ascii + "sixteen and more") == nil)
  }

  enum Form: CaseIterable { case called, expanded, withRun }

  /// The text and a word.
  private func put(_ text: String, and word: UInt32, _ form: Form, _ writer: inout XDRWriter) throws(XDRError) {
    switch form {
    case .called: try writer.writeString(text, max: 70)
    case .expanded: try writer.putString(text, max: 70)
    case .withRun: return try writer.putString(text, max: 70, run: 4) { run in run.uint32(0, word) }
    }
    writer.writeUInt32(word)
  }

  /// The text in memory of its own, where Swift would keep a short one in the value.
  private func large(_ bytes: [UInt8]) -> String {
    var text = String(repeating: "x", count: 100)
    text += String(decoding: bytes, as: UTF8.self)
    text.removeFirst(100)
    return text
  }

  @Test func aRefusedTextLeavesTheWriterAsItWas() throws {
    let written = try writing(0) { (writer) throws(XDRError) in
      try writer.writeString("before", max: 8)
      for bad in ["a\0b", "longer than eight", "a name of twenty\0byte"] {
        do throws(XDRError) { try writer.putString(bad, max: 20) } catch { continue }
      }
      writer.writeUInt32(1)
    }
    // "longer than eight" is within 20 and goes out; the two with a NUL do not.
    let long = [0, 0, 0, 17] + [UInt8]("longer than eight".utf8) + [0, 0, 0]
    #expect(written == [0, 0, 0, 6] + [UInt8]("before".utf8) + [0, 0] + long + [0, 0, 0, 1])
  }
}

@Suite struct InPlaceTests {
  @Test func elementsAreEncodedWhereTheyLieAndSayWhichOneWasWrong() throws {
    let nodes = (0..<5).map { Node(name: "node\($0)", values: [Int32](repeating: 1, count: $0 % 4)) }
    let written = try writing(XDRWriter.arraySize(nodes) { $0.xdrSize } + 4) { (writer) throws(XDRError) in
      try writer.writeArray(nodes, max: 5)
    }
    #expect(try reading(written) { (r) throws(XDRError) in try r.readArray(of: Node.self, max: 5) } == nodes)
    #expect(try writing(0) { (writer) throws(XDRError) in try writer.writeArray([Node](), max: 5) } == [0, 0, 0, 0])
    var bad = nodes
    bad[3].name = "too long a name"
    for form in 0..<3 {
      do throws(XDRError) {
        _ = try writing(0) { (writer) throws(XDRError) in
          switch form {
          case 0: try writer.writeArray(bad, max: 5)
          case 1: try writer.writeList(bad)
          default: try writer.writeNonEmptyList(bad)
          }
        }
        Issue.record("a name above its bound was written")
      } catch {
        #expect(error.path == [.index(3)])
        #expect(error.reason == .tooLong(count: 15, limit: 8))
      }
    }
  }

  @Test func elementsWithABoundFromOutsideToo() throws {
    let names = ["a", "guest-000001", "a name that does not fit fifteen bytes", ""]
    let written = try writing(0) { (writer) throws(XDRError) in
      try writer.writeArray(names, max: 4) { (writer: inout XDRWriter, name: String) throws(XDRError) in
        try writer.writeString(name, max: 64)
      }
    }
    #expect(written.count == 4 + XDRWriter.arraySize(names) { XDRWriter.opaqueSize($0.utf8.count) })
    let back = try reading(written) { (r) throws(XDRError) in
      try r.readArray(max: 4, minimumSize: 4) { (r: inout XDRReader) throws(XDRError) in try r.readString(max: 64) }
    }
    #expect(back == names)
  }
}

@Suite struct ArrayTests {
  @Test func countsAreCheckedAgainstTheRestOfTheMessage() {
    let huge: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1]
    let reason = XDRError.Reason.countBeyondMessage(count: 0xffff_ffff, remaining: 4)
    #expect(failure(huge) { (r) throws(XDRError) in try r.readArray(of: Node.self, max: .max) }?.reason == reason)
    #expect(failure(huge) { (r) throws(XDRError) in try r.readWords(of: Int64.self, max: .max) }?.reason == reason)
    // Even an element that claims to take no bytes cannot be counted to 2^32.
    #expect(failure(huge) { (r) throws(XDRError) in try r.readArray(of: XDRVoid.self, max: .max) }?.reason == reason)
  }

  @Test func memoryBudgetEndsAmplification() {
    let bytes = [0, 0, 0, 4] + [UInt8](repeating: 0, count: 32)
    let error = failure(bytes, limits: XDRLimits(memory: 64)) { (r) throws(XDRError) in
      try r.readArray(of: Node.self, max: 9)
    }
    #expect(error?.reason == .tooMuchMemory(limit: 64))
  }

  @Test func errorsNameTheWayToTheField() {
    let bytes: [UInt8] = [0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4]
    let error = failure(bytes) { (r) throws(XDRError) in try r.readArray(of: Node.self, max: 9) }
    #expect(error?.path == [.index(1), .field("values")])
    #expect(error?.offset == 16)
    let whole = error?.inside(field: "disks").inside(field: "args")
    #expect(whole?.description == "args.disks[1].values: length 4 is above the limit of 3 (byte 16)")
  }

  @Test func wordsAndElementsEncodeAlike() throws {
    let values: [Int32] = [1, -1, .max, .min]
    let bulk = try writing(20) { (w) throws(XDRError) in try w.writeWords(values, max: 4) }
    let single = try writing(20) { (w) throws(XDRError) in try w.writeArray(values, max: 4) }
    #expect(bulk == single)
    #expect(try reading(bulk) { (r) throws(XDRError) in try r.readWords(max: 4) } == values)
    #expect(try reading(bulk) { (r) throws(XDRError) in try r.readArray(max: 4) } == values)
  }

  @Test func depthIsLimited() {
    let limits = XDRLimits(depth: 2, memory: 0)
    let error = failure([], limits: limits) { (r) throws(XDRError) in
      try r.enter()
      try r.enter()
      r.leave()
      try r.enter()
      try r.enter()
    }
    #expect(error?.reason == .tooDeep(limit: 2))
  }
}

@Suite struct WriterTests {
  @Test func aCapacityTooSmallGrows() throws {
    let bytes = try writing(0) { writer in for value in 0..<1000 { writer.writeInt32(Int32(value)) } }
    #expect(bytes.count == 4000)
    #expect(bytes.suffix(4) == [0, 0, 3, 231])
  }

  @Test func aHeaderAndABodyShareOneAllocation() throws {
    let body = Node(name: "web", values: [7])
    let frame = try writing(4 + body.xdrSize) { (writer) throws(XDRError) in
      writer.writeUInt32(UInt32(4 + body.xdrSize))
      try body.encode(into: &writer)
    }
    #expect(frame == [0, 0, 0, 20, 0, 0, 0, 3, 119, 101, 98, 0, 0, 0, 0, 1, 0, 0, 0, 7])
    #expect(try Node(xdr: frame[4...]) == body)
  }

  @Test func wholeMessagesRefuseTrailingBytes() throws {
    let body = try Node(name: "web", values: []).xdrEncoded()
    #expect(throws: XDRError(.trailingBytes(4), offset: 12)) { try Node(xdr: body + [0, 0, 0, 0]) }
  }

  @Test func runsWriteAndReadFixedItems() throws {
    let bytes = try writing(20) { writer in
      writer.writeRun(20) { run in
        run.int32(0, -1)
        run.uint64(4, 2)
        run.bool(12, true)
        run.narrow(16, Int8(-5))
      }
    }
    try reading(bytes) { (reader) throws(XDRError) in
      let run = try reader.readRun(20)
      #expect(run.int32(0) == -1)
      #expect(run.uint64(4) == 2)
      #expect(try run.bool(12))
      #expect(try run.narrow(16, Int8.self) == -5)
    }
    #expect(
      failure(bytes) { (r) throws(XDRError) in _ = try r.readRun(21) }?.reason == .truncated(needed: 21, remaining: 20))
  }

  @Test func theRestIsRaw() throws {
    #expect(
      try reading([0, 0, 0, 1, 9, 8, 7]) { (r) throws(XDRError) in
        _ = try r.readUInt32()
        return r.readRest().byteCount
      } == 3)
  }
}
