import Glibc
import Guest
import LinuxSystem

/// `--watch`: keeps a screen up to date, by events, by the clock where something counts, and when the window changes.
///
/// On a terminal the screen is drawn in place. In a pipe it is written again whenever something has happened.
final class Watch<State> {
  private static var second: Int64 { 1_000_000_000 }

  private let context: Context
  /// The state to show, asked anew after events.
  private let look: () throws(Failure) -> State
  /// Whether the state is asked anew by the clock, too: it measures.
  private let isMeasuring: Bool
  /// Its lines after so many nanoseconds, for this screen.
  private let draw: (State, UInt64, Screen) -> [String]
  private var state: State?
  private var takenAt: Int64 = 0
  private var shown: [String] = []

  init(
    _ context: Context, isMeasuring: Bool = false, look: @escaping () throws(Failure) -> State,
    draw: @escaping (State, UInt64, Screen) -> [String]
  ) {
    self.context = context
    self.isMeasuring = isMeasuring
    self.look = look
    self.draw = draw
  }

  func run() throws(Failure) -> ExitStatus {
    let follower = EventFollower(context, filter: Filter().wire, since: .now)
    let resizes = context.console.outputIsTerminal ? try? SignalFD([SIGWINCH]) : nil
    follower.watching = resizes.map { [$0.rawValue] } ?? []
    follower.tick = context.console.outputIsTerminal || isMeasuring ? UInt64(Self.second) : nil
    _ = try follower.follow { item throws(Failure) in
      switch item {
      case .pause:
        if state == nil { try renew() }
      case .awake:
        while (try? resizes?.next()) != nil { shown = [] }
        if isMeasuring, Clock.bootNanoseconds - takenAt >= Self.second { try renew() } else { show(isNew: false) }
      case .entry, .gap, .snapshot: state = nil
      }
      return true
    }
    return .done
  }

  private func renew() throws(Failure) {
    state = try look()
    takenAt = Clock.bootNanoseconds
    show(isNew: true)
  }

  private func show(isNew: Bool) {
    guard let state else { return }
    let screen = context.screen
    let lines = draw(state, UInt64(max(0, Clock.bootNanoseconds - takenAt)), screen)
    guard let height = screen.height else {
      if isNew { context.console.write(lines.map { $0 + "\n" }.joined() + "\n") }
      context.console.flush()
      return
    }
    let frame = Self.fitted(lines, to: height - 1)
    guard frame != shown else { return }
    shown = frame
    // Line over line, so that nothing flickers: home, each line and the rest of its row, then all that is below.
    context.console.write("\u{1B}[H" + frame.map { $0 + "\u{1B}[K\n" }.joined() + "\u{1B}[J")
    context.console.flush()
  }

  /// The first lines, and in place of the last one how many are left out.
  static func fitted(_ lines: [String], to height: Int) -> [String] {
    guard lines.count > height, height > 1 else { return lines }
    return lines.prefix(height - 1) + ["... and \(lines.count - height + 1) more"]
  }
}
