import Guest

/// The exit codes of `lodge`. `run` and `wait` also give the guest's own.
struct ExitStatus: RawRepresentable, Hashable, Sendable {
  var rawValue: Int32

  static let done = ExitStatus(rawValue: 0)
  static let failed = ExitStatus(rawValue: 1)
  static let changed = ExitStatus(rawValue: 2)
  static let notFound = ExitStatus(rawValue: 3)
  static let conflict = ExitStatus(rawValue: 4)
  static let denied = ExitStatus(rawValue: 5)
  static let unreachable = ExitStatus(rawValue: 6)
  static let timedOut = ExitStatus(rawValue: 7)
  static let notSupported = ExitStatus(rawValue: 8)
  static let usage = ExitStatus(rawValue: 64)
  static let interrupted = ExitStatus(rawValue: 130)

  /// The meaning of each, for the help.
  static let meanings: [(ExitStatus, String)] = [
    (.done, "done"),
    (.failed, "failed, or some of several targets failed: one line each"),
    (.changed, "apply: something would change (--dry-run), or was changed (--detailed-exit-code)"),
    (.notFound, "there is no such guest, run or hook"),
    (.conflict, "wrong state, or the name is taken"),
    (.denied, "not allowed"),
    (.unreachable, "the daemon cannot be reached"),
    (.timedOut, "timed out"),
    (.notSupported, "not supported by this host or this daemon"),
    (.usage, "the command line or the spec is wrong"),
    (.interrupted, "no longer waiting, after Ctrl-C"),
  ]
}

extension GuestError.Code {
  var exitStatus: ExitStatus {
    switch self {
    case .notFound: .notFound
    case .alreadyExists, .wrongState, .conflict: .conflict
    case .denied: .denied
    case .unavailable: .unreachable
    case .timedOut: .timedOut
    case .notSupported, .unknownProgram: .notSupported
    case .invalidArgument: .usage
    case .internalError, .limitReached, .startFailed, .cancelled, .badFrame, .storage: .failed
    }
  }

  /// The word for it in JSON.
  var word: String {
    switch self {
    case .internalError: "internalError"
    case .invalidArgument: "invalidArgument"
    case .notFound: "notFound"
    case .alreadyExists: "alreadyExists"
    case .wrongState: "wrongState"
    case .denied: "denied"
    case .notSupported: "notSupported"
    case .timedOut: "timedOut"
    case .limitReached: "limitReached"
    case .unavailable: "unavailable"
    case .startFailed: "startFailed"
    case .cancelled: "cancelled"
    case .badFrame: "badFrame"
    case .unknownProgram: "unknownProgram"
    case .storage: "storage"
    case .conflict: "conflict"
    }
  }
}

extension ExitStatus {
  /// The code for several targets: their common code if all failed alike, otherwise 1.
  static func combined(_ results: [ExitStatus]) -> ExitStatus {
    guard let first = results.first else { return .done }
    if results.allSatisfy({ $0 == first }) { return first }
    return results.allSatisfy { $0 == .done } ? .done : .failed
  }
}
