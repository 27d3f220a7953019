import Guest
import SpecFile
import WireProtocol
import XDR

/// `lodge` alone on a terminal: how things are, in ten lines, and what to type next.
struct Dashboard {
  var screen: Screen
  var now: Timestamp
  var guests: [GuestView]
  /// The trouble with the daemon's database; empty when well.
  var storage: String

  static func show(in context: Context) throws(Failure) {
    let second: UInt64 = 1_000_000_000
    do throws(Failure) {
      let guests = try context.guests(timeout: second).guests
      let status = try context.call(Admin.DaemonStatus.self, XDRVoid(), "daemon status", timeout: second)
      let board = Dashboard(screen: context.screen, now: context.now, guests: guests, storage: status.storage)
      for line in board.lines { context.console.line(line) }
    } catch {
      context.report(error)
      context.console.line("")
      context.console.write(HelpText.overview(context.screen))
    }
  }

  /// Ten lines at most.
  var lines: [String] {
    var lines = [screen.style(.bold, screen.line(GuestView.census(guests)))]
    if !storage.isEmpty { lines.append(screen.style(.red, screen.line("storage: \(Visible.text(storage))"))) }
    let troubled = guests.filter(\.isTroubled)
    let most = 4
    for guest in troubled.prefix(most) { lines.append(line(guest)) }
    if troubled.count > most { lines.append(screen.line("and \(troubled.count - most) more: lodge ls --failed")) }
    lines.append("")
    return lines + next(troubled.first)
  }

  private func line(_ guest: GuestView) -> String {
    let end = guest.last.map { "\($0.ended.cause.inWords), \(TimeText.ago($0.ended.endedAt, now: now))" }
    let parts = [guest.state.word, end, guest.next == "-" ? nil : guest.next].compactMap { $0 }
    return screen.style(.red, screen.line("\(guest.name): \(parts.joined(separator: "; "))"))
  }

  private func next(_ troubled: GuestView?) -> [String] {
    var next: [(String, String)] = []
    if let troubled { next.append(("lodge why \(troubled.name)", "how it ended, and what can be done")) }
    if guests.isEmpty {
      next.append(("lodge run hello --rootfs DIR --overlay --rm -- /bin/echo hello", ""))
    } else {
      next.append(("lodge ls --watch", "all guests, as they change"))
      next.append(("lodge events -f", "what happens"))
    }
    next.append(("lodge help", "all verbs"))
    let width = next.filter { !$0.1.isEmpty }.map { CharacterWidth.of($0.0) }.max() ?? 0
    return next.map { command, meaning in
      screen.line(meaning.isEmpty ? "  \(command)" : "  \(command.padded(to: width))  \(meaning)")
    }
  }
}
