import Guest
import LinuxSystem

/// Waits for descriptors and for times in one thread, and calls their handlers.
///
///     turn: wait until something is ready or due -> handlers of what is ready -> timers that are due, in their order
///
/// No source can starve another. A turn calls each ready source once, and each due timer once, whatever they do meanwhile;
/// of more ready descriptors than one turn takes the kernel gives the others out in the next (epoll(7), level triggered). So
/// a handler does a bounded piece of work, such as one read, and is called again while there is more.
///
/// Handlers may add and remove anything, themselves included. A source that has been removed is not called again, not even
/// where the kernel had reported it before: numbers of sources are never used twice, those of descriptors are.
final class Reactor {
  typealias Handler = (Readiness) -> Void

  /// A registration: a descriptor with its handler.
  struct Source: Hashable {
    /// The token in `epoll`.
    let token: UInt64
    fileprivate let descriptor: Int32?
  }

  struct TimerID: Hashable { fileprivate let number: UInt64 }

  private struct Timer {
    let number: UInt64
    let due: () -> BootTime?
    let fire: () -> Void
  }

  /// For objects that watch their descriptor by themselves: see `register`.
  let epoll: Epoll
  private let clock: () -> BootTime
  private var handlers: [UInt64: Handler] = [:]
  private var timers: [Timer] = []
  private var lastNumber: UInt64 = 0

  /// - Parameter clock: that of all timers. Never steps, and goes on while the host is suspended (CLOCK_BOOTTIME).
  init(clock: @escaping () -> BootTime = { Clock.now.boot }) throws(SystemError) {
    self.clock = clock
    epoll = try Epoll()
  }

  // MARK: Descriptors

  /// Calls `handler` whenever the descriptor is ready for one of `interest`, has an error or hangs up. The descriptor stays
  /// its owner's, who removes the source before closing it.
  func watch(
    _ descriptor: Int32, for interest: Readiness = .readable, _ handler: @escaping Handler
  ) throws(SystemError) -> Source {
    let source = Source(token: nextNumber(), descriptor: descriptor)
    try epoll.add(descriptor, interest, token: source.token)
    handlers[source.token] = handler
    return source
  }

  /// Replaces the interest; errors and a hang-up are reported whatever it is.
  func change(_ source: Source, to interest: Readiness) throws(SystemError) {
    guard let descriptor = source.descriptor, handlers[source.token] != nil else { return }
    try epoll.modify(descriptor, interest, token: source.token)
  }

  /// A source whose owner adds its descriptor to `epoll` with this token, changes its interest and takes it out again.
  func register(_ handler: @escaping (Source, Readiness) -> Void) -> Source {
    let source = Source(token: nextNumber(), descriptor: nil)
    handlers[source.token] = { handler(source, $0) }
    return source
  }

  /// Without effect on one that has been removed.
  func remove(_ source: Source) {
    guard handlers.removeValue(forKey: source.token) != nil, let descriptor = source.descriptor else { return }
    // Fails only for a descriptor that has been closed, of which the kernel reports nothing more.
    try? epoll.remove(descriptor)
  }

  // MARK: Times

  /// Calls `fire` in the turn in which the time has come that `due` says; nil for never. `due` is asked in each turn, so
  /// a state that has a deadline is the timer, and the two cannot differ.
  @discardableResult
  func addTimer(due: @escaping () -> BootTime?, fire: @escaping () -> Void) -> TimerID {
    let id = TimerID(number: nextNumber())
    timers.append(Timer(number: id.number, due: due, fire: fire))
    return id
  }

  func remove(_ timer: TimerID) { timers.removeAll { $0.number == timer.number } }

  private func nextNumber() -> UInt64 {
    lastNumber += 1
    return lastNumber
  }

  // MARK: The loop

  /// Waits until something is ready or due, and calls the handlers. A signal ends the wait as well.
  ///
  /// - Parameter limit: wait no longer than this, in nanoseconds; nil for no limit.
  func turn(waitingAtMost limit: Int64? = nil) throws(SystemError) {
    let due = untilNextTimer
    let wait = limit.map { limit in due.map { min($0, limit) } ?? limit } ?? due
    try epoll.wait(nanoseconds: wait) { event in
      if let handler = handlers[event.token] { handler(event.readiness) }
    }
    fireTimers()
  }

  private var untilNextTimer: Int64? {
    guard let next = timers.lazy.compactMap({ $0.due() }).min() else { return nil }
    return Int64(clamping: next.since(clock()))
  }

  /// Those that are due at this moment, each once and the earliest first. One may end or move another, so each is asked
  /// again at its turn.
  private func fireTimers() {
    guard !timers.isEmpty else { return }
    let now = clock()
    var found: [(due: BootTime, number: UInt64)] = []
    for timer in timers {
      if let due = timer.due(), due <= now { found.append((due, timer.number)) }
    }
    if found.count > 1 { found.sort { ($0.due, $0.number) < ($1.due, $1.number) } }
    for (_, number) in found {
      guard let timer = timers.first(where: { $0.number == number }), let due = timer.due(), due <= now else {
        continue
      }
      timer.fire()
    }
  }
}

extension Clock {
  /// Both clocks, as Guest has them.
  static var now: Moment {
    Moment(
      wall: Timestamp(nanoseconds: wallNanoseconds), boot: BootTime(nanoseconds: UInt64(max(bootNanoseconds, 0))))
  }
}
