import ArgumentParser
import XDRCompiler

struct Dump: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Shows bytes as JSON, by a type of the schema, and makes bytes of such JSON.",
    discussion: """
      TYPE is a type, or PROCEDURE:args, PROCEDURE:result, EVENT:body. Exit status: 0 done, 1 the bytes or the JSON do \
      not fit the type, 64 wrong usage.
      """)

  @OptionGroup var input: InputOptions

  @Option(name: .shortAndLong, help: "The type to read by.") var type: String

  @Option(help: "Bytes as hexadecimal digits; standard input without it.") var hex: String?

  @Option(help: "JSON to make bytes of, or @FILE.") var encode: String?

  @Flag(help: "Put (secret) in place of fields that are marked @secret.") var redact = false

  func run() throws {
    let compilation = try input.compile()
    guard input.report(compilation) else { throw ExitCode(1) }
    let type = try find(compilation.model)
    var interpreter = Interpreter()
    interpreter.redacts = redact
    do {
      if let encode {
        let text =
          encode.hasPrefix("@")
          ? String(decoding: try readFile(String(encode.dropFirst())), as: UTF8.self) : encode
        let bytes = try interpreter.encode(type, JSONParser.parse(text))
        print(bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
      } else {
        let text = try hex ?? String(decoding: readFile("/dev/stdin"), as: UTF8.self)
        guard let bytes = bytes(ofHex: text) else { throw ValidationError("the bytes are not hexadecimal digits") }
        print(try interpreter.json(type, bytes).pretty, terminator: "")
      }
    } catch let failure as Interpreter.Failure {
      printError("xdrgen: dump \(self.type): \(failure)\n")
      throw ExitCode(1)
    } catch let failure as JSONParser.Failure {
      printError("xdrgen: read JSON: \(failure)\n")
      throw ExitCode(1)
    }
  }

  private func find(_ model: Model) throws -> WireType {
    if let definition = model.type(named: type) { return .named(definition) }
    let parts = type.split(separator: ":").map(String.init)
    if parts.count == 2 {
      for procedure in model.programs.flatMap(\.versions).flatMap(\.procedures) where procedure.name == parts[0] {
        switch parts[1] {
        case "args" where procedure.arguments.count == 1: return procedure.arguments[0].type
        case "result": return procedure.result
        case "body": return procedure.arguments.first?.type ?? procedure.result
        default: break
        }
      }
    }
    throw ValidationError("there is no type '\(type)'")
  }
}

struct Docs: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes a reference page in Markdown, with wire layouts and sizes.")

  @OptionGroup var input: InputOptions

  @Option(name: .shortAndLong, help: "File to write; standard output without it.") var output: String?

  @Option(help: "The page's title.") var title = "Protocol reference"

  @Flag(help: "Write nothing; fail if the file differs.") var check = false

  func run() throws {
    let compilation = try input.compile()
    guard input.report(compilation) else { throw ExitCode(1) }
    let text = DocsBackend.generate(compilation.model, title: title)
    guard let output else {
      print(text, terminator: "")
      return
    }
    let old = (try? readFile(output)).map { String(decoding: $0, as: UTF8.self) }
    if old == text { return }
    if check {
      print(unifiedDiff(old: old ?? "", new: text, oldName: output, newName: "\(output) (generated)"), terminator: "")
      throw ExitCode(1)
    }
    try writeFile(output, text)
  }
}
