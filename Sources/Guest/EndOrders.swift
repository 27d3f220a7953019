/// The orders of one run, oldest first. A run may be given any number of them: the oldest, the newest and all that a
/// decision depends on are kept, and the rest is counted.
///
/// The fate of the run follows from the orders that stand, and from nothing beside them: whether it is to end, what follows its
/// end, and by when.
public struct EndOrders: Sendable, Hashable {
  public static let oldestKept = 8
  public static let newestKept = 8
  /// As many orders without force stand beside each other at most: one more gives the oldest of them up.
  public static let standingWithoutForce = 4

  public private(set) var kept: [EndOrder]
  /// Orders between the oldest and the newest ones that are not kept.
  public private(set) var omitted: UInt32

  public init(_ kept: [EndOrder] = [], omitted: UInt32 = 0) {
    self.kept = kept
    self.omitted = omitted
    bound()
  }

  /// How many there were.
  public var count: UInt32 { UInt32(kept.count) + omitted }

  public var isEmpty: Bool { kept.isEmpty }

  /// The newest.
  public var last: EndOrder? { kept.last }

  /// Those that have not been given up.
  public var standing: [EndOrder] { kept.filter { !$0.givenUp } }

  /// The newest that stands.
  public var current: EndOrder? { kept.last { !$0.givenUp } }

  /// The action after the end of the run; nil where no order stands.
  ///
  /// A removal stays one. Of stops and restarts the later order wins, with force or without, as long as it stands: the last
  /// word counts, and a word that was taken back does not.
  public var consequence: GuestLifecycle.AfterStop? {
    if let removal = kept.last(where: { !$0.givenUp && $0.verb == .remove }) { return .remove(by: removal.by) }
    guard let last = current else { return nil }
    switch last.verb {
    case .stop, .kill, .shutdown: return .stay
    case .restart: return .start(by: last.by)
    case .remove: return .remove(by: last.by)
    }
  }

  /// The oldest order without force, where more of them stand than may.
  public var surplus: EndOrder? {
    let gentle = kept.filter { !$0.givenUp && $0.noKill }
    return gentle.count > Self.standingWithoutForce ? gentle.first : nil
  }

  /// Whether that order without force stands no more. One that is not kept was given up, because those that stand are kept.
  public func isGivenUp(_ number: UInt32) -> Bool {
    if let order = kept.first(where: { $0.number == number }) { return order.givenUp }
    return number <= kept.last?.number ?? 0
  }

  /// When the first of those that stand is given up; nil where all of them end by force.
  public func nextGivenUpAt(_ policy: StopPolicy, now: Moment) -> BootTime? {
    standing.compactMap { $0.givenUpAt(policy, now: now) }.min()
  }

  /// Appends an order and gives it the next number.
  ///
  /// - Returns: the order with its number.
  @discardableResult
  public mutating func append(_ order: EndOrder) -> EndOrder {
    var order = order
    order.number = (kept.last?.number ?? omitted) + 1
    kept.append(order)
    bound()
    return order
  }

  /// Takes an order that has its number already. An order that is received again keeps what was done for it.
  public mutating func take(_ order: EndOrder) {
    if let index = kept.firstIndex(where: { $0.number == order.number }) {
      kept[index].merge(order)
    } else {
      kept.append(order)
      bound()
    }
  }

  /// Changes the kept order of that number; one that is not kept stays as it is.
  public mutating func update(_ number: UInt32, _ body: (inout EndOrder) -> Void) {
    guard let index = kept.firstIndex(where: { $0.number == number }) else { return }
    body(&kept[index])
  }

  /// The order comes to its end, and the guest runs on.
  ///
  /// - Returns: the order; nil where it had come to its end before, or ends by force.
  public mutating func giveUp(_ number: UInt32) -> EndOrder? {
    guard let index = kept.firstIndex(where: { $0.number == number }), kept[index].noKill, !kept[index].givenUp else {
      return nil
    }
    kept[index].givenUp = true
    return kept[index]
  }

  /// Puts orders that were read into this boot's time, from then on independent of the wall clock.
  public mutating func takeUp(at now: Moment) {
    for index in kept.indices where kept[index].atBoot == nil {
      let age = min(kept[index].age(at: now), now.boot.nanoseconds)
      kept[index].atBoot = BootTime(nanoseconds: now.boot.nanoseconds - age)
    }
  }

  /// Merges another account of the same run's orders: the daemon has those that never reached the controller,
  /// the controller has the actions for the others.
  public mutating func merge(_ other: EndOrders) {
    var byNumber: [UInt32: EndOrder] = [:]
    for order in kept { byNumber[order.number] = order }
    for order in other.kept {
      if byNumber[order.number]?.merge(order) == nil { byNumber[order.number] = order }
    }
    let total = max(count, other.count)
    kept = byNumber.values.sorted { $0.number < $1.number }
    bound()
    omitted = max(total, UInt32(kept.count)) - UInt32(kept.count)
  }

  private mutating func bound() {
    while kept.count > Self.oldestKept + Self.newestKept {
      let needed = needed
      let index =
        kept.indices.first { $0 >= Self.oldestKept && !needed.contains(kept[$0].number) }
        ?? kept.indices.first { !needed.contains(kept[$0].number) } ?? Self.oldestKept
      kept.remove(at: index)
      omitted += 1
    }
  }

  /// Numbers of the orders on which a decision may depend: all without force that stand; of those with force the newest,
  /// which says what follows, and the earliest; a removal; and those that name who ended it. At most 12, with the one
  /// that is about to be given up.
  private var needed: Set<UInt32> {
    let standing = standing
    let forced = standing.filter { !$0.noKill }
    let timed = forced.filter { !$0.isForce && $0.timeoutMillis != nil }
    let earliest = timed.min { Self.forceNanos($0) < Self.forceNanos($1) }
    let orders: [EndOrder?] = [
      kept.last, forced.last, forced.first(where: \.isForce), forced.first { !$0.isForce && $0.timeoutMillis == nil },
      earliest, standing.last { $0.verb == .remove }, kept.first(where: \.killSent), kept.first(where: \.isAtWork),
    ]
    return Set(
      orders.compactMap { $0?.number } + standing.filter(\.noKill).suffix(Self.standingWithoutForce + 1).map(\.number))
  }

  private static func forceNanos(_ order: EndOrder) -> Double {
    Double(order.at?.nanoseconds ?? 0) + Double(order.timeoutMillis ?? 0) * 1_000_000
  }
}
