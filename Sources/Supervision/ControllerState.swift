public import Guest

// One controller, as its daemon sees it.
//
//   spawned with a start                               found by a new daemon
//        |                                                       |
//        v            launch                   connected         v
//     PREPARED ------------------> LAUNCHING <------------- UNREACHED
//        |                          |     | launched            |
//        | discarded,               |     v                     |
//        | called off               |  LAUNCHED                 | holds its lock no more
//        |                          |     |                     |
//        |     its end is known     v     v                     |
//        +----------------------->  ENDED                       |
//        |                            | the end is stored       |
//        |                            v                         |
//        |                        DISMISSED ---> killed where   |
//        |                            |          it stays       |
//        +-----------------------> GONE <----- LEAVING <--------+ (LEAVING: a former run's, or one that was never
//             its connection is closed                             ordered to launch; it has only to let go of its lock)
//
// While its end is not known it is open. It is killed for one of three reasons, each with a deadline that has passed or an
// answer that it owes, and the first reason is kept: it becomes a fact of the run's end.

/// The daemon's own view of a run, for the record of an end without the controller's word.
public struct LastSeen: Sendable, Hashable {
  /// Why the guest was killed without the controller; the first reason stays.
  public internal(set) var fence: Fence?
  /// How init ended, read before its controller was killed: until then init is a zombie (field 52 of `/proc/PID/stat`).
  public internal(set) var status: InitStatus?
  /// Init had ended before anything was killed: then no order ended it, and when it ended is not known.
  public internal(set) var hadEnded = false
  /// The order to launch was given, or the controller was adopted: there was a connection to it, and its end was seen.
  public internal(set) var wasOrdered: Bool

  public init(wasOrdered: Bool = false) { self.wasOrdered = wasOrdered }

  /// The reason counts as what ended init only where init was there to be ended.
  public var endingFence: Fence? { hadEnded ? nil : fence }
}

/// One controller, as far as it is known, and the decisions about it. Inputs are facts about it and orders to it; it has no socket,
/// process or clock.
///
/// An open controller ends in exactly one of four ways: its end is reported, its failed start is reported, it is dropped
/// before it was of any use, or its run is looked for on the disk.
public struct ControllerState: Sendable, Hashable {
  public enum Phase: Sendable, Hashable, CaseIterable {
    /// It lives, and there is no connection to it yet.
    case unreached
    /// Spawned while its start is being stored. It makes nothing of the guest before it is ordered to launch.
    case prepared
    /// Its start was taken back or overtaken before it was ordered to launch: it has been killed.
    case discarded
    /// Ordered to launch, by this daemon or by one before it.
    case launching
    /// Init has been executed.
    case launched
    /// The end of its run is known; it has only to clean up.
    case ended
    /// That end is stored, and the controller has nothing left to do but to go.
    case dismissed
    /// Not the run's controller: its connection is closed, and its lock is waited for.
    case leaving
    /// Its connection is closed, and everything that it sent has been heard; or it was never reached and has died.
    case gone
  }

  public enum Input: Sendable, Hashable {
    /// The start is stored.
    case launch(GuestLifecycle.Run)
    case launched(GuestLifecycle.Launched)
    /// The answer to the launch: nothing of the guest is left.
    case startFailed(StartFailure)
    /// No answer to the launch within its time, or to a new daemon that waits for the launch.
    case launchOverdue
    /// An answer that makes no sense.
    case unintelligible
    /// How the run ended, in the controller's own words.
    case endHeard(ExitRecord)
    /// That order without force has come to its end.
    case gaveUp(order: UInt32)
    case silence(Bool)
    /// `deadline`: when the order has to have ended the guest, the controller's own deadlines included; nil for never.
    case stop(EndOrder, StopPolicy, deadline: BootTime?)
    /// No answer to the kill that this order asks for.
    case killUnanswered(order: UInt32)
    /// A second has passed in which the guest is to end.
    case secondPassed(now: BootTime)
    /// The answer about tasks that a kill has not ended; nil if there was none. Empty if there are no such tasks.
    case answered(stuckTasks: String?, now: BootTime)
    /// How init ended, read from the kernel; nil while it runs. Read for the first time before anything is killed.
    case statusRead(InitStatus?)
    /// The start was taken back before it was stored, or has been overtaken.
    case discarded
    /// The end of the run is stored.
    case acknowledged
    /// It has had its time to go.
    case farewellOver
    case closed
    /// It is looked for, and its lock is held: it lives, or is about to end.
    case foundHeld(Due?)
    /// `isHeld`: it still holds its lock. `isEmpty`: its guest has no processes.
    case notReached(isHeld: Bool, isEmpty: Bool, now: BootTime)
    case connected
    /// It has said what it runs.
    case adopted
    /// It has said that it runs something else, or nothing.
    case isStranger
    /// The lock of the stranger is free.
    case released
  }

