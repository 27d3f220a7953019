import Guest
import RPC
import Testing
import WireProtocol
import XDR

@testable import CLICore

@Suite struct CommandLineTests {
  private func parts(_ line: String) throws -> (verb: String, arguments: [String], isReadOnly: Bool) {
    var words = CommandLineWords(line.split(separator: " ").map(String.init))
    let (verb, taken) = try VerbTable.find(words.words)
    let strips = !(verb == CreateVerb.self || verb == RunVerb.self)
    let arguments = words.arguments(afterWords: taken, mayStripReadOnly: strips)
    return (verb.page.name, arguments, words.isReadOnly)
  }

  @Test(
    arguments: [
      ("ls", "ls", []), ("ps -q", "ls", ["-q"]), ("-o json ls", "ls", ["-o", "json"]),
      ("-c unix:///x -q stop web --timeout 3s", "stop", ["-c", "unix:///x", "-q", "web", "--timeout", "3s"]),
      ("daemon", "daemon status", []), ("daemon -o json", "daemon status", ["-o", "json"]),
      ("daemon -o json clients", "daemon clients", ["-o", "json"]), ("on", "on ls", []), ("on list", "on ls", []),
      ("on add x --exec /y", "on add", ["x", "--exec", "/y"]), ("undefine web", "rm", ["web"]),
      ("reboot web", "restart", ["web"]), ("run x -- ls -l", "run", ["x", "--", "ls", "-l"]),
      ("start ls", "start", ["ls"]),
    ] as [(String, String, [String])])
  func optionsOfEveryVerbMayStandBeforeIt(line: String, verb: String, arguments: [String]) throws {
    let found = try parts(line)
    #expect(found.verb == verb)
    #expect(found.arguments == arguments)
  }

  @Test func readOnlyMeansTheSocketOrTheTree() throws {
    #expect(try parts("--read-only ls").isReadOnly)
    #expect(try parts("ls --read-only").isReadOnly)
    #expect(try parts("ls --read-only").arguments == [])
    #expect(try parts("--read-only create x").isReadOnly)
    let create = try parts("create x --read-only -- y")
    #expect(!create.isReadOnly)
    #expect(create.arguments == ["x", "--read-only", "--", "y"])
    #expect(try !parts("start x -- --read-only").isReadOnly)
  }

  @Test(arguments: [
    ("stpo web", "there is no verb \"stpo\"", "lodge help lists them"),
    ("evnets", "there is no verb \"evnets\"", "did you mean lodge events?"),
    ("container ls", "there is no verb \"container\"", "lodge ls"),
    ("frobnicate", "there is no verb \"frobnicate\"", "lodge help lists them"),
    ("\u{1B}[2J", "there is no verb \"\\e[2J\"", "lodge help lists them"),
    (
      "destroy web", "destroy means two things: for virsh to end a guest at once, for others to delete it",
      "lodge kill GUEST ends it at once and keeps it; lodge rm GUEST deletes it"
    ),
  ])
  func anUnknownVerbIsExplained(line: String, message: String, hint: String) {
    let failure = #expect(throws: Failure.self) { try parts(line) }
    #expect(failure?.message == message)
    #expect(failure?.hint == hint)
    #expect(failure?.status == .usage)
  }

  @Test func noWordMeansTwoVerbs() {
    let words = VerbTable.all.filter { $0.page.words.count == 1 }.flatMap { $0.page.words + $0.page.aliases }
    #expect(Set(words).count == words.count)
    #expect(!words.contains("destroy"))
  }

  @Test(
    arguments: [
      (nil, [:], "/run/lodge/lodge.sock", "/run/lodge/lodge-ro.sock"),
      (nil, ["LODGE_ROOT": "/x"], "/x/run/lodge.sock", "/x/run/lodge-ro.sock"),
      (nil, ["LODGE_ROOT": "/x", "LODGE_CONNECT": "unix:///y/lodge.sock"], "/y/lodge.sock", "/y/lodge-ro.sock"),
      (nil, ["LODGE_ROOT": ""], "/run/lodge/lodge.sock", "/run/lodge/lodge-ro.sock"),
      ("/z/other", ["LODGE_CONNECT": "/y"], "/z/other", nil),
    ] as [(String?, [String: String], String, String?)])
  func theSocketIsFound(option: String?, environment: [String: String], socket: String, readOnly: String?) throws {
    let endpoint = try Endpoint.find(option: option, environment: environment)
    #expect(endpoint == Endpoint(socket: socket, readOnlySocket: readOnly))
  }

  @Test func otherTransportsAreRefused() {
    let failure = #expect(throws: Failure.self) { try Endpoint.find(option: "ssh://a", environment: [:]) }
    #expect(failure?.status == .notSupported)
    #expect(failure?.message == "--connect: ssh is not supported; unix:///PATH is")
  }

  /// An error about a call as a whole has the verb and its object, and not the procedure's name, and a next step.
  @Test func errorsNameTheVerbAndNotTheProcedure() {
    func failure(_ code: RPCErrorCode, _ message: String) -> Failure {
      Failure(.remote(RPCErrorBody(code, message)), "rm web")
    }
    let denied = failure(.denied, "needs the right to admin, and this user has no right (ADMIN_GUEST_REMOVE)")
    #expect(denied.message == "rm web: needs the right to admin, and this user has no right")
    #expect(denied.hint != nil && denied.status == .denied)
    let former = failure(.unknownProgram, "program ADMIN_PROGRAM: version 2 is not served, 1 is")
    #expect(former.message.hasPrefix("rm web: this command and the daemon are of different releases"))
    #expect(former.hint?.contains("systemctl restart lodged") == true)
    let other = failure(.wrongState, "rm web: it runs (ADMIN_X)")
    #expect(other.message == "rm web: it runs (ADMIN_X)" && other.hint == nil)
    let large = Failure(
      .invalidArguments(XDRError(.tooLong(count: 1_834_188, limit: 1_800_000), offset: 12)), "create web")
    #expect(large.message.hasPrefix("create web: it is too large for one message: 1834188 bytes"))
  }

  @Test func errorsForProgramsAreJSON() {
    let failure = Failure(GuestError(.wrongState, "stop web: it is \u{1B}stopped", hint: "lodge why web"))
    let style = Style(isOn: false)
    #expect(
      failure.text(format: .json, style: style)
        == #"{"code":"wrongState","message":"stop web: it is \\estopped","hint":"lodge why web"}"#)
    #expect(
      failure.text(format: .table, style: style) == "lodge: stop web: it is \\estopped\nhint: lodge why web")
  }
}
