import Foundation
import Testing

@testable import CLICore

@Suite struct CompletionTests {
  private func words(_ line: String) -> [String] {
    let words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    return Completion.lines(Completion.answer(words), current: words.last ?? "") {
      ["web", "db"]
    } hooks: {
      ["page"]
    }.map { $0.split(separator: "\t").first.map(String.init) ?? "" }
  }

  @Test func verbsAliasesAndFamiliesAreCompleted() {
    #expect(words("sta") == ["start", "status", "stats"])
    #expect(Set(words("")).isSuperset(of: ["ls", "ps", "undefine", "daemon", "on", "apply"]))
    #expect(words("daemon ") == ["status", "clients", "limits", "trace"])
    #expect(words("on a") == ["add"])
    #expect(words("-o json ls w") == ["web"])
  }

  @Test func guestsHooksOptionsAndValuesAreCompleted() {
    #expect(words("stop ") == ["web", "db"])
    #expect(words("poweroff w") == ["web"])
    #expect(words("stop web d") == ["db"])
    #expect(words("on rm ") == ["page"])
    #expect(words("stop --ti") == ["--timeout"])
    #expect(!words("stop --timeout 3s --").contains("--timeout"))
    #expect(words("ls -o js") == ["json", "jsonl"])
    #expect(words("create web --restart on") == ["onReboot", "onFailure"])
    #expect(words("create web --rootfs ") == [":folder"])
    #expect(words("create web -f ") == [":file"])
    #expect(words("run web -- ") == [":file"])
    #expect(words("completion ") == ["bash", "zsh", "fish"])
    #expect(words("help st") == ["start", "stop", "status", "stats"])
    #expect(words("nonsense ") == [])
    #expect(words("version ") == [])
  }

  @Test(arguments: ["bash", "zsh", "fish"]) func aScriptOfAShellCanBeReadByIt(shell: String) throws {
    let script = try #require(Completion.script(shell: shell))
    guard
      let path = ["/usr/bin/\(shell)", "/bin/\(shell)"].first(where: {
        FileManager.default.isExecutableFile(atPath: $0)
      })
    else { return }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = ["-n", "/dev/stdin"]
    let input = Pipe()
    process.standardInput = input
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    input.fileHandleForWriting.write(Data(script.utf8))
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
    let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    #expect(process.terminationStatus == 0, "\(said)")
  }
}
