public import Guest

// Whether the disk takes what is decided.
//
//            failed(passing)               failed(full)
//   well --------------------> failing   -----------------> full      failed(final), from any state
//    ^  <--------------------              reserve given up    |     ------------------------------> final
//    |   a write succeeded                                     |        copy of what is known written once
//    +------------------------ there is space again -----------+
//
// A full disk takes commits again as soon as the reserve is given up, so a commit is no sign of space: new work waits
// until there is comfortably more than one commit needs.

/// Whether the database takes what is decided, and what to do where it does not. It reads no disk and no clock: its driver
/// reports what happened, and carries out the effects in order.
public struct StorageHealth: Sendable, Hashable {
  /// Why nothing can be stored.
  public struct Fault: Sendable, Hashable {
    public enum Kind: Sendable, Hashable, CaseIterable {
      /// No space, or the quota is used up.
      case full
      /// Anything else that may pass.
      case passing
      /// The database is lost to this process: nothing is written to it any more.
      case final
    }

    public var kind: Kind
    /// For people.
    public var reason: String

    public init(_ kind: Kind, _ reason: String) {
      self.kind = kind
      self.reason = reason
    }
  }

  public enum Input: Sendable, Hashable {
    /// A batch is on its way to the disk: until its fate is known, what else is found of the disk is no news.
    case handedOver
    /// The batch is on the disk.
    case committed
    /// The batch was refused: nothing of it is on the disk.
    case refused(Fault)
    /// The disk has not answered for the batch for some seconds; it may still.
    case unanswered(Fault)
    /// A read has failed: a damaged database is found by the first reader of the damaged part.
    case readFailed(Fault)
    /// A second has passed. `freeBytes`: on the database's file system, nil where that is not known.
    case secondPassed(freeBytes: UInt64?, isSettled: Bool)
    /// The answer to a check; nil if all is well.
    case checked(Fault?)
    /// In a rescue: the answer to a try. What to say if the database can be used again; nil if it cannot.
    case tried(usable: Fault?)
  }

  public enum Effect: Sendable, Hashable {
    /// For the log, of the first fault after a time without.
    case reportFault(Fault)
    /// For the log: that fault is over, and requests are taken again.
    case reportRecovery(Fault)
    /// Give up the file that keeps room for the ends of guests.
    case releaseReserve
    case restoreReserve
    /// Refuse or keep everything that waits for the disk, by its weight.
    case refuse(Fault)
    /// Refuse what waits for its turn at the disk, and carry out the orders in the batch that is on its way.
    case refuseWaiting(Fault)
    /// Store again what waits for the disk.
    case resume
    /// Write down elsewhere what is known of the guests.
    case keepCopy
    /// Look whether the database is still the one that was opened; `byWriting`: whether it takes a write.
    case check(byWriting: Bool)
    /// In a rescue: see whether the database can be opened and read by now.
    case tryDatabase
  }

  /// Free space from which on new work is taken again after a full disk: room for some hundred commits.
  public static let comfortBytes: UInt64 = 4 << 20

  /// Nil when all is well.
  public private(set) var fault: Fault?
  /// The database was unusable from the start: what is stored goes to a substitute, and the fault stays.
  public let isRescue: Bool
  private var isChecking = false
  private var isWriting = false
  /// In a rescue: how many seconds to let pass before the next try, and before the one after that.
  private var untilTry = 0
  private var pause = 1
  private var isUsable = false

  /// - Parameter rescue: why the database cannot be used at all.
  public init(rescue: Fault? = nil) {
    fault = rescue
    isRescue = rescue != nil
  }

  /// Batches may be handed to the writer.
  public var takesBatches: Bool { isRescue || !isFinal }

  private var isFinal: Bool {
    switch fault?.kind {
    case .final: true
    case .full, .passing, nil: false
    }
  }

