import Foundation
import KitchenSink
import Testing
import XDR
import XDRTesting

/// Every known attack on XDR decoders: refused, and cheap. The README's table is what this prints.
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

  /// Peak memory of this process so far.
  private func peakKilobytes() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss
  }

  @Test(arguments: attacks) func attacksAreRefusedAndCheap(attack: Attack) throws {
    let type = try #require(kitchenSinkTypes.first { $0.name == attack.type })
    let before = peakKilobytes()
    var answer = "accepted"
    let time = ContinuousClock().measure {
      do throws(XDRError) {
        let again = try type.recode(attack.bytes)
        #expect(again == attack.bytes)
        #expect(attack.refusal == nil, "accepted")
      } catch {
        answer = error.reason.description
        if let refusal = attack.refusal { #expect(refusal(error.reason), "\(error)") } else { Issue.record("\(error)") }
      }
    }
    let growth = peakKilobytes() - before
    let microseconds = Double(time.components.seconds) * 1e6 + Double(time.components.attoseconds) / 1e12
    print("| \(attack.name) | \(attack.bytes.count) | \(answer) | \(Int(microseconds.rounded())) | \(growth) |")
    // Sixteen times the message for what is decoded, as much again for the copy that is encoded, and a floor.
    #expect(growth * 1024 < attack.bytes.count * 40 + (8 << 20))
    #expect(time < .seconds(20))
  }

  @Test func amplificationStopsAtTheBudget() throws {
    // A union's void arm is 4 bytes on the wire and as wide as its widest arm in memory.
    var reader: [UInt8] = HostileInputTests.words(1_000_000)
    reader += [UInt8](repeating: 0, count: 4_000_000)
    let stride = MemoryLayout<KS.KsUArms>.stride
    #expect(stride >= 16)
    do throws(XDRError) {
      var limited = unsafe XDRReader(reader.span.bytes, limits: XDRLimits(memory: 1_000_000))
      _ = try limited.readArray(of: KS.KsUArms.self, max: .max)
      Issue.record("accepted")
    } catch {
      #expect(error.reason == .tooMuchMemory(limit: 1_000_000))
    }
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
