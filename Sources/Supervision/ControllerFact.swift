public import Guest

/// News of one run, from its controller or for lack of one. Facts are reported in the order in which they came to be.
public enum ControllerFact: Sendable, Hashable {
  /// Init has been executed.
  case launched(GuestLifecycle.Launched)
  /// Init was not executed, and nothing of the start is left.
  case startFailed(StartFailure)
  /// The run has ended. `fence`: why the daemon killed the guest without its controller, if that can have ended it.
  case ended(ExitRecord, fence: Fence?)
  /// No record says how the run ended, and nothing of it is left.
  case endedUntold(Recovery.UntoldEnd, LastSeen)
  /// An order without force has come to its end, and the guest runs on.
  case givenUp(order: UInt32)
  case silent(Bool)
  /// Tasks that a kill does not end; empty when they are gone.
  case stuck(String)
  /// A controller from before this daemon has said what it runs: to be answered by `resolve`.
  case introduced(Recovery.Status)
  /// There is no connection to its controller any more, and no word of its end: to be answered by `look`.
  case unwatched
  /// A guest runs that no database knows.
  case found(GuestLifecycle.Launched)
}

extension GuestBook {
  /// The next step after news of a run.
  public enum Consequence: Sendable, Hashable {
    /// The guest's lifecycle decides.
    case note(GuestFact)
    /// What is known of the run's controller is needed no more.
    case forget
    /// Callers that ordered the end hear which tasks keep it.
    case report(stuckTasks: String)
    case resolve(Recovery.Adoption)
    /// An adopted run has an order that its controller does not have yet.
    case stop(EndOrder)
    /// Its folder and its cgroup say what became of the run.
    case survey(GuestLifecycle)
    case show(StoredGuest)
  }

  /// What follows from news of a run, in order. News of a run that is not the guest's present one changes nothing: the
  /// lifecycle takes none, and what would be new is not even asked.
  public func consequences(
    of fact: ControllerFact, _ run: RunID, _ name: GuestName, now: Moment, boot: BootID
  ) -> [Consequence] {
    guard let lifecycle = self[name]?.current.lifecycle else {
      // Of a guest that is gone nothing will be acknowledged.
      switch fact {
      case .found(let launched):
        return [.forget, .show(StoredGuest(lifecycle: .found(name, run, launched), createdAt: now.wall))]
      case .launched, .startFailed, .ended, .endedUntold, .givenUp, .silent, .stuck, .introduced, .unwatched:
        return [.forget]
      }
    }
    let present = lifecycle.run.flatMap { $0.id == run ? $0 : nil }
    switch fact {
    case .launched(let launched): return [.note(.launched(run, launched))]
    case .startFailed(let failure):
      let record = Recovery.record(
        ofFailedStart: run, name, failure, orders: present?.orders ?? EndOrders(), now: now.wall, boot: boot)
      return [.note(.ended(record))]
    case .ended(var record, let fence):
      if let fence, let present { record.add(present.orders, fence: fence) }
      return [.note(.ended(record))]
    case .endedUntold(let end, let seen):
      guard let present else { return [.forget] }
      // With the orders that came meanwhile.
      let record = Recovery.record(
        of: present, name, end, seen: seen, wasSilent: lifecycle.degraded, now: now, boot: boot)
      return [.note(.ended(record))]
    case .givenUp(let order): return [.note(.givenUp(run, order: order))]
    case .silent(let isSilent): return present == nil ? [] : [.note(.silent(isSilent))]
    case .stuck(let tasks):
      let report = Consequence.report(stuckTasks: tasks)
      return present == nil ? [report] : [.note(.stuck(tasks)), report]
    case .introduced(let status):
      let adoption = Recovery.adoption(lifecycle.phase, status)
      switch adoption {
      case .adopt(let orders): return [.resolve(adoption)] + orders.map { .stop($0) }
      case .dismiss: return [.resolve(adoption)]
      }
    case .unwatched: return [present == nil ? .forget : .survey(lifecycle)]
    case .found(let launched):
      return present == nil
        ? [.show(StoredGuest(lifecycle: .found(name, run, launched), createdAt: now.wall))] : []
    }
  }
}
