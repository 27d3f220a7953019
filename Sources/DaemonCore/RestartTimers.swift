internal import Guest
internal import LinuxSystem
internal import NIOCore
internal import Supervision

/// One timer for each guest that waits for its restart, or for the end of an order's time. Runs on the event loop.
final class RestartTimers: @unchecked Sendable {
  private let eventLoop: any EventLoop
  private var armed: [GuestName: Scheduled<Void>] = [:]
  /// Called on the event loop when a guest's time has come. Set once, before the first timer.
  var fired: @Sendable (GuestName) -> Void = { _ in }

  init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  /// Takes the place of the guest's former timer.
  func arm(_ name: GuestName, due: BootTime) {
    disarm(name)
    let now = BootTime(nanoseconds: UInt64(Clock.bootNanoseconds))
    armed[name] = eventLoop.scheduleTask(in: .milliseconds(due.nap(from: now))) { [self] in
      if due > BootTime(nanoseconds: UInt64(Clock.bootNanoseconds)) { return arm(name, due: due) }
      armed[name] = nil
      fired(name)
    }
  }

  func disarm(_ name: GuestName) { armed.removeValue(forKey: name)?.cancel() }

  func disarmAll() {
    for timer in armed.values { timer.cancel() }
    armed = [:]
  }
}
