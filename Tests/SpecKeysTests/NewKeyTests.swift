import Foundation
import Guest
import SpecKeys
import Testing

/// A new key is one row of a table: everything else is made from it.
@Suite struct NewKeyTests {
  struct Scratch: Sendable, Hashable {
    struct Limits: Sendable, Hashable {
      var ioWeight: UInt64?
    }
    var limits = Limits()
  }

  private static let schema = Schema(
    defaults: Scratch(),
    [
      Key(
        "limits",
        Schema(
          defaults: Scratch.Limits(),
          [
            Key(
              "ioWeight", ValueKind<UInt64>.integer(in: 1...10_000).optional, \.ioWeight, default: .some(nil),
              "share of the disks",
              traits: KeyTraits(needs: "cgroup io", isLive: true))
          ]), \.limits, "limits of everything in the guest together")
    ])

  @Test func oneRowIsAllThatAKeyNeeds() throws {
    let table = SettingsTable(Self.schema)
    let value = Scratch(limits: Scratch.Limits(ioWeight: 50))
    // A file.
    var problems = Problems(file: "x.yaml")
    let node = try Node.parse(json: #"{"limits":{"ioWeight":50}}"#)
    #expect(Self.schema.read(node, &problems) == value)
    #expect(Self.schema.write(value, style: .human, includingDefaults: false).json == #"{"limits":{"ioWeight":50}}"#)
    // Messages and the database.
    #expect(table.settings(of: value) == [Setting("limits.ioWeight", "50")])
    #expect(try table.root(of: [Setting("limits.ioWeight", "50")], "spec") == value)
    // Its bounds, wherever it comes from.
    #expect(throws: GuestError(.invalidArgument, "spec: limits.ioWeight: 0 is out of bounds: 1 to 10000 is allowed")) {
      try table.root(of: [Setting("limits.ioWeight", "0")], "spec")
    }
    // Flags, get and set.
    var changed = Scratch()
    try table.set("limits.ioWeight", "50", in: &changed)
    #expect(changed == value)
    #expect(table.text(of: "limits.ioWeight", in: value) == "50")
    // The reference page and the JSON Schema.
    #expect(
      ReferenceRow.markdown(Self.schema.rows).contains(
        "| `limits.ioWeight` | number: 1 to 10000 | none | share of the disks; needs `cgroup io` of the host |"))
    #expect(Self.schema.jsonSchema.json.contains(#""ioWeight":{"type":"integer","minimum":1,"maximum":10000"#))
  }

  /// How many places one limit needs: its row, its property, and the consumer that hands it to the kernel. `ioWeight` came
  /// with one commit that changed just these.
  @Test(arguments: ["cpuMillis", "ioWeight"]) func aLimitIsNamedByItsRowAndItsConsumerOnly(name: String) throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let files = try #require(
      FileManager.default.enumerator(at: root.appendingPathComponent("Sources"), includingPropertiesForKeys: nil))
    var named: Set<String> = []
    for case let file as URL in files
    where file.pathExtension == "swift" && !file.path.contains("/Generated/") {
      guard try String(contentsOf: file, encoding: .utf8).contains(name) else { continue }
      named.insert(file.pathComponents.suffix(2).joined(separator: "/"))
    }
    // The former protocol, whose closed structs name every key.
    named.remove("FormerProtocol/FormerSpec.swift")
    #expect(named == Self.places)
    let protocolFiles = try FileManager.default.contentsOfDirectory(
      at: root.appendingPathComponent("protocol"), includingPropertiesForKeys: nil)
    for file in protocolFiles where file.pathExtension == "x" {
      #expect(!(try String(contentsOf: file, encoding: .utf8).contains("cpu_millis")), "\(file.lastPathComponent)")
    }
  }

  private static let places: Set<String> = [
    "Guest/GuestSpec.swift", "SpecKeys/GuestKeys.swift", "Cgroups/CgroupLimit.swift",
  ]
}
