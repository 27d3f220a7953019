import Foundation
import Guest
import SpecFile
import Testing

@testable import CLICore

/// The table of the output for programs is what is printed, and the shipped JSON Schema is the table.
@Suite struct OutputSchemaTests {
  private func expectSound(_ value: DataValue, _ name: String) {
    let faults = OutputSchema.faults(in: value, as: name)
    #expect(faults.isEmpty, "\(name): \(faults.prefix(8).joined(separator: "; "))")
  }

  @Test func everythingThatCanBePrintedIsInTheTable() {
    for guest in Samples.guests { expectSound(guest.json, "guest") }
    for cause in Samples.causes { expectSound(Samples.record("web", number: 3, cause).json, "run") }
    for facts in Samples.mixed { expectSound(Samples.record("web", number: 3, .notKnown, facts: facts).json, "run") }
    for entry in Samples.events { expectSound(entry.json, "event") }
    for notice in GuestEvent.Notice.allCases {
      let event = GuestEvent(.notice, guest: Samples.name("web"), by: .policy, message: "x", notice: notice)
      expectSound(Samples.entry(1, seconds: 0, event).json, "event")
    }
    for details in [OutputTests.details] { expectSound(details.json, "guestDetails") }
    let change = SpecChange(key: "limits.memory", from: "1M", to: nil)
    expectSound(Applied(action: .changed, changes: [change]).json("web"), "applied")
  }

  /// The check finds what it is there to find.
  @Test func whatIsNotInTheTableIsFound() throws {
    guard case .object(let members) = Samples.web.json else { return }
    func faults(_ members: [DataValue.Member]) -> [String] { OutputSchema.faults(in: .object(members), as: "guest") }
    #expect(faults(members) == [])
    #expect(faults(members + [.init("more", .null)]) == [".more: no field of guest"])
    #expect(faults(members.filter { $0.name != "runs" }) == [".runs: missing in guest"])
    func with(_ name: String, _ value: DataValue) -> [DataValue.Member] {
      members.map { $0.name == name ? .init(name, value) : $0 }
    }
    for (name, value) in [
      ("runs", DataValue.text("5")), ("runs", .integer(-1)), ("runs", .null), ("state", .text("up")),
      ("startedAt", .text("yesterday")), ("run", .text("6f1c")), ("autostart", .integer(1)), ("labels", .list([])),
    ] {
      #expect(faults(with(name, value)).count == 1, "\(name): \(value.json)")
    }
  }

  @Test func everyObjectThatIsNamedIsThere() {
    func names(_ shape: Shape) -> [String] {
      switch shape {
      case .object(let name): [name]
      case .list(let element): names(element)
      case .text, .words, .bool, .count, .integer, .number, .seconds, .time, .uuid, .labels, .spec: []
      }
    }
    let used = Set(
      OutputSchema.objects.flatMap(\.fields).flatMap { names($0.shape) } + OutputSchema.documents.flatMap(\.objects)
        + ["error"])
    let known = OutputSchema.objects.map(\.name)
    #expect(Set(known).count == known.count, "no name stands twice")
    #expect(used.subtracting(known).isEmpty, "\(used.subtracting(known))")
    #expect(Set(known).subtracting(used).isEmpty, "\(Set(known).subtracting(used))")
    for object in OutputSchema.objects {
      #expect(Set(object.fields.map(\.name)).count == object.fields.count, "\(object.name)")
    }
  }

  /// A verb with JSON output has a document, and no other verb has one.
  @Test func everyVerbWithJSONHasADocument() {
    let documented = OutputSchema.documents.flatMap(\.verbs)
    #expect(Set(documented).count == documented.count)
    let verbs = VerbTable.all.map { $0.page }.filter { $0.formats.contains(.json) }.map(\.name)
    #expect(Set(documented) == Set(verbs), "\(Set(documented).symmetricDifference(verbs))")
  }

