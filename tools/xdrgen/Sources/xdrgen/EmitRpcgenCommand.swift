import ArgumentParser
import XDRCompiler

struct EmitRpcgen: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "emit-rpcgen",
    abstract: "Writes one flat .x that stock rpcgen accepts, for C programs and for comparing bytes.")

  @OptionGroup var input: InputOptions

  @Option(name: .shortAndLong, help: "File to write; standard output without it.")
  var output: String?

  func run() throws {
    let compilation = try input.compile()
    var text = ""
    if compilation.succeeded {
      text = RpcgenBackend.generate(compilation.model, diagnostics: compilation.diagnostics)
    }
    guard input.report(compilation) else { throw ExitCode(1) }
    if let output { try writeFile(output, text) } else { print(text, terminator: "") }
  }
}
