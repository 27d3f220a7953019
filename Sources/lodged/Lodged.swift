import ArgumentParser
import DaemonCore
import Glibc
import Guest
import Layout
import LinuxSystem
import Logging
import ServiceLifecycle
import SpecFile
import UnixSignals

/// The daemon's command line: what to serve, and where.
@main
struct Lodged: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lodged", abstract: "Supervises guests on this host.",
    discussion: """
      It runs in the foreground and logs to standard error; a service manager starts it. Ending it with SIGTERM or SIGINT
      leaves guests running: the next one takes them over. It ignores HUP, USR1, USR2 and all others that end a program.

        lodged --root /tmp/try           a second instance, all of it in one folder
        lodged --check-config            says what is wrong with the configuration, and ends
      """,
    version: "lodged \(LodgeVersion.current)")

  @Option(help: ArgumentHelp("Put everything under this folder.", valueName: "DIR"))
  var root: String?

  @Option(help: ArgumentHelp("Read this configuration instead of /etc/lodge/lodged.yaml.", valueName: "FILE"))
  var config: String?

  @Option(help: ArgumentHelp("The lodge-controller to spawn for each guest.", valueName: "PATH"))
  var controller: String?

  @Option(help: ArgumentHelp("Level of the log: trace, debug, info, notice, warning, error.", valueName: "LEVEL"))
  var logLevel: String?

  @Flag(help: "Check the configuration and end.")
  var checkConfig = false

  /// First of all, before any descriptor of ours could take one of these numbers.
  static func main() async {
    StandardStreams.open(.null)
    await main(nil)
  }

  func run() async throws {
    do { try await serve() } catch let refusal as Refusal {
      OwnProcess.writeError(refusal.description + "\n")
      throw ExitCode(refusal.status)
    }
  }

  private func serve() async throws {
    let paths = try self.paths()
    let configuration = try readConfiguration(paths)
    if checkConfig {
      let isThere = Files.exists(paths.configuration)
      print(paths.configuration + (isThere ? ": ok" : ": not there; every key has its default"))
      return
    }
    guard OwnProcess.uid == 0 else { throw Refusal("start: guests need root", hint: "sudo lodged") }
    ProcessLimits.raise()
    // No stray signal ends it. Those that end it in order are the service group's; QUIT and ABRT, which a watchdog sends, leave a
    // core, as a fault does; and a terminal stops and continues what runs in it.
    try? Signals.ignoreAll(but: [
      SIGTERM, SIGINT, SIGQUIT, SIGABRT, SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSYS, SIGTSTP, SIGTTIN, SIGTTOU,
    ])
    ProcessLimits.setFileMask()
    guard let level = Logger.Level(rawValue: logLevel ?? configuration.logLevel) else {
      throw ValidationError("--log-level \(logLevel ?? "") is not one of trace, debug, info, notice, warning, error")
    }
    let box = LevelBox(level)
    LoggingSystem.bootstrap { LineLogHandler(label: $0, level: box) }
    let logger = Logger(label: "lodged")
    for word in Trace.unknownWords {
      logger.warning(
        "TRACE names a topic that does not exist",
        metadata: ["topic": "\(word)", "topics": "\(Trace.Topic.allCases.map(\.rawValue).joined(separator: ","))"])
    }
    if level == .trace { Trace.setAll(true) }
    let daemon = Daemon(
      paths: paths, configuration: configuration, controllerPath: try controllerPath(), logger: logger, level: box)
    let group = ServiceGroup(
      services: [daemon], gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "lodged.services"))
    do { try await group.run() } catch let error as DaemonError {
      throw Refusal(error.description, hint: error.hint, status: error.status)
    } catch {
      throw Refusal("\(error)")
    }
  }

  private func paths() throws -> DaemonPaths {
    var paths = DaemonPaths.system
    if let root {
      do { paths = try DaemonPaths(inFolder: root) } catch { throw Refusal("--root \(root): \(error)") }
    }
    if let config { paths.configuration = config }
    return paths
  }

  private func readConfiguration(_ paths: DaemonPaths) throws -> DaemonConfiguration {
    guard config != nil || Files.exists(paths.configuration) else { return DaemonConfiguration() }
    do {
      return try DaemonConfiguration.decode(
        Files.readDocument(paths.configuration, limit: 1 << 21), file: paths.configuration)
    } catch {
      throw Refusal("\(error)")
    }
  }

  private func controllerPath() throws -> String {
    if let controller { return controller }
    let own = OwnProcess.executable ?? "/usr/sbin/lodged"
    let folder = Files.parent(of: own)
    for path in [folder + "/lodge-controller", Files.parent(of: folder) + "/libexec/lodge/lodge-controller"]
    where Files.exists(path) {
      return path
    }
    throw Refusal(
      "start: there is no lodge-controller beside \(own)", hint: "name it with --controller PATH")
  }
}

/// An error on its way to a person and to the exit status.
struct Refusal: Error, CustomStringConvertible {
  var description: String
  var status: Int32

  init(_ message: String, hint: String? = nil, status: Int32 = 1) {
    self.status = status
    description = "lodged: " + message + (hint.map { "\nhint: " + $0 } ?? "")
  }
}