  /// Words in the table come from the types themselves.
  @Test func oneVocabulary() throws {
    #expect(Set(EndCause.kinds) == Set(Samples.causes.map(\.kind)))
    for notice in GuestEvent.Notice.allCases { #expect("\(notice)" == notice.word) }
  }

  private static let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("contrib/schema/lodge-output.schema.json")

  @Test func theShippedSchemaIsTheTable() throws {
    let text = OutputSchema.jsonSchema.indentedJSON + "\n"
    if ProcessInfo.processInfo.environment["LODGE_UPDATE_GOLDEN"] == "1" {
      try text.write(to: Self.file, atomically: true, encoding: .utf8)
    } else {
      #expect(try String(contentsOf: Self.file, encoding: .utf8) == text)
    }
  }

  @Test func theHelpHasEveryField() throws {
    let text = HelpText.json(.page)
    for object in OutputSchema.objects {
      for field in object.fields { #expect(text.contains("  \(field.name)"), "\(object.name).\(field.name)") }
    }
    for name in ["event", "cause"] { #expect(HelpText.json(name, .page)?.hasPrefix("\(name)\n") == true) }
    #expect(HelpText.json("nope", .page) == nil)
    #expect(HelpText.spec("limits", .page)?.contains("limits.memory") == true)
    #expect(HelpText.spec("nope", .page) == nil)
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 })
  }

  /// A library that is not ours reads the schemas, and takes what is printed.
  @Test(.enabled(if: Self.hasLibrary, "needs python3-jsonschema")) func aLibraryTakesWhatIsPrinted() throws {
    var documents: [(String, DataValue)] = []
    for guest in Samples.guests { documents.append(("lodge ls line", guest.json.versioned)) }
    for cause in Samples.causes {
      documents.append(("lodge runs line", Samples.record("web", number: 3, cause).json.versioned))
    }
    for entry in Samples.events { documents.append(("lodge events line", entry.json.versioned)) }
    documents.append(("lodge show line", OutputTests.details.json.versioned))
    documents.append(
      (
        "lodge ls",
        .members([
          "schemaVersion": .integer(1), "sequence": .integer(7), "guests": .list(Samples.guests.map(\.json)),
        ])
      ))
    let lines = documents.map { DataValue.list([.text($0.0), $0.1]).json }.joined(separator: "\n")
    let script = """
      import json, sys
      from jsonschema import Draft202012Validator as Validator
      schema = json.load(open(sys.argv[1]))
      Validator.check_schema(schema)
      def check(name): return Validator({"$ref": "#/$defs/" + name.replace(" ", "%20"), "$defs": schema["$defs"]})
      count = 0
      for line in sys.stdin:
        name, document = json.loads(line)
        for error in check(name).iter_errors(document): sys.exit(f"{name}: {error.message[:500]}")
        count += 1
      wrong = {"schemaVersion": 1, "name": 5}
      if check("lodge ls line").is_valid(wrong): sys.exit("takes anything")
      spec = json.load(open(sys.argv[2]))
      Validator.check_schema(spec)
      good = {"name": "web", "rootfs": "/srv", "command": ["/init"], "limits": {"memory": "512M"}}
      if not Validator(spec).is_valid(good) or Validator(spec).is_valid({"rootfs": "/srv", "comand": []}): sys.exit("spec")
      print(count)
      """
    let spec = Self.file.deletingLastPathComponent().appendingPathComponent("guest-spec.schema.json")
    let result = try Self.python(["-c", script, Self.file.path, spec.path], lines)
    #expect(result.code == 0, "\(result.text)")
    #expect(result.text == "\(documents.count)\n")
  }

  private static let hasLibrary = (try? python(["-c", "import jsonschema"], "").code) == 0

  private static func python(_ arguments: [String], _ input: String) throws -> (code: Int32, text: String) {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("schema-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let source = folder.appendingPathComponent("input")
    let sink = folder.appendingPathComponent("output")
    try input.write(to: source, atomically: true, encoding: .utf8)
    try Data().write(to: sink)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3"] + arguments
    process.standardInput = try FileHandle(forReadingFrom: source)
    process.standardOutput = try FileHandle(forWritingTo: sink)
    process.standardError = process.standardOutput
    try process.run()
    process.waitUntilExit()
    return (process.terminationStatus, try String(contentsOf: sink, encoding: .utf8))
  }
}
