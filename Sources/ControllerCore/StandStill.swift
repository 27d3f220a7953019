import Glibc
import LinuxSystem

/// Knows whether this process has just been stopped for a while (SIGSTOP) and continued: then an end that it finds now is of
/// any time in between.
///
/// The kernel queues SIGCONT before a stopped process runs on, also where it is blocked (signalfd(2), prepare_signal in
/// kernel/signal.c). A SIGCONT without a stop looks the same: a moment is not known then that could have been.
final class StandStill {
  private let signals: SignalFD
  private let reactor: Reactor
  private var source: Reactor.Source?
  private var isResuming = false

  /// - Parameter resumed: called right after a stop: looks for what happened meanwhile. `wasStopped` is true in it.
  init(_ reactor: Reactor, resumed: @escaping () -> Void) throws(SystemError) {
    self.reactor = reactor
    signals = try SignalFD([SIGCONT])
    source = try reactor.watch(signals.rawValue) { [unowned self] _ in
      isResuming = takeSignals()
      resumed()
      isResuming = false
    }
  }

  /// Whether an event found at this moment may be one of the time of a stop. Asked before `resumed` was called it is answered
  /// once.
  func wasStopped() -> Bool { takeSignals() || isResuming }

  private func takeSignals() -> Bool {
    var any = false
    while (try? signals.next()) != nil { any = true }
    return any
  }
}
