import AllocationMeter
import Foundation
import KitchenSink
import Testing
import XDR
import XDRTesting

/// Every known attack on XDR decoders: refused, and cheap. The README's table is what this prints in a build for
/// release.
@Suite(.serialized) struct HostileInputTests {
  struct Attack: CustomTestStringConvertible, Sendable {
    var name: String
    var type: String
    var bytes: [UInt8]
    /// Nil when it is legal and must only be cheap.
    var refusal: (@Sendable (XDRError.Reason) -> Bool)?
    var testDescription: String { name }
  }

  static func words(_ words: UInt32...) -> [UInt8] {
    words.flatMap { word in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) } }
  }

  /// A list node as often as asked: flag, value; then the end.
  static func list(_ count: Int, firstIsBare: Bool) -> [UInt8] {
    var bytes = firstIsBare ? words(0) : []
    for _ in 0..<count { bytes += [0, 0, 0, 1, 0, 0, 0, 7] }
    return bytes + words(0)
  }

  static let attacks: [Attack] = [
    Attack(name: "array of 2^32-1 ints in 8 bytes", type: "t_vi", bytes: words(.max, 1)) {
      if case .countBeyondMessage = $0 { true } else { false }
    },
    Attack(name: "string of 2 GiB in 8 bytes", type: "t_str", bytes: words(0x8000_0000, 1)) {
      if case .truncated = $0 { true } else { false }
    },
    Attack(name: "opaque of 4 GiB in 8 bytes", type: "t_var", bytes: words(.max, 1)) {
      if case .truncated = $0 { true } else { false }
    },
    Attack(name: "length above its bound", type: "t_str8", bytes: words(9, 0, 0, 0)) {
      if case .tooLong = $0 { true } else { false }
    },
    // Zero-width elements in an array cannot be written: the compiler refuses the schema (`zero-width-element`).
    Attack(
      name: "tree 100,000 deep", type: "ks_tree",
      bytes: Array((0..<100_000).flatMap { _ in words(0, 1) } + words(0, 0, 0))
    ) { if case .tooDeep = $0 { true } else { false } },
    Attack(
      name: "tree 129 deep", type: "ks_tree", bytes: Array((0..<129).flatMap { _ in words(0, 1) } + words(0, 0, 0))
    ) { if case .tooDeep = $0 { true } else { false } },
    Attack(
      name: "arrays nested 100,000 deep", type: "ks_nary",
      bytes: Array((0..<100_000).flatMap { _ in words(1, 1) } + words(1, 0))
    ) { if case .tooDeep = $0 { true } else { false } },
    Attack(
      name: "two types by turns, 100,000 deep", type: "ks_ping",
      bytes: Array((0..<50_000).flatMap { _ in words(1, 1, 0, 1) } + words(1, 0))
    ) { if case .tooDeep = $0 { true } else { false } },
    Attack(name: "list of 1,000,000 nodes", type: "ks_listp", bytes: list(1_000_000, firstIsBare: false), refusal: nil),
    Attack(
      name: "list of 1,000,000 nodes by value", type: "ks_list", bytes: list(1_000_000, firstIsBare: true), refusal: nil
    ),
    Attack(
      name: "list whose end is missing", type: "ks_listp", bytes: Array(list(1_000_000, firstIsBare: false).dropLast(4))
    ) {
      if case .truncated = $0 { true } else { false }
    },
    Attack(name: "padding that is not zero", type: "t_op1", bytes: [7, 0, 0, 1]) {
      if case .dirtyPadding = $0 { true } else { false }
    },
    Attack(name: "bool of 2", type: "t_bool", bytes: words(2)) { if case .invalidBool = $0 { true } else { false } },
    Attack(name: "optional's flag of 2^31", type: "t_optint", bytes: words(0x8000_0000, 1)) {
      if case .invalidBool = $0 { true } else { false }
    },
    Attack(name: "undeclared enum value", type: "t_color", bytes: words(77)) {
      if case .unknownValue = $0 { true } else { false }
    },
    Attack(name: "union without an arm for it", type: "ks_u_uns", bytes: words(8, 0)) {
      if case .unknownDiscriminant = $0 { true } else { false }
    },
    Attack(name: "char of 300", type: "t_char", bytes: words(300)) { if case .outOfRange = $0 { true } else { false } },
    Attack(name: "NUL inside a string", type: "t_str", bytes: words(3) + [0x61, 0, 0x62, 0]) {
      if case .containsNUL = $0 { true } else { false }
    },
    Attack(name: "string that is not UTF-8", type: "t_str", bytes: words(2) + [0xc3, 0x28, 0, 0]) {
      if case .invalidUTF8 = $0 { true } else { false }
    },
    Attack(name: "bytes after the message", type: "t_int", bytes: words(1, 2)) {
      if case .trailingBytes = $0 { true } else { false }
    },
  ]

  @Test func theMeterCountsWhatIsAllocated() {
    meter_begin()
    var bytes = [UInt8](repeating: 1, count: 100_000)
    bytes[Int.random(in: 0..<bytes.count)] = 2
    bytes = []
    let peak = meter_end()
    #expect((100_000..<110_000).contains(peak))
  }

  /// Time and memory of one decoding, and its error. One before it has metadata and caches made.
  private func measure(_ decode: () throws(XDRError) -> Void) -> (refusal: XDRError?, time: Duration, peak: Int) {
    try? decode()
    var refusal: XDRError?
    let clock = ContinuousClock()
    meter_begin()
    let begin = clock.now
    do throws(XDRError) { try decode() } catch { refusal = error }
    let time = clock.now - begin
    return (refusal, time, meter_end())
  }

  /// A row of the README's table.
  private func report(_ name: String, _ size: Int, _ result: (refusal: XDRError?, time: Duration, peak: Int)) {
    let microseconds = Int((result.time / .microseconds(1)).rounded())
    print(
      "| \(name) | \(size) | \(result.refusal?.reason.description ?? "accepted") | \(microseconds) | \(result.peak) |")
  }

  @Test(arguments: attacks) func attacksAreRefusedAndCheap(attack: Attack) throws {
    let type = try #require(kitchenSinkTypes.first { $0.name == attack.type })
    let result = measure { () throws(XDRError) in try type.decode(attack.bytes) }
    report(attack.name, attack.bytes.count, result)
    switch (result.refusal, attack.refusal) {
    case (nil, nil): #expect(try type.recode(attack.bytes) == attack.bytes)
    case (nil, _): Issue.record("accepted")
    case (let error?, let isExpected?): #expect(isExpected(error.reason), "\(error)")
    case (let error?, nil): Issue.record("\(error)")
    }
    // The size of its input, and a constant: an error, and 128 levels of boxes and of the path to them.
    #expect(result.peak <= attack.bytes.count + 32_768)
    #expect(result.time < .seconds(20))
  }

  /// Elements that are small on the wire and wide in memory.
  struct Wide: CustomTestStringConvertible, Sendable {
    var name: String
    var bytesEach: Int
    var decode: @Sendable (inout XDRReader) throws(XDRError) -> Void
    var testDescription: String { name }
  }

  static let wide: [Wide] = [
    Wide(name: "1,000,000 empty strings", bytesEach: 4) { reader throws(XDRError) in
      _ = try reader.readArray(of: Text.self, max: .max)
    },
    Wide(name: "1,000,000 unions in their void arm", bytesEach: 4) { reader throws(XDRError) in
      _ = try reader.readArray(of: KS.KsUArms.self, max: .max)
    },
    Wide(name: "1,000,000 trees without branches", bytesEach: 8) { reader throws(XDRError) in
      _ = try reader.readArray(of: KS.KsNary.self, max: .max)
    },
  ]

  struct Text: XDRDecodable {
    static var xdrMinimumSize: Int { 4 }
    let text: String
    init(from reader: inout XDRReader) throws(XDRError) { text = try reader.readString(max: .max) }
  }

  @Test(arguments: wide) func whatGrowsInMemoryStaysWithinItsBudget(wide: Wide) {
    let bytes = HostileInputTests.words(1_000_000) + [UInt8](repeating: 0, count: wide.bytesEach * 1_000_000)
    let result = measure { () throws(XDRError) in
      var reader = XDRReader(bytes)
      try wide.decode(&reader)
      try reader.finish()
    }
    report(wide.name, bytes.count, result)
    if let error = result.refusal { #expect(error.reason == .tooMuchMemory(limit: 16 * bytes.count + 65_536)) }
    #expect(result.peak <= 16 * bytes.count + 65_536)
    // Half of what it took, or less than it asked for, and it is refused.
    let limit = max(result.peak / 2, 1_000_000)
    var refused: XDRError?
    do throws(XDRError) {
      var limited = unsafe XDRReader(bytes.span.bytes, limits: XDRLimits(memory: limit))
      try wide.decode(&limited)
    } catch { refused = error }
    #expect(refused?.reason == .tooMuchMemory(limit: limit))
  }

  @Test func aMillionNodesAreFreedWithoutRecursion() throws {
    // On a thread with a small stack: recursion at any of the steps would end the process.
    nonisolated(unsafe) var count = 0
    let thread = Thread {
      let nodes = (0..<1_000_000).map { KS.KsList(v: Int32($0)) }
      let bytes = try? XDRTypeEntry.encodeList(nodes)
      count = (try? XDRTypeEntry.decodeList(bytes ?? [])) ?? -1
    }
    thread.stackSize = 256 << 10
    thread.start()
    while !thread.isFinished { usleep(1000) }
    #expect(count == 1_000_000)
  }
}

extension XDRTypeEntry {
  static func encodeList(_ nodes: [KS.KsList]) throws(XDRError) -> [UInt8] {
    var writer = XDRWriter(capacity: XDRWriter.listSize(nodes) + 4)
    try writer.writeList(nodes)
    return writer.finish()
  }

  static func decodeList(_ bytes: [UInt8]) throws(XDRError) -> Int {
    var reader = XDRReader(bytes)
    let nodes = try reader.readList(of: KS.KsList.self)
    try reader.finish()
    return nodes.count
  }
}