  public enum Effect: Sendable, Hashable {
    case callLaunch(GuestLifecycle.Run)
    case callStop(EndOrder, StopPolicy)
    case callKill(EndOrder)
    /// Ask about tasks that do not end.
    case askForTasks
    /// Ask a new acquaintance what it runs. `isUrgent`: it has as long as a launch may take.
    case askWhatItRuns(isUrgent: Bool)
    /// Read whether and how init has ended, and report it as `statusRead`.
    case readStatus
    /// Ask how the launch went whose answer is overdue; `launchOverdue` again where that is not known either.
    case askAboutLaunch
    /// Kill the guest through its cgroup, and once that is empty read how init ended and kill the controller.
    case destroy
    /// Kill the guest of a controller that cannot be reached, through its cgroup.
    case killGuest
    /// The same for the controller itself, found by its lock; how init ended is read before.
    case killUnreached
    /// Kill the controller, which has made nothing, and remove its directory.
    case drop
    /// Close the connection, and report when the lock is free.
    case awaitRelease
    /// Try to connect again.
    case retry(afterMillis: Int64)
    case reap
    /// No word of the run will come any more: the disk decides.
    case look
    /// Give it its time to go, then `farewellOver`.
    case sayFarewell
    /// Kill what is left of it and of its guest's cgroup.
    case bury
    case reportLaunched(GuestLifecycle.Launched)
    case reportStartFailed(StartFailure)
    /// `fence`: why the guest was killed without its controller, if that can have ended it.
    case reportEnd(ExitRecord, fence: Fence?)
    case reportGivenUp(order: UInt32)
    case reportSilence(Bool)
    /// Empty when they are gone.
    case reportStuck(String)
    /// For the log: an order was not carried out in time.
    case reportLate
    /// For the log: it is tried again.
    case reportUnreached
  }

  /// Something that has to have happened by then, and the reason for a kill if it has not.
  public struct Due: Sendable, Hashable {
    public var by: BootTime
    public var reason: Fence

    public init(by: BootTime, reason: Fence) {
      self.by = by
      self.reason = reason
    }
  }

  public private(set) var phase: Phase
  /// It gives no sign of life on its connection.
  public private(set) var isSilent = false
  public private(set) var lastSeen = LastSeen()
  public private(set) var launched: GuestLifecycle.Launched?
  /// Its run's end is stored, or its run never began.
  private var isSettled = false
  /// The disk decides about its run.
  private var isSought = false
  private var isStatusRead = false
  private var isLaunchDoubted = false
  private var isAsked = false
  private var reportedSilence = false
  private var failedAttempts = 0
  private var due: Due?

  /// One that has just been spawned.
  public static var prepared: ControllerState { ControllerState(phase: .prepared) }

  /// One that a new daemon finds, by its lock.
  ///
  /// - Parameter due: by when it has to be reached and do what it is to do.
  public static func found(_ launched: GuestLifecycle.Launched?, due: Due? = nil) -> ControllerState {
    var state = ControllerState(phase: .unreached)
    state.launched = launched
    state.due = due
    return state
  }

  /// One whose guest is looked after, whatever is known of it otherwise.
  public static func adopted(_ launched: GuestLifecycle.Launched) -> ControllerState {
    var state = ControllerState(phase: .launched)
    state.launched = launched
    state.lastSeen.wasOrdered = true
    return state
  }

  private init(phase: Phase) { self.phase = phase }

  /// The end of its run is not known.
  public var isOpen: Bool {
    switch phase {
    case .unreached, .prepared, .launching, .launched: true
    case .discarded, .ended, .dismissed, .leaving, .gone: false
    }
  }

  /// There is a connection to it, and it can be called.
  public var isConnected: Bool {
    switch phase {
    case .prepared, .launching, .launched, .ended, .dismissed: true
    case .unreached, .discarded, .leaving, .gone: false
    }
  }

  /// It has been ordered to launch, and there is a connection to it.
  private var isAtWork: Bool {
    switch phase {
    case .launching, .launched: true
    case .unreached, .prepared, .discarded, .ended, .dismissed, .leaving, .gone: false
    }
  }

  /// It is gone, and so is every use for what is known of it: its run's end is stored, or its run never began.
  public var isForgettable: Bool { phase == .gone && isSettled }