  public mutating func input(_ input: Input) -> [Effect] {
    switch input {
    case .handedOver:
      isWriting = true
      return []
    case .committed:
      isWriting = false
      return recover()
    case .refused(let fault):
      isWriting = false
      return fail(fault)
    case .unanswered(let new):
      guard isWriting, fault == nil else { return [] }
      fault = new
      return [.reportFault(new), .refuseWaiting(new)]
    case .readFailed(let fault):
      guard !isRescue, !isFinal, !isWriting else { return [] }
      return fail(fault)
    case .secondPassed(let freeBytes, let isSettled): return look(freeBytes, isSettled: isSettled)
    case .tried(let usable):
      isChecking = false
      guard isRescue, let usable else { return [] }
      fault = usable
      isUsable = true
      return [.reportFault(usable)]
    case .checked(let found):
      isChecking = false
      guard let found else { return recover() }
      // A known fault is no news.
      switch found.kind {
      case .final: return isWriting ? [] : fail(found)
      case .full, .passing: return isWriting || fault != nil ? [] : fail(found)
      }
    }
  }

  private mutating func fail(_ new: Fault) -> [Effect] {
    // A lost database stays lost, whatever a late answer says; and what a substitute does is no news of it.
    if isFinal || isRescue, let fault { return [.refuse(fault)] }
    var effects: [Effect] = []
    if fault == nil { effects.append(.reportFault(new)) }
    var needsCopy = false
    switch new.kind {
    case .full: effects.append(.releaseReserve)
    case .final: needsCopy = true
    case .passing: break
    }
    fault = new
    effects.append(.refuse(new))
    if needsCopy { effects.append(.keepCopy) }
    return effects
  }

  private mutating func recover() -> [Effect] {
    guard !isRescue, let fault else { return [] }
    switch fault.kind {
    case .passing:
      self.fault = nil
      return [.resume, .reportRecovery(fault)]
    // With the reserve given up a commit succeeds; space is looked for once a second.
    case .full: return []
    case .final: return []
    }
  }

  private mutating func look(_ freeBytes: UInt64?, isSettled: Bool) -> [Effect] {
    guard !isRescue else { return tryDatabase() }
    switch fault?.kind {
    case .final: return []
    case .full:
      guard isSettled, let freeBytes, freeBytes >= Self.comfortBytes, let over = fault else { return [] }
      fault = nil
      return [.resume, .reportRecovery(over), .restoreReserve]
    case .passing:
      // With nothing to store, nothing else would find out that the disk takes something again.
      guard isSettled, !isChecking else { return [] }
      isChecking = true
      return [.check(byWriting: true)]
    case nil:
      guard !isChecking else { return [] }
      isChecking = true
      return [.check(byWriting: false)]
    }
  }
}

extension StorageHealth {
  /// A disk that failed at the start may work by now. What to do with what it holds is decided at a start, so that is
  /// left to one. To open a database of a former version copies it, so it is not tried every second.
  private mutating func tryDatabase() -> [Effect] {
    guard !isFinal, !isUsable, !isChecking else { return [] }
    guard untilTry == 0 else {
      untilTry -= 1
      return []
    }
    untilTry = pause - 1
    pause = min(2 * pause, 60)
    isChecking = true
    return [.tryDatabase]
  }

  /// The answer to a request that begins something new, which is not even decided while nothing can be stored; nil when
  /// all is well.
  ///
  /// - Parameter intent: the verb and the guest.
  public func refusal(of intent: String) -> GuestError? {
    guard let fault else { return nil }
    let putRight = "guests run on; put the database right, then restart lodged"
    let cure: String
    switch fault.kind {
    case .final: cure = putRight
    case .full: cure = isRescue ? putRight : "free some space; the daemon goes on by itself"
    case .passing: cure = isRescue ? putRight : "lodge daemon status"
    }
    return GuestError(.storage, "\(intent): \(fault.reason)", hint: cure)
  }
}

extension StorageHealth.Fault {
  /// The answer to a request that was decided and that the disk did not take.
  public var refusal: GuestError {
    let cure: String?
    switch kind {
    case .full: cure = "free some space, then try again"
    case .passing, .final: cure = nil
    }
    return GuestError(.storage, "\(reason); nothing was changed", hint: cure)
  }
}
