import Guest

/// A guest as listings and `show` see it.
struct GuestView: Sendable, Hashable {
  /// The restart that a guest in state `waiting` waits for.
  struct PendingRestart: Sendable, Hashable {
    var at: Timestamp
    /// By a clock that is never stepped.
    var inMillis: UInt64
    /// Counted from 1.
    var attempt: UInt32
    /// 0 is no limit.
    var limit: UInt32
  }

  var name: GuestName
  var state: GuestState
  /// Runs so far, the present one included.
  var runs: UInt32
  /// By policy, since an administrator last started it.
  var restarts: UInt32
  var run: RunID?
  var startedAt: Timestamp?
  var upNanos: UInt64
  /// 0 if there is none.
  var initPID: Int32
  var last: RunRecord?
  var restart: PendingRestart?
  var autostart = false
  var degraded = false
  var stuckTasks = ""
  var note = ""
  var labels: [Label] = []

  /// The note of a guest that only its history knows.
  static let removed = "it was removed"

  /// Whether a run is present.
  var isUp: Bool { run != nil }

  /// The next thing that happens by itself, and what is amiss: the last column of `lodge ls`.
  var next: String {
    var parts: [String] = []
    if let restart {
      let time = TimeText.span(nanoseconds: restart.inMillis &* 1_000_000)
      parts.append("restart in \(time) (\(restart.ordinal))")
    }
    if !note.isEmpty { parts.append(Visible.text(note, limit: 80)) }
    if !stuckTasks.isEmpty { parts.append("stuck: \(Visible.text(stuckTasks, limit: 80))") }
    if degraded { parts.append("degraded: its controller does not answer") }
    return parts.isEmpty ? "-" : parts.joined(separator: "; ")
  }
}

extension GuestView {
  /// The same guest when this much time has passed and nothing has happened.
  func later(by nanoseconds: UInt64) -> GuestView {
    var guest = self
    if isUp { guest.upNanos &+= nanoseconds }
    if let millis = guest.restart?.inMillis { guest.restart?.inMillis = millis - min(millis, nanoseconds / 1_000_000) }
    return guest
  }

  /// `5 guests: 2 running, 1 waiting, 2 stopped`.
  static func census(_ guests: [GuestView]) -> String {
    let total = "\(guests.count) guest\(guests.count == 1 ? "" : "s")"
    let parts = [GuestState.running, .starting, .stopping, .waiting, .stopped].compactMap { state in
      let count = guests.count { $0.state == state }
      return count == 0 ? nil : "\(count) \(state.word)"
    }
    return parts.isEmpty ? total : "\(total): \(parts.joined(separator: ", "))"
  }

  /// An administrator would want to look at it.
  var isTroubled: Bool { last?.ended.headline.isBad == true || degraded || !stuckTasks.isEmpty || !note.isEmpty }

  var nextColor: Style.Color? {
    if degraded || !stuckTasks.isEmpty || !note.isEmpty { return .red }
    return restart == nil ? nil : .yellow
  }
}

extension GuestView.PendingRestart {
  /// `attempt 5 of 10`.
  var ordinal: String { limit == 0 ? "attempt \(attempt)" : "attempt \(attempt) of \(limit)" }
}

/// Everything `show` knows.
struct GuestDetails: Sendable, Hashable {
  var guest: GuestView
  /// The next start takes it.
  var defined: GuestSpec
  /// In force for the present run; nil without one.
  var running: GuestSpec?
  var createdAt: Timestamp
  var runDirectory: String
  var logPath: String
  var cgroup: String
  var usage: GuestUsage

  /// The spec was changed since the present run began.
  var isSpecPending: Bool { running.map { $0 != defined } ?? false }
}

extension GuestState {
  var color: Style.Color? {
    switch self {
    case .running: .green
    case .starting, .stopping, .waiting: .yellow
    case .stopped: nil
    }
  }
}
