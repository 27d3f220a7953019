import Guest
import SpecFile
import Testing

@Suite struct SpecDocumentsTests {
  private func read(_ text: String) throws -> [GuestSpecFile.Named] {
    try GuestSpecFile.documents(Array(text.utf8), file: "all.yaml")
  }

  @Test func severalSpecsInOneFile() throws {
    let found = try read(
      """
      # two guests
      name: web
      rootfs: /srv/web
      command: [/bin/httpd, -f]
      ---
      name: db
      rootfs: /srv/db
      command: [/bin/db]

      """)
    #expect(found.map(\.name?.value) == ["web", "db"])
    #expect(found.map(\.spec.rootfs.path) == ["/srv/web", "/srv/db"])
    #expect(found.map(\.line) == [1, 6])
  }

  @Test func aSpecAloneNeedsNoName() throws {
    let found = try read("---\nrootfs: /srv/web\ncommand: [/x]\n---\n")
    #expect(found.count == 1)
    #expect(found[0].name == nil)
    #expect(try read("") == [])
    #expect(try read("{\"name\": \"a\", \"rootfs\": \"/r\", \"command\": [\"/x\"]}").map(\.name?.value) == ["a"])
  }

  /// Every fault of every document, at its place in the file.
  @Test func faultsHaveTheirPlacesInTheFile() {
    let error = #expect(throws: SpecFileError.self) {
      try read("name: -web\nrootfs: /srv/web\ncommand: [/x]\n---\nname: db\nrootfs: db\nlimits: {memory: lots}\n")
    }
    let places = error?.diagnostics.map { "\($0.position.line):\($0.position.column)" } ?? []
    #expect(places.contains("1:7"))
    #expect(places.contains("7:18"))
    #expect((error?.diagnostics.count ?? 0) >= 3, "\(error as Any)")
  }

  @Test func threeHyphensInATextPartNothing() throws {
    let found = try read("description: |\n  ---\n  text\nrootfs: /r\ncommand: [/x, \"---\"]\n")
    #expect(found.count == 1)
    #expect(found[0].spec.command == ["/x", "---"])
  }
}
