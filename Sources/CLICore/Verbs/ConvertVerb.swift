import ArgumentParser
import Glibc
import Guest
import LinuxSystem
import SpecFile

struct ConvertVerb: Verb {
  static let page = VerbPage(
    words: ["convert"], group: .host,
    abstract: "Make spec files from a compose file, podman inspect, or a domain of libvirt",
    discussion: """
      The specs are printed, one for each container, parted by lines of three hyphens as apply takes them. What a guest \
      does not have, or has otherwise, is said on standard error with its place: images above all, since a guest runs on a \
      tree of files. Nothing is defined, and no daemon is needed.
      """,
    examples: [
      Example("lodge convert compose.yaml", "specs of all services", given: [.foreignFile("compose.yaml")]),
      Example(
        "lodge convert domain.xml", "a container of libvirt",
        given: [.foreignFile("domain.xml")]),
      Example(
        "lodge convert --from podman inspect.json", "the output of podman inspect web",
        given: [.foreignFile("inspect.json")]),
    ], formats: [.table], quiet: .refused)

  @Argument(help: ArgumentHelp("The file; - is standard input.", valueName: "file"), completion: .file())
  var file: String
  @Option(
    help: ArgumentHelp(
      "What it is: compose, podman or libvirt; found out from the file if not given.", valueName: "tool"),
    completion: .list(["compose", "podman", "libvirt"]))
  var from: String?
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let program = try Self.program()
    var arguments = [program, "--file", file == "-" ? "standard input" : file]
    if let from { arguments += ["--from", from] }
    let status: LinuxSystem.WaitStatus?
    do throws(SystemError) {
      var input: OwnedFD?
      if file != "-" {
        input = try Files.open(file, flags: Files.reading)
        // Paths in a compose file are relative to it.
        if let path = HostPath.absolute(file) { arguments += ["--folder", Files.parent(of: path)] }
      }
      context.console.flush()
      var plan = SpawnPlan(executable: program, arguments: arguments, environment: [])
      plan.descriptors = [(input?.rawValue ?? 0, 0), (1, 1), (2, 2)]
      status = try plan.run().wait(blocking: true)?.status
    } catch {
      throw Failure(
        error.errno == ENOENT ? .usage : .failed, code: GuestError.Code.invalidArgument.word,
        "convert \(Visible.text(file)): \(error.reason)")
    }
    switch status {
    case .exited(let code): return ExitStatus(rawValue: code)
    case .signaled(let signal, _): throw Self.broken(file, "its reader was ended by \(SignalName.name(signal))")
    case nil: throw Self.broken(file, "the end of its reader could not be seen")
    }
  }

  private static func broken(_ file: String, _ why: String) -> Failure {
    Failure(.failed, code: GuestError.Code.internalError.word, "convert \(Visible.text(file)): \(why)")
  }

  /// The reader of other tools' files is a program of its own, without rights: it reads what others have written.
  private static func program() throws(Failure) -> String {
    let own = OwnProcess.executable ?? "/usr/bin/lodge"
    let folder = Files.parent(of: own)
    for path in [folder + "/lodge-convert", Files.parent(of: folder) + "/libexec/lodge/lodge-convert"]
    where Files.exists(path) {
      return path
    }
    throw Failure(
      .notSupported, code: "notSupported", "convert: there is no lodge-convert beside \(Visible.text(own))",
      hint: "the package lodge has it in /usr/libexec/lodge")
  }
}