  /// The run directory may hold an end that is not stored yet.
  public var ownsDirectory: Bool {
    switch phase {
    case .unreached, .prepared, .launching, .launched: true
    case .ended, .gone: !isSettled
    case .discarded, .dismissed, .leaving: false
    }
  }

  private var isLaunchAwaited: Bool {
    switch due?.reason {
    case .launchOverdue: true
    case .orderOverdue, .controllerDied, .controllerUnreachable, .recordUnreadable, .nothingFound, nil: false
    }
  }
}

// MARK: Inputs

extension ControllerState {
  /// - Returns: what to do, in this order. An input that does not fit the phase is late news, and changes nothing.
  public mutating func input(_ input: Input) -> [Effect] {
    switch input {
    case .launch(let run):
      guard phase == .prepared else { return [] }
      phase = .launching
      lastSeen.wasOrdered = true
      return [.callLaunch(run)]
    case .launched(let launched):
      guard phase == .launching else { return [] }
      phase = .launched
      self.launched = launched
      return [.reportLaunched(launched)]
    case .startFailed(let failure): return end([.reportStartFailed(failure)])
    case .endHeard(let record): return end([.reportEnd(record, fence: lastSeen.endingFence)])
    case .launchOverdue:
      guard phase == .launching else { return [] }
      // The daemon itself may have stood still, and the answer may lie in its socket: the controller is asked once more.
      guard isLaunchDoubted else {
        isLaunchDoubted = true
        return [.askAboutLaunch]
      }
      return destroy(.launchOverdue)
    case .unintelligible: return destroy(.controllerDied)
    case .gaveUp(let order): return isOpen ? [.reportGivenUp(order: order)] : []
    case .silence(let isSilent):
      guard isConnected else { return [] }
      self.isSilent = isSilent
      return reportSilence(isSilent)
    case .stop(let order, let policy, let deadline): return stop(order, policy, deadline)
    case .killUnanswered(let order): return destroy(.orderOverdue(number: order))
    case .secondPassed(let now): return tick(now)
    case .answered(let tasks, let now): return answered(tasks, now)
    case .statusRead(let status):
      if !isStatusRead { lastSeen.hadEnded = status != nil }
      isStatusRead = true
      lastSeen.status = lastSeen.status ?? status
      return []
    case .discarded:
      guard phase == .prepared else { return [] }
      phase = .discarded
      return [.drop]
    case .acknowledged:
      switch phase {
      case .launching, .launched, .ended:
        isSettled = true
        phase = .dismissed
        return [.sayFarewell]
      case .gone: isSettled = true
      case .prepared, .discarded, .unreached, .dismissed, .leaving: break
      }
      return []
    case .farewellOver:
      guard phase == .dismissed else { return [] }
      return [.bury]
    case .closed: return close()
    case .foundHeld(let due):
      // Its connection is closed, and it has not ended yet; what is known of it stays.
      guard phase == .gone, isSought, !isSettled else { return [] }
      phase = .unreached
      isSought = false
      self.due = due
      failedAttempts = 0
      return []
    case .notReached(let isHeld, let isEmpty, let now): return notReached(isHeld: isHeld, isEmpty: isEmpty, now)
    case .connected:
      guard phase == .unreached else { return [] }
      let isUrgent = isLaunchAwaited
      // It listens, which is not to say that it answers: an order keeps its deadline. A launch has its own.
      if isUrgent { due = nil }
      phase = launched == nil ? .launching : .launched
      return [.askWhatItRuns(isUrgent: isUrgent)]
    case .adopted:
      guard isAtWork else { return [] }
      lastSeen.wasOrdered = true
      return reportSilence(isSilent)
    case .isStranger:
      guard isAtWork else { return [] }
      phase = .leaving
      return [.awaitRelease]
    case .released:
      guard phase == .leaving else { return [] }
      return look([])
    }
  }

  private mutating func end(_ effects: [Effect]) -> [Effect] {
    guard isOpen, isConnected else { return [] }
    phase = .ended
    return effects
  }

  private mutating func close() -> [Effect] {
    switch phase {
    case .prepared:
      // Of no use to its start, which spawns another one.
      phase = .gone
      isSettled = true
      return [.reap, .drop]
    case .launching, .launched:
      return look([.reap])
    case .discarded:
      phase = .gone
      isSettled = true
      return [.reap]
    case .ended, .dismissed:
      phase = .gone
      return [.reap]
    case .unreached, .leaving, .gone: return []
    }
  }

