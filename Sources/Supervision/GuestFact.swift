public import Guest

/// Something that has happened to a guest. No lifecycle refuses a fact, and the disk's refusal does not undo it.
public enum GuestFact: Sendable, Hashable {
  /// Init of the run has been executed.
  case launched(RunID, GuestLifecycle.Launched)
  case ended(ExitRecord)
  /// An order without force has come to its end, and the run goes on.
  case givenUp(RunID, order: UInt32)
  /// Its controller does not answer, or answers again.
  case silent(Bool)
  /// Tasks that a kill does not end; empty when they are gone.
  case stuck(String)
  /// The time of a pending restart has come.
  case timerFired
  /// A daemon knows the guest from its database, and what runs of it has been found.
  case daemonStarted(hostBooted: Bool)
}

extension GuestBook {
  /// Takes a fact down.
  ///
  /// - Returns: nil if there is no such guest any more.
  public mutating func note(
    _ fact: GuestFact, of name: GuestName, _ context: GuestLifecycle.Context
  ) -> Decision? {
    guard self[name] != nil else { return nil }
    do throws(GuestError) {
      return try decide(name, .fact, context) { lifecycle, context throws(GuestError) in
        switch fact {
        case .launched(let run, let launched): lifecycle.launched(run, launched)
        case .ended(let record): lifecycle.ended(record, context)
        case .givenUp(let run, let order): lifecycle.orderGivenUp(run, number: order)
        case .silent(let isSilent): lifecycle.degraded(isSilent)
        case .stuck(let tasks): lifecycle.stuck(tasks)
        case .timerFired: lifecycle.timerFired(context)
        case .daemonStarted(let hostBooted): lifecycle.daemonStarted(hostBooted: hostBooted, context)
        }
      }
    } catch {
      preconditionFailure("a fact about \(name) was refused: \(error)")
    }
  }
}
