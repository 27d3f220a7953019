import Foundation
import Testing
import XDRCompiler

/// The command itself: arguments, files, exit statuses.
@Suite struct CommandTests {
  struct Outcome {
    var status: Int32
    var output: String
    var errors: String
  }

  /// A folder of its own for each test, gone at its end.
  private final class Scratch {
    let folder: URL

    init() throws {
      folder = FileManager.default.temporaryDirectory.appending(path: "xdrgen-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func write(_ name: String, _ text: String) throws {
      let file = folder.appending(path: name)
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }

    func read(_ name: String) throws -> String {
      try String(contentsOf: folder.appending(path: name), encoding: .utf8)
    }

    @discardableResult
    func run(_ program: String, _ arguments: [String]) throws -> Outcome {
      let process = Process()
      process.executableURL = URL(filePath: program)
      process.arguments = arguments
      process.currentDirectoryURL = folder
      let output = folder.appending(path: ".output")
      let errors = folder.appending(path: ".errors")
      for file in [output, errors] { try Data().write(to: file) }
      process.standardOutput = try FileHandle(forWritingTo: output)
      process.standardError = try FileHandle(forWritingTo: errors)
      try process.run()
      process.waitUntilExit()
      return Outcome(status: process.terminationStatus, output: try read(".output"), errors: try read(".errors"))
    }

    func xdrgen(_ arguments: String...) throws -> Outcome {
      try run(CommandTests.product.path, arguments)
    }

    func git(_ arguments: String...) throws {
      let settings = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
      let outcome = try run("/usr/bin/env", ["git"] + settings + arguments)
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
  }

  /// Beside the tests.
  static var product: URL {
    var folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    while folder.path != "/", !FileManager.default.isExecutableFile(atPath: folder.appending(path: "xdrgen").path) {
      folder.deleteLastPathComponent()
    }
    return folder.appending(path: "xdrgen")
  }

  @Test func generateWritesOnceAndChecks() throws {
    let scratch = try Scratch()
    try scratch.write("a.x", "struct a { int x; };")
    #expect(try scratch.xdrgen("generate", "a.x", "--output", "out", "--check").status == 1)
    #expect(try scratch.xdrgen("generate", "a.x", "--output", "out").status == 0)
    #expect(try scratch.xdrgen("generate", "a.x", "--output", "out", "--check").status == 0)
    try scratch.write("a.x", "struct a { int y; };")
    let stale = try scratch.xdrgen("generate", "a.x", "--output", "out", "--check")
    #expect(stale.status == 1 && stale.output.contains("+  public var y: Int32"))
    try scratch.write("a.x", "struct a { int y };")
    let broken = try scratch.xdrgen("generate", "a.x", "--output", "out")
    #expect(broken.status == 1 && broken.errors.hasPrefix("a.x:1:17: error: "))
    #expect(try scratch.xdrgen("generate", "none.x", "--output", "out").errors.contains("none.x: No such file"))
    #expect(try scratch.xdrgen("generate", "a.x").status == 64)
  }

  @Test func includesStayInTheFoldersGiven() throws {
    let scratch = try Scratch()
    try scratch.write("secret.x", "const SECRET = 1;")
    try scratch.write("in/up.x", "#include \"../secret.x\"\n")
    try scratch.write("in/link.x", "#include \"link-target.x\"\n")
    try scratch.write("in/self.x", "#include \"self.x\"\nconst ONCE = 1;\n")
    try FileManager.default.createSymbolicLink(
      atPath: scratch.folder.path + "/in/link-target.x", withDestinationPath: "../secret.x")
    for name in ["in/up.x", "in/link.x"] {
      let outcome = try scratch.xdrgen("ast", name)
      #expect(outcome.status == 1 && outcome.errors.contains("[include-refused]"), "\(outcome)")
      #expect(try scratch.xdrgen("ast", name, "-I", ".").status == 0)
    }
    #expect(try scratch.xdrgen("ast", "in/self.x").status == 0)
  }

  @Test func breakingReadsFilesFoldersAndRevisions() throws {
    let scratch = try Scratch()
    try scratch.git("init", "-q")
    try scratch.write("p/a.x", "#include \"b.x\"\nstruct a { b x; };")
    try scratch.write("p/b.x", "struct b { int x; };")
    try scratch.git("add", ".")
    try scratch.git("commit", "-q", "-m", "one")
    #expect(try scratch.xdrgen("breaking", "HEAD:p", "p").status == 0)
    try scratch.write("p/b.x", "struct b { hyper x; };")
    for old in ["HEAD:p", "HEAD:p/", "HEAD:./p", "HEAD:p/a.x", "HEAD:p/b.x"] {
      let outcome = try scratch.xdrgen("breaking", old, "p/b.x")
      #expect(outcome.status == 1 && outcome.output.contains("[type-changed]\n  was: HEAD:p/b.x:1:16"), "\(outcome)")
    }
    #expect(try scratch.xdrgen("breaking", "HEAD:p", "p", "--fail", "policy").status == 0)
    #expect(try scratch.xdrgen("breaking", "HEAD:p", "p", "--format", "json").output.contains("\"level\": \"wire\""))
    let missing = try scratch.xdrgen("breaking", "HEAD:q", "p")
    #expect(missing.status == 2 && missing.errors.contains("error: read HEAD:q: "), "\(missing)")
    #expect(try scratch.xdrgen("breaking", "HEAD:../p", "p").errors.contains("is outside the repository"))
    #expect(try scratch.xdrgen("breaking", "--fail", "nothing", "p", "p").status == 64)
    try scratch.git("add", ".")
    try scratch.git("commit", "-q", "-m", "two")
    #expect(try scratch.xdrgen("breaking", "HEAD~1:p", "HEAD:p").status == 1)
    // Includes of a revision are looked up in that revision only.
    try scratch.write("p/a.x", "#include \"../secret.x\"\n")
    try scratch.write("secret.x", "const SECRET = 1;")
    try scratch.git("add", ".")
    try scratch.git("commit", "-q", "-m", "three")
    let refused = try scratch.xdrgen("breaking", "HEAD:p", "p")
    #expect(refused.status == 2 && refused.errors.contains("[include-refused]"), "\(refused)")
  }
}
