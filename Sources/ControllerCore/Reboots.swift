import ContainerRuntime
import Guest
import LinuxSystem

/// Notes the guest's calls of reboot(2) that the kernel takes.
final class Reboots {
  private let reactor: Reactor
  private let note: (RebootCommand) -> Void
  private let log: ControllerLog
  private var watched: (watch: RebootWatch, source: Reactor.Source?)?

  init(_ watch: RebootWatch, _ reactor: Reactor, _ log: ControllerLog, _ note: @escaping (RebootCommand) -> Void) {
    self.reactor = reactor
    self.log = log
    self.note = note
    let source = try? reactor.watch(watch.rawValue) { [unowned self] in
      hear()
      // The last process with the filter is gone, and with it all that there was to hear.
      if $0.contains(.hangup) { close() }
    }
    watched = (watch, source)
  }

  /// Takes what is there. At the end of init, too: a call that ended it came before, and may still wait.
  func hear() {
    guard let watched else { return }
    do throws(ContainerError) {
      while let command = try watched.watch.next() {
        switch command {
        case .restart: note(.restart)
        case .halt: note(.halt)
        case .powerOff: note(.powerOff)
        }
      }
    } catch {
      log.note("\(error)")
    }
  }

  private func close() {
    if let source = watched?.source { reactor.remove(source) }
    watched = nil
  }
}
