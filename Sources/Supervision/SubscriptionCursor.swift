import Guest

/// Where one subscriber stands in the journal.
struct SubscriptionCursor<Interest: JournalInterest>: Sendable {
  let interest: Interest
  /// Everything up to here was given out, or is not wanted.
  var position: UInt64
  let user: UInt32
  let connection: UInt64
  let tickNanos: UInt64
  var lastTick: UInt64 = 0
  /// The reply to its subscription has been sent; nothing may come before that.
  var isActive = false
  /// Its turn at the disk is to come, or its read is on its way.
  var isWaiting = false
  /// Comes before the first row.
  var snapshot: SnapshotCursor?

  init(interest: Interest, position: UInt64, user: UInt32, connection: UInt64, tickNanos: UInt64) {
    self.interest = interest
    self.position = position
    self.user = user
    self.connection = connection
    self.tickNanos = tickNanos
  }

  var formerCount: Int { snapshot?.formerCount ?? 0 }

  func isTickDue(newest: UInt64, at nanoseconds: UInt64) -> Bool {
    isActive && snapshot == nil && position == newest && nanoseconds >= lastTick + tickNanos
  }
}

/// Some of the guests of a snapshot.
public struct SnapshotPart: Sendable {
  /// The state of the guests when this number was the newest; the same for all parts.
  public let sequence: UInt64
  public let guests: [StoredGuest]
  /// The first row follows.
  public let isLast: Bool
}

/// A guest as it was, shared by all snapshots that need it; nil if it was not there.
final class FormerGuest: Sendable {
  let state: StoredGuest?

  init(_ state: StoredGuest?) { self.state = state }
}

/// The states of all guests at one number of the journal, given out a part at a time.
///
/// Nothing is copied when it begins. A guest that changes before its turn leaves its former state here, so all parts show
/// the same moment, and the rows after that moment lead from there to the present.
struct SnapshotCursor: Sendable {
  let sequence: UInt64
  /// In ascending order.
  private let names: [GuestName]
  /// The next name to look at.
  private var index = 0
  private var former: [GuestName: FormerGuest] = [:]

  init(of names: [GuestName], at sequence: UInt64) {
    self.names = names
    self.sequence = sequence
  }

  var formerCount: Int { former.count }

  /// A guest is about to change for the first time, or again.
  mutating func keep(_ name: GuestName, _ guest: FormerGuest) {
    guard index < names.count, name >= names[index], former[name] == nil, contains(name) else { return }
    former[name] = guest
  }

  private func contains(_ name: GuestName) -> Bool {
    let place = names.insertionIndex(of: name)
    return place < names.count && names[place] == name
  }

  mutating func next(
    limit: Int, where isWanted: (StoredGuest) -> Bool, present: (GuestName) -> StoredGuest?
  ) -> SnapshotPart {
    let end = min(index + limit, names.count)
    var guests: [StoredGuest] = []
    for name in names[index..<end] {
      let state: StoredGuest?
      if let kept = former.removeValue(forKey: name) { state = kept.state } else { state = present(name) }
      if let state, isWanted(state) { guests.append(state) }
    }
    index = end
    return SnapshotPart(sequence: sequence, guests: guests, isLast: end == names.count)
  }
}

extension [GuestName] {
  /// Where a name is, or belongs, in ascending order.
  func insertionIndex(of name: GuestName) -> Int { firstIndex(notBelow: { $0 < name }) }

  /// The first place in ascending order that is not below something; `count` if all are.
  func firstIndex(notBelow isBelow: (GuestName) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if isBelow(self[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
