import Foundation
import KitchenSink
import Testing
import XDR
import XDRCompiler
import XDRTesting

/// Random values and damaged bytes through our code and through rpcgen's, of the same `.x`.
@Suite(
  .enabled(
    if: ReferenceTools.missing == nil, "the C reference is missing: \(ReferenceTools.missing ?? "")"))
struct DifferentialTests {
  /// `XDR_SEED=n` repeats a run.
  static let seed: UInt64 =
    ProcessInfo.processInfo.environment["XDR_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64(UInt32.max))

  static let valuesPerType = 1000

  static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures")

  struct Schema: CustomTestStringConvertible, Sendable {
    var file: String
    var types: [XDRTypeEntry]
    /// The text goes to rpcgen as it is; otherwise by way of `emit-rpcgen`.
    var isStock: Bool
    var folder = "kitchen-sink"
    var testDescription: String { file }
  }

  static let schemas = [
    Schema(file: "kitchen-sink.x", types: kitchenSinkTypes, isStock: true),
    Schema(file: "kitchen-sink.x", types: kitchenSinkTypes, isStock: false),
    Schema(file: "kitchen-sink-rfc.x", types: kitchenSinkRfcTypes, isStock: false),
    Schema(file: "kitchen-sink-dialect.x", types: kitchenSinkDialectTypes, isStock: false),
    Schema(file: "growable.x", types: growableTypes, isStock: false, folder: "growable"),
  ]

  private func reference(_ schema: Schema, types: [String]? = nil) throws -> CReference {
    let source = DifferentialTests.fixtures.appending(path: "\(schema.folder)/\(schema.file)")
    let types = types ?? schema.types.map(\.name)
    if schema.isStock { return try CReference(source: source, types: types) }
    var options = CompilerOptions()
    options.dialect = .all
    let included = try String(
      contentsOf: DifferentialTests.fixtures.appending(path: "kitchen-sink/kitchen-sink-inc.x"), encoding: .utf8)
    let compilation = Compilation(
      [CompilerInput(path: schema.file, bytes: [UInt8](try Data(contentsOf: source)))],
      provider: MemorySources(["kitchen-sink-inc.x": included]), options: options)
    let text = RpcgenBackend.generate(compilation.model, diagnostics: compilation.diagnostics)
    try #require(compilation.succeeded, "\(compilation.rendered())")
    let folder = FileManager.default.temporaryDirectory.appending(path: "xdrgen-flat-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let flat = folder.appending(path: "flat.x")
    try text.write(to: flat, atomically: true, encoding: .utf8)
    return try CReference(source: flat, types: types)
  }

  /// As a C client decodes growables: the opaque first, then its bytes as the struct of the fields.
  @Test func growablesAreDecodedInTwoStepsInC() throws {
    let schema = try #require(DifferentialTests.schemas.last)
    let names = ["usage", "hints", "fixed", "report", "tree", "forest"]
    let reference = try reference(schema, types: names.map { $0 + "_fields" })
    var requests: [(type: String, bytes: [UInt8])] = []
    for (number, type) in schema.types.enumerated() where names.contains(type.name) {
      var source = XDRRandomSource(seed: DifferentialTests.seed &+ UInt64(number) &* 1_000_003)
      for _ in 0..<DifferentialTests.valuesPerType {
        requests.append((type.name + "_fields", Array(try type.random(&source).dropFirst(4))))
      }
    }
    #expect(requests.count == names.count * DifferentialTests.valuesPerType)
    let newer: [UInt8] = [0xff, 0xff, 0xff, 0xff]
    let answers = try reference.recode(requests)
    let answersWithMore = try reference.recode(requests.map { ($0.type, $0.bytes + newer) })
    for (ours, (theirs, more)) in zip(requests, zip(answers, answersWithMore)) {
      guard theirs.accepted, theirs.consumed == ours.bytes.count, theirs.bytes == ours.bytes else {
        Issue.record("\(ours.type): we encode \(ours.bytes), C answers \(theirs)")
        return
      }
      // Unknown bytes are left as they are.
      guard more.accepted, more.consumed == ours.bytes.count, more.bytes == ours.bytes else {
        Issue.record("\(ours.type): of \(ours.bytes) and more C makes \(more)")
        return
      }
    }
  }

  @Test(arguments: schemas) func randomValuesHaveTheSameBytesInC(schema: Schema) throws {
    print("randomValuesHaveTheSameBytesInC \(schema.file): XDR_SEED=\(DifferentialTests.seed)")
    let reference = try reference(schema)
    var requests: [(type: String, bytes: [UInt8])] = []
    for (number, type) in schema.types.enumerated() {
      var source = XDRRandomSource(seed: DifferentialTests.seed &+ UInt64(number) &* 1_000_003)
      for _ in 0..<DifferentialTests.valuesPerType { requests.append((type.name, try type.random(&source))) }
    }
    let entries = Dictionary(uniqueKeysWithValues: schema.types.map { ($0.name, $0) })
    for ((name, ours), theirs) in zip(requests, try reference.recode(requests)) {
      guard theirs.accepted, theirs.consumed == ours.count, theirs.bytes == ours else {
        Issue.record("\(name): we encode \(ours), C answers \(theirs)")
        return
      }
      let again = try entries[name]?.recode(ours)
      guard again == ours else {
        Issue.record("\(name): \(ours) comes back as \(again ?? [])")
        return
      }
    }
  }

  /// Where we refuse what libtirpc takes, the reason must be one of those that the README lists.
  private func isStricter(_ reason: XDRError.Reason) -> Bool {
    switch reason {
    case .invalidBool, .unknownValue, .outOfRange, .dirtyPadding, .containsNUL, .invalidUTF8, .trailingBytes, .tooDeep,
      .tooMuchMemory:
      true
    // rpcgen's own unions refuse these too; through a default arm with an undeclared value of an enum they pass.
    case .unknownDiscriminant: false
    case .truncated, .tooLong, .wrongCount, .countBeyondMessage: false
    }
  }

  @Test(arguments: schemas) func damagedBytesAreJudgedAlike(schema: Schema) throws {
    print("damagedBytesAreJudgedAlike \(schema.file): XDR_SEED=\(DifferentialTests.seed)")
    let reference = try reference(schema)
    var requests: [(type: String, bytes: [UInt8])] = []
    for (number, type) in schema.types.enumerated() {
      var source = XDRRandomSource(seed: DifferentialTests.seed &+ UInt64(number) &* 7_000_003)
      for _ in 0..<DifferentialTests.valuesPerType {
        requests.append((type.name, damage(try type.random(&source), &source)))
      }
    }
    let entries = Dictionary(uniqueKeysWithValues: schema.types.map { ($0.name, $0) })
    var refusedByBoth = 0
    var stricter = 0
    for ((name, bytes), theirs) in zip(requests, try reference.recode(requests)) {
      guard let type = entries[name] else { continue }
      do throws(XDRError) {
        let ours = try type.recode(bytes)
        // Accepted bytes are canonical, so C must take them and give the same back.
        // Growables that were damaged may come back with other fields; to C they are bytes.
        let isSame = type.canGrow ? (try type.recode(ours)) == ours : ours == bytes
        guard theirs.accepted, theirs.bytes == bytes, isSame else {
          Issue.record("\(name) \(bytes): we accept, C answers \(theirs)")
          return
        }
      } catch {
        if !theirs.accepted { refusedByBoth += 1 } else { stricter += 1 }
        // C does not look into growables, so that any reason may lie inside one.
        guard theirs.accepted, !type.canGrow, !isStricter(error.reason) else { continue }
        Issue.record("\(name) \(bytes): C accepts, we refuse: \(error)")
        return
      }
    }
    // The damage does damage: both kinds of refusal were seen.
    #expect(refusedByBoth > 100 && stricter > 100)
  }

  private func damage(_ bytes: [UInt8], _ source: inout XDRRandomSource) -> [UInt8] {
    var bytes = bytes
    for _ in 0...(source.next() % 3) {
      guard !bytes.isEmpty else { return [0, 0, 0, UInt8(truncatingIfNeeded: source.next())] }
      let at = Int(source.next() % UInt64(bytes.count))
      switch source.next() % 6 {
      case 0: bytes[at] = UInt8(truncatingIfNeeded: source.next())
      case 1: bytes[at] ^= 1 << (source.next() % 8)
      case 2: bytes.removeLast(min(bytes.count, Int(source.next() % 9)))
      case 3: bytes += [UInt8](repeating: UInt8(truncatingIfNeeded: source.next()), count: Int(source.next() % 9))
      case 4:
        // A whole word, as counts, flags and discriminants are.
        let word = at & ~3
        let value = source.integer(UInt32.self)
        for (index, shift) in [24, 16, 8, 0].enumerated() where word + index < bytes.count {
          bytes[word + index] = UInt8(truncatingIfNeeded: value >> UInt32(shift))
        }
      default:
        let word = at & ~3
        if word + 3 < bytes.count { bytes[word + 3] = UInt8(truncatingIfNeeded: source.next() % 6) }
      }
    }
    return bytes
  }
}
