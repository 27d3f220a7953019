import Guest
import GuestWire
import RPC
import SpecFile
import XDR

/// The reason why a verb did not do what was asked, ready to be printed.
struct Failure: Error {
  var status: ExitStatus
  /// The stable word for programs.
  var code: String
  /// For people: intent, object, cause. Made safe to show.
  var message: String
  /// The next step, where it is known.
  var hint: String?
  /// The message has lines of its own, each with the file and the place it is about.
  var isDiagnostic = false

  init(_ status: ExitStatus, code: String, _ message: String, hint: String? = nil) {
    self.status = status
    self.code = code
    self.message = message
    self.hint = hint
  }

  /// A command line that cannot be understood.
  static func usage(_ message: String, hint: String? = nil) -> Failure {
    Failure(.usage, code: GuestError.Code.invalidArgument.word, message, hint: hint)
  }

  init(_ error: GuestError) {
    self.init(
      error.code.exitStatus, code: error.code.word, Visible.text(error.message),
      hint: error.hint.map { Visible.text($0) })
  }

  /// - Parameters:
  ///   - intent: what was being done, for example `stop web`.
  ///   - isLook: whether nothing can have been changed by it.
  init(_ error: RPCCallError, _ intent: String, isLook: Bool = false) {
    let doubt = isLook ? "" : "; whether it was done is not known"
    switch error {
    case .remote(let body): self.init(Self.completed(GuestError(body), intent))
    case .timedOut:
      self.init(
        .timedOut, code: "timedOut", "\(intent): no answer in time\(doubt)",
        hint: "is the daemon stopped, or busy? systemctl status lodged")
    case .connectionClosed(let reason):
      self.init(
        .unreachable, code: "unavailable",
        "\(intent): the connection to the daemon ended: \(Visible.text(reason.description))",
        hint: isLook ? nil : "whether it was done is not known; see lodge ls")
    case .cancelled: self.init(.interrupted, code: "cancelled", "\(intent): given up")
    case .invalidArguments(let error):
      self.init(
        .usage, code: GuestError.Code.invalidArgument.word, "\(intent): \(Self.words(error))",
        hint: "lodge help spec has the bounds of a spec")
    case .undecodable(let error):
      self.init(
        .failed, code: GuestError.Code.badFrame.word, "\(intent): the daemon's answer cannot be read: \(error)",
        hint: "lodge version shows whether daemon and command are of one version")
    }
  }

  /// The daemon's error about a call as a whole, in which it names the procedure: here it is the verb and its object.
  private static func completed(_ error: GuestError, _ intent: String) -> GuestError {
    var error = error
    switch error.code {
    case .denied:
      if error.message.hasSuffix(")"), let open = error.message.firstRange(of: " (ADMIN_") {
        error.message = String(error.message[..<open.lowerBound])
      }
      if !error.message.contains(intent) { error.message = "\(intent): \(error.message)" }
      error.hint = error.hint ?? "grants in lodged.yaml give rights; root has all of them"
    case .unknownProgram:
      error.message = "\(intent): this command and the daemon are of different releases (\(error.message))"
      error.hint = "lodge version shows both; a daemon that was upgraded has to be restarted: systemctl restart lodged"
    case .internalError, .invalidArgument, .notFound, .alreadyExists, .wrongState, .notSupported, .timedOut,
      .limitReached, .unavailable, .startFailed, .cancelled, .badFrame, .storage, .conflict:
      break
    }
    return error
  }

  /// A bound of the protocol that an argument breaks.
  private static func words(_ error: XDRError) -> String {
    guard case .tooLong(let count, let limit) = error.reason else { return "\(error)" }
    return "it is too large for one message: \(count) bytes where \(limit) are allowed; "
      + "shorten the environment, the arguments or the lists of the spec"
  }

  init(_ error: SpecFileError) {
    self.init(
      .usage, code: GuestError.Code.invalidArgument.word, error.description,
      hint: "lodge help spec lists every key")
    isDiagnostic = true
  }

  /// Several faults of spec files, each with its place.
  init(diagnostics: [String]) {
    self.init(
      .usage, code: GuestError.Code.invalidArgument.word, diagnostics.joined(separator: "\n"),
      hint: "lodge help spec lists every key")
    isDiagnostic = true
  }

  /// The text of it, without a newline at the end.
  func text(format: OutputFormat, style: Style) -> String {
    if format == .json || format == .jsonl {
      return DataValue.members([
        "code": .text(code), "message": .text(message), "hint": hint.map { .text($0) },
      ]).json
    }
    // A spec's diagnostics begin with their file, as editors and CI systems expect it.
    let head = isDiagnostic ? message : "lodge: \(message)"
    return style(.red, head) + (hint.map { "\nhint: \($0)" } ?? "")
  }
}

/// Turns an error about foreign values into a failure that can be printed.
func telling<Value>(_ body: () throws(GuestError) -> Value) throws(Failure) -> Value {
  do throws(GuestError) {
    return try body()
  } catch {
    throw Failure(error)
  }
}
