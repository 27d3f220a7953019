import KitchenSink
import Testing
import XDR
import XDRTesting

/// Growable structs between revisions: `growable-old.x` and `growable.x`, which adds fields.
@Suite struct GrowableTests {
  static let uuid = XDRFixedBytes<16>([UInt8](1...16))

  static let usage = Grown.Usage(
    pid: 1, name: "ab", memory: 2, priority: 3, loud: false, late: true, now: .busy, soon: .unknown(9), paint: .red,
    load: 0.5, share: 0.25, limit: -1, nice: 255, title: "title", raw: [0xff], blob: [1, 2, 3, 4], words: [1, 2],
    path: [Grown.Point(x: 1, y: -1)], id: uuid, chain: [Grown.Hop(at: Grown.Point(x: 5, y: 6))])

  /// `usage`, field by field: by hand after RFC 4506.
  static let fields: [[UInt8]] = [
    [0, 0, 0, 1],
    [0, 0, 0, 2, 0x61, 0x62, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 2],
    [0, 0, 0, 3],
    [0, 0, 0, 0],
    [0, 0, 0, 1],
    [0, 0, 0, 5],
    [0, 0, 0, 9],
    [0, 0, 0, 7],
    [0x3f, 0, 0, 0],
    [0x3f, 0xd0, 0, 0, 0, 0, 0, 0],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    [0, 0, 0, 255],
    [0, 0, 0, 5, 0x74, 0x69, 0x74, 0x6c, 0x65, 0, 0, 0],
    [0, 0, 0, 1, 0xff, 0, 0, 0],
    [0, 0, 0, 4, 1, 2, 3, 4],
    [0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2],
    [0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff],
    [0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
    [0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 0],
  ]

  /// Values of the fields as text, to compare how far a message got.
  static func texts(_ usage: Grown.Usage) -> [String] {
    [
      "\(usage.pid)", usage.name, "\(usage.memory)", "\(usage.priority)", "\(usage.loud)", "\(usage.late)",
      "\(usage.now)", "\(usage.soon)", "\(usage.paint)", "\(usage.load)", "\(usage.share)", "\(usage.limit)",
      "\(usage.nice)", usage.title, "\(usage.raw)", "\(usage.blob)", "\(usage.words)", "\(usage.path)",
      "\(String(describing: usage.id))", "\(usage.chain)",
    ]
  }

  static func carried(_ body: [UInt8]) -> [UInt8] { word(body.count) + body }
  static func word(_ value: Int) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }

  private func reason(_ body: () throws -> Void) -> XDRError.Reason? {
    do {
      try body()
      return nil
    } catch { return (error as? XDRError)?.reason }
  }

  @Test func theBytesAreALengthAndTheFields() throws {
    let bytes = GrowableTests.carried(GrowableTests.fields.flatMap(\.self))
    #expect(try GrowableTests.usage.xdrEncoded() == bytes)
    #expect(GrowableTests.usage.xdrSize == bytes.count)
    #expect(try Grown.Usage(xdr: bytes) == GrowableTests.usage)
    #expect(try GrownOld.Usage(pid: 1, name: "ab").xdrEncoded() == [0, 0, 0, 12] + GrowableTests.fields[..<2].joined())
    #expect(try Grown.Hints().xdrEncoded() == [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0])
    #expect(try Grown.Fixed(x: 1, y: 2).xdrEncoded() == [0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2])
  }

