import Guest

/// `--watch`: draws something again whenever an event says that it may have changed.
final class Watch {
  private let context: Context

  init(_ context: Context) { self.context = context }

  func run(_ draw: () throws -> ExitStatus) throws -> ExitStatus {
    let follower = EventFollower(context, filter: Filter().wire, since: .now)
    var isDrawn = false
    var failure: (any Error)?
    _ = try follower.follow { item throws(Failure) in
      if case .pause = item {
        guard !isDrawn else { return true }
        isDrawn = true
        if context.console.outputIsTerminal { context.console.write("\u{1B}[H\u{1B}[2J") }
        do {
          _ = try draw()
          if !context.console.outputIsTerminal { context.console.line("") }
        } catch {
          failure = error
          return false
        }
        context.console.flush()
      } else {
        isDrawn = false
      }
      return true
    }
    if let failure { throw failure }
    return .done
  }
}