  private mutating func look(_ effects: [Effect]) -> [Effect] {
    phase = .gone
    isSought = true
    return effects + [.look]
  }

  private mutating func reportSilence(_ isSilent: Bool) -> [Effect] {
    guard isOpen, isSilent != reportedSilence else { return [] }
    reportedSilence = isSilent
    return [.reportSilence(isSilent)]
  }

  private static let calledOff = StartFailure(step: "launch", errno: 0, message: "launch: called off")

  private mutating func stop(_ order: EndOrder, _ policy: StopPolicy, _ deadline: BootTime?) -> [Effect] {
    switch phase {
    case .prepared:
      return end([.drop, .reportStartFailed(Self.calledOff)])
    case .discarded:
      // The stop has overtaken the launch: nothing else reports the end of that run.
      phase = .ended
      return [.reportStartFailed(Self.calledOff)]
    case .unreached:
      expect(order, by: deadline)
      return []
    case .launching, .launched:
      expect(order, by: deadline)
      guard order.isForce else { return [.callStop(order, policy)] }
      return isSilent ? destroy(.orderOverdue(number: order.number)) : [.callKill(order)]
    case .ended, .dismissed, .leaving, .gone: return []
    }
  }

  /// The earliest deadline stands, whatever is ordered beside it.
  private mutating func expect(_ order: EndOrder, by deadline: BootTime?) {
    guard let deadline, due.map({ deadline < $0.by }) ?? true else { return }
    due = Due(by: deadline, reason: .orderOverdue(number: order.number))
  }

  private mutating func destroy(_ reason: Fence) -> [Effect] {
    guard isOpen, isConnected else { return [] }
    return fence(reason) + [.destroy]
  }

  /// Before the first kill it is looked whether init is there to be killed.
  private mutating func fence(_ reason: Fence) -> [Effect] {
    guard lastSeen.fence == nil else { return [] }
    lastSeen.fence = reason
    return [.readStatus]
  }

  /// The reason for a kill, where something should have happened by now.
  private func late(_ now: BootTime) -> Fence? { due.flatMap { $0.by < now ? $0.reason : nil } }

  // MARK: Orders that are not carried out

  private mutating func tick(_ now: BootTime) -> [Effect] {
    guard isOpen, isConnected else { return [] }
    // It was asked a second ago, at least, and has not answered.
    if let reason = late(now), isSilent || isAsked { return destroyLate(reason) }
    guard !isAsked, !isSilent else { return [] }
    isAsked = true
    return [.askForTasks]
  }

  private mutating func answered(_ tasks: String?, _ now: BootTime) -> [Effect] {
    isAsked = false
    guard isOpen, isConnected else { return [] }
    let reason = late(now)
    guard let tasks else { return reason.map { destroyLate($0) } ?? [] }
    guard let reason else { return [.reportStuck(tasks)] }
    if tasks.isEmpty { return [.reportStuck(tasks)] + destroyLate(reason) }
    // It did all that can be done.
    due = Due(by: now.adding(milliseconds: Self.patienceMillis), reason: reason)
    return [.reportStuck(tasks)]
  }

  /// How long a controller has that did all it can, until it is asked to account for itself again.
  public static let patienceMillis: UInt64 = 5_000

  private mutating func destroyLate(_ reason: Fence) -> [Effect] {
    due = nil
    return [.reportLate] + destroy(reason)
  }

  // MARK: Controllers that cannot be reached

  /// It lived a moment ago. Either it has ended since, or it is not listening yet, or it hangs.
  private mutating func notReached(isHeld: Bool, isEmpty: Bool, _ now: BootTime) -> [Effect] {
    guard phase == .unreached else { return [] }
    guard isHeld else { return look([]) }
    failedAttempts += 1
    var effects: [Effect] = []
    if let due, due.by < now {
      if lastSeen.fence == nil { failedAttempts = 1 }
      effects = fence(due.reason) + [.killGuest]
      // The controller goes last: until then the kernel shows how init ended.
      if isEmpty || now.since(due.by) > Self.emptyNanos { effects.append(.killUnreached) }
    }
    if failedAttempts == Self.attemptsBeforeReport { effects += [.reportUnreached] + reportSilence(true) }
    effects.append(.retry(afterMillis: min(20 << Int64(min(failedAttempts - 1, 6)), 1_000)))
    return effects
  }

  /// How long a killed guest may take to be empty before its controller is killed all the same.
  private static let emptyNanos: UInt64 = 2_000_000_000
  public static let attemptsBeforeReport = 6
}
