import Guest

/// The exit codes of `lodge`, as `lodge help exit-codes` lists them.
enum ExitStatus: Int32, CaseIterable, Sendable {
  case done = 0
  /// Something failed, or some of several targets did.
  case failed = 1
  case notFound = 3
  /// Wrong state, or a conflict with what is there.
  case conflict = 4
  case denied = 5
  /// The daemon cannot be reached.
  case unreachable = 6
  case timedOut = 7
  case notSupported = 8
  case usage = 64
  /// The second Ctrl-C.
  case interrupted = 130

  var meaning: String {
    switch self {
    case .done: "done"
    case .failed: "failed, or some of several targets failed: one line each"
    case .notFound: "there is no such guest, hook or run"
    case .conflict: "not in the state it is in, or the name is taken"
    case .denied: "not allowed"
    case .unreachable: "the daemon cannot be reached"
    case .timedOut: "timed out"
    case .notSupported: "not supported by this host or this daemon"
    case .usage: "the command line or the spec is wrong"
    case .interrupted: "given up with a second Ctrl-C"
    }
  }
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
  /// What several targets amount to: their common code if all failed alike, otherwise 1.
  static func combined(_ results: [ExitStatus]) -> ExitStatus {
    guard let first = results.first else { return .done }
    if results.allSatisfy({ $0 == first }) { return first }
    return results.allSatisfy { $0 == .done } ? .done : .failed
  }
}