  @Test func anOldReaderTakesWhatItKnowsOfANewWriter() throws {
    #expect(try GrownOld.Usage(xdr: GrowableTests.usage.xdrEncoded()) == GrownOld.Usage(pid: 1, name: "ab"))
    #expect(try GrownOld.Hints(xdr: Grown.Hints(loud: true, word: "w").xdrEncoded()).loud)
    // The items behind each one are where they were.
    let plain = Grown.Plain(
      before: Grown.Hints(loud: true, word: "word"), middle: GrowableTests.usage,
      list: [GrowableTests.usage, GrowableTests.usage], mark: 0xfeed)
    let old = GrownOld.Usage(pid: 1, name: "ab")
    #expect(
      try GrownOld.Plain(xdr: plain.xdrEncoded())
        == GrownOld.Plain(before: GrownOld.Hints(loud: true), middle: old, list: [old, old], mark: 0xfeed))
    let entries = [Grown.Entry(item: Grown.Hints(word: "a")), Grown.Entry(item: Grown.Hints(loud: true))]
    var writer = XDRWriter(capacity: 64)
    try writer.writeList(entries)
    let bytes = writer.finish()
    var reader = XDRReader(bytes)
    #expect(try reader.readList(of: GrownOld.Entry.self).map(\.item.loud) == [false, true])
    try reader.finish()
  }

  static let report = Grown.Report(
    first: usage, many: [usage, usage], pair: [usage, usage], best: usage, pick: .true(usage), again: usage,
    square: Grown.Fixed(x: 3, y: 4), mark: 77, worst: usage, some: [Grown.Hints(word: "x")])

  @Test func growablesLieInGrowablesUnionsArraysAndOptionals() throws {
    let bytes = try GrowableTests.report.xdrEncoded()
    #expect(GrowableTests.report.xdrSize == bytes.count)
    #expect(try Grown.Report(xdr: bytes) == GrowableTests.report)
    let old = GrownOld.Usage(pid: 1, name: "ab")
    let expected = GrownOld.Report(
      first: old, many: [old, old], pair: [old, old], best: old, pick: .true(old), again: old,
      square: GrownOld.Fixed(x: 3, y: 4), mark: 77)
    #expect(try GrownOld.Report(xdr: bytes) == expected)
    // And back: what the old one never heard of has its default.
    let new = Grown.Usage(pid: 1, name: "ab")
    #expect(
      try Grown.Report(xdr: expected.xdrEncoded())
        == Grown.Report(
          first: new, many: [new, new], pair: [new, new], best: new, pick: .true(new), again: new,
          square: Grown.Fixed(x: 3, y: 4), mark: 77))
    #expect(new.priority == -7 && new.loud && !new.late && new.now == .idle && new.soon == .busy && new.paint == .blue)
    #expect(new.load == 1 && new.limit == 16 && new.nice == 19 && new.id == nil && new.chain.isEmpty)
  }

  @Test func borrowedFormsGrowAlike() throws {
    let bytes = try GrowableTests.report.xdrEncoded()
    let report = try Grown.ReportBorrowed(xdr: bytes)
    #expect(report.first.name.string(in: bytes) == "ab" && report.worst?.title.string(in: bytes) == "title")
    #expect(report.mark == 77 && report.some.count == 1)
    let oldBytes = try GrownOld.Report(xdr: bytes).xdrEncoded()
    let old = try Grown.ReportBorrowed(xdr: oldBytes)
    #expect(old.first.name.string(in: oldBytes) == "ab" && old.first.title.string(in: oldBytes) == "")
    #expect(old.first.nice == 19 && old.worst == nil && old.mark == 77)
    #expect(try GrownOld.ReportBorrowed(xdr: bytes).mark == 77)
  }

  /// Whatever length is claimed: at the end of a field that need not be there it is an older writer's, elsewhere damage.
  @Test func dataMayEndAtAFieldAndNowhereElse() throws {
    let body = GrowableTests.fields.flatMap(\.self)
    var ends: [Int: Int] = [:]
    var end = 0
    for (index, field) in GrowableTests.fields.enumerated() {
      end += field.count
      if index >= 1 { ends[end] = index + 1 }
    }
    let all = GrowableTests.texts(GrowableTests.usage)
    let none = GrowableTests.texts(Grown.Usage(pid: 0, name: ""))
    for length in 0...body.count {
      // With what follows in the message, and without.
      for behind in [[], Array(body[length...]) + [UInt8](repeating: 1, count: 64)] {
        let padding = [UInt8](repeating: 0, count: -length & 3)
        let message = GrowableTests.word(length) + body[..<length] + padding + behind
        var reader = XDRReader(message)
        let result = Result { () throws(XDRError) in try Grown.Usage(from: &reader) }
        guard let known = ends[length] else {
          guard case .failure(let error) = result else {
            Issue.record("\(length) bytes of fields are accepted")
            continue
          }
          switch error.reason {
          case .truncated, .countBeyondMessage: break
          default: Issue.record("\(length): \(error)")
          }
          continue
        }
        let texts = GrowableTests.texts(try result.get())
        #expect(texts == Array(all[..<known] + none[known...]), "\(length)")
        #expect(reader.offset == 4 + length)
      }
    }
    #expect(ends.count == 19)
  }

  /// A message cut anywhere is refused, however many lengths it lies in.
  @Test func cutMessagesAreRefused() throws {
    for bytes in [try GrowableTests.usage.xdrEncoded(), try GrowableTests.report.xdrEncoded()] {
      for count in 0..<bytes.count {
        let cut = Array(bytes[..<count])
        #expect(throws: XDRError.self) { _ = try Grown.Report(xdr: cut) }
        #expect(throws: XDRError.self) { _ = try Grown.Usage(xdr: cut) }
        #expect(throws: XDRError.self) { _ = try GrownOld.Usage(xdr: cut) }
      }
    }
  }

  @Test func whatNewerWritersAddIsSkipped() throws {
    let body = GrowableTests.fields.flatMap(\.self)
    for extra in 0...24 {
      let more = [UInt8](repeating: 0xff, count: extra)
      let padding = [UInt8](repeating: 0, count: -extra & 3)
      let message = GrowableTests.word(body.count + extra) + body + more + padding + [0, 0, 0, 5]
      var reader = XDRReader(message)
      let result = Result { () throws(XDRError) in try Grown.Usage(from: &reader) }
      if extra % 4 != 0 {
        guard case .failure(let error) = result else {
          Issue.record("\(extra) bytes more are accepted")
          continue
        }
        #expect(error.reason == .truncated(needed: 4, remaining: extra % 4) && error.offset == 0)
        continue
      }
      #expect(try result.get() == GrowableTests.usage)
      #expect(try reader.readUInt32() == 5)
      try reader.finish()
    }
    // Not beyond the bound.
    #expect(
      reason { _ = try Grown.Hints(xdr: [0, 0, 0, 20] + [UInt8](repeating: 0, count: 20)) }
        == .tooLong(count: 20, limit: 16))
    #expect(
      reason { _ = try Grown.Fixed(xdr: [0, 0, 0, 12] + [UInt8](repeating: 0, count: 12)) }
        == .tooLong(count: 12, limit: 8))
    // Nor is anything made of a length that the message does not have.
    #expect(
      reason { _ = try Grown.Report(xdr: [0xff, 0xff, 0xff, 0xfc, 0, 0, 0, 0]) }
        == .truncated(needed: 0xffff_fffc, remaining: 4))
  }

  /// Items inside cannot reach what lies behind, although the message has the bytes.
  @Test func nothingIsReadPastTheEndOfAGrowable() {
    let behind = [UInt8](repeating: 0, count: 64)
    // A name of 8 bytes where 4 are left; a mandatory pid where none is; an array; an inner growable.
    #expect(
      reason { _ = try Grown.Plain(xdr: [0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 8] + behind) }
        == .truncated(needed: 8, remaining: 4))
    #expect(
      reason { _ = try Grown.Plain(xdr: [0, 0, 0, 0, 0, 0, 0, 0] + behind) } == .truncated(needed: 4, remaining: 0))
    #expect(
      reason { _ = try Grown.Forest(xdr: [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1] + behind) }
        == .countBeyondMessage(count: 1, remaining: 0))
    #expect(
      reason { _ = try Grown.Report(xdr: [0, 0, 0, 8, 0, 0, 0, 12] + behind) }
        == .truncated(needed: 12, remaining: 4))
    #expect(
      reason { _ = try Grown.Tree(xdr: [0, 0, 0, 4, 0, 0, 0, 1] + behind) }
        == .truncated(needed: 4, remaining: 0))
  }

  @Test func recursionStaysBounded() throws {
    func tree(_ depth: Int) -> [UInt8] {
      var bytes: [UInt8] = [0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
      for _ in 1..<depth {
        bytes = GrowableTests.carried([0, 0, 0, 1, 0, 0, 0, 1] + bytes + [0, 0, 0, 0])
      }
      return bytes
    }
    let deepest = try Grown.Tree(xdr: tree(128))
    #expect(try deepest.xdrEncoded() == tree(128))
    #expect(reason { _ = try Grown.Tree(xdr: tree(129)) } == .tooDeep(limit: 128))
    var deeper = deepest
    deeper = Grown.Tree(value: 1, left: deeper)
    #expect(reason { _ = try deeper.xdrEncoded() } == .tooDeep(limit: 128))
    // An older writer's, with no right branches.
    let old = try GrownOld.Tree(xdr: tree(100))
    #expect(try Grown.Tree(xdr: old.xdrEncoded()) == Grown.Tree(xdr: tree(100)))
    var forest = Grown.Forest(label: "", kids: [])
    for _ in 1..<128 { forest = Grown.Forest(label: "f", kids: [forest], color: 4) }
    #expect(try Grown.Forest(xdr: forest.xdrEncoded()) == forest)
    forest = Grown.Forest(label: "f", kids: [forest])
    #expect(reason { _ = try forest.xdrEncoded() } == .tooDeep(limit: 128))
  }

  @Test func whatIsAboveTheBoundIsNotSent() throws {
    let word = Grown.Hints(loud: true, word: "12345678")
    #expect(try word.xdrEncoded().count == 20)
    var writer = XDRWriter(capacity: 0)
    writer.writeUInt32(9)
    let start = writer.beginGrowable()
    for _ in 0..<5 { writer.writeUInt32(1) }
    #expect(throws: XDRError(.tooLong(count: 20, limit: 16), offset: 4)) {
      var other = XDRWriter(capacity: 0)
      other.writeUInt32(9)
      let start = other.beginGrowable()
      for _ in 0..<5 { other.writeUInt32(1) }
      try other.endGrowable(start, max: 16)
    }
    // The writer may have moved since its length was left out.
    try writer.endGrowable(start, max: 20)
    #expect(writer.finish()[4..<8] == [0, 0, 0, 20])
  }

  @Test func randomValuesGoThroughTheOldRevision() throws {
    var source = XDRRandomSource(seed: .random(in: 0...UInt64(UInt32.max)))
    for _ in 0..<2000 {
      let report = Grown.Report.random(using: &source)
      let old = try GrownOld.Report(xdr: report.xdrEncoded())
      #expect(old.many.map(\.pid) == report.many.map(\.pid) && old.mark == report.mark)
      let back = try Grown.Report(xdr: old.xdrEncoded())
      #expect(
        back.mark == report.mark && back.worst == nil
          && back.first
            == Grown.Usage(
              pid: report.first.pid, name: report.first.name)
      )
      let forest = Grown.Forest.random(using: &source)
      #expect(try GrownOld.Forest(xdr: forest.xdrEncoded()).kids.count == forest.kids.count)
    }
  }
}
