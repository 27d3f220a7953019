import Guest
import GuestWire
import RPC
import SpecFile

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
    case .remote(let body):
      var error = GuestError(body)
      // Refused before anybody looked at what it was about.
      if error.code == .denied, error.message.hasPrefix("not allowed") { error.message = "\(intent): \(error.message)" }
      self.init(error)
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
      self.init(.usage, code: GuestError.Code.invalidArgument.word, "\(intent): \(error)")
    case .undecodable(let error):
      self.init(
        .failed, code: GuestError.Code.badFrame.word, "\(intent): the daemon's answer cannot be read: \(error)",
        hint: "lodge version shows whether daemon and command are of one version")
    }
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
