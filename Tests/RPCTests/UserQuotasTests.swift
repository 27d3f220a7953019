import RPC
import Testing

@Suite struct UserQuotasTests {
  private let quota = Quota(total: 1024, perUser: 128, reserved: 32)

  /// How many of `user` are admitted before the first refusal.
  private func fill(_ quotas: inout UserQuotas, _ user: UInt32) -> Int {
    var count = 0
    while (try? quotas.take(.connections, for: user)) != nil { count += 1 }
    return count
  }

  @Test func oneUserGetsItsShareAndRootTheRest() {
    var quotas = UserQuotas([.connections: quota])
    #expect(fill(&quotas, 1000) == 128)
    #expect(quotas.refusal(of: .connections, for: 1000) == .user(held: 128))
    #expect(fill(&quotas, 0) == 1024 - 128)
    #expect(quotas.refusal(of: .connections, for: 0) == .everybody(held: 1024))
    #expect(quotas.largestShare(.connections) == 128)
  }

  /// However many users take all they can get, one after the other, the next one gets in, and root has its reserve.
  @Test(arguments: 1...16) func greedyUsersLeaveRoomForTheNext(greedy: Int) throws {
    var quotas = UserQuotas([.connections: quota])
    for user in 0..<greedy { _ = fill(&quotas, UInt32(1000 + user)) }
    if greedy <= 12 {
      #expect(quotas.refusal(of: .connections, for: 2000) == nil, "\(quotas.used(.connections)) are held")
    }
    for _ in 0..<quota.reserved { try quotas.take(.connections, for: 0) }
  }

  /// Users that take all they can get at the same time end with equal shares, and as much stays free.
  @Test(arguments: [2, 5, 10, 20, 50]) func greedyUsersAtTheSameTimeShareEqually(greedy: Int) {
    var quotas = UserQuotas([.connections: quota])
    var open = Set((0..<greedy).map { UInt32(1000 + $0) })
    while !open.isEmpty {
      for user in open.sorted() where (try? quotas.take(.connections, for: user)) == nil { open.remove(user) }
    }
    let shares = (0..<greedy).map { quotas.used(.connections, by: UInt32(1000 + $0)) }
    let fair = min(quota.perUser, (quota.total - quota.reserved) / (greedy + 1))
    #expect(shares.allSatisfy { abs($0 - fair) <= 2 }, "\(shares), \(fair) each would be fair")
    #expect(quota.total - quota.reserved - quotas.used(.connections) >= fair - greedy)
  }

  /// Random takes and gives: the sums are right, no bound is ever broken, and giving all back leaves nothing.
  @Test func anyHistoryKeepsTheBounds() throws {
    var random = TestRandom()
    for _ in 0..<300 {
      let quota = Quota(
        total: Int.random(in: 1...60, using: &random), perUser: Int.random(in: 1...20, using: &random),
        reserved: Int.random(in: 0...10, using: &random))
      var quotas = UserQuotas([.bytes: quota])
      var held: [UInt32: Int] = [:]
      for _ in 0..<200 {
        let user = UInt32.random(in: 0...5, using: &random)
        let amount = Int.random(in: 1...4, using: &random)
        if Bool.random(using: &random) {
          let refusal = quotas.refusal(of: .bytes, amount, for: user)
          if (try? quotas.take(.bytes, amount, for: user)) != nil {
            #expect(refusal == nil)
            held[user, default: 0] += amount
          } else {
            #expect(refusal != nil)
          }
        } else if held[user, default: 0] >= amount {
          quotas.give(.bytes, amount, by: user)
          held[user, default: 0] -= amount
        }
        let others = held.filter { $0.key != 0 }
        #expect(quotas.used(.bytes) == held.values.reduce(0, +), "seed \(random.seed)")
        #expect(quotas.used(.bytes) <= quota.total, "seed \(random.seed)")
        #expect(others.values.allSatisfy { $0 <= quota.perUser }, "seed \(random.seed)")
        #expect(others.values.reduce(0, +) <= max(0, quota.total - quota.reserved), "seed \(random.seed)")
        for (user, count) in held { #expect(quotas.used(.bytes, by: user) == count, "seed \(random.seed)") }
      }
      for (user, count) in held { quotas.give(.bytes, count, by: user) }
      #expect(quotas.used(.bytes) == 0 && quotas.largestShare(.bytes) == 0)
    }
  }

  @Test func whatHasNoQuotaIsCounted() throws {
    var quotas = UserQuotas([:])
    for _ in 0..<1000 { try quotas.take(.waits, for: 7) }
    #expect(quotas.used(.waits, by: 7) == 1000)
  }
}

@Suite struct ScopeLedgerTests {
  /// Random registrations, beginnings, releases and ends: each entry ends exactly once, by its release or with its scope;
  /// one that a task works for ends by its release alone; and a closed scope takes and begins nothing.
  @Test func everyEntryEndsOnce() throws {
    var random = TestRandom()
    for _ in 0..<2000 {
      var ledger = ScopeLedger()
      var live: [ScopeLedger.EntryID: QuotaKind] = [:]
      var atWork: Set<ScopeLedger.EntryID> = []
      var ended: Set<ScopeLedger.EntryID> = []
      for _ in 0..<Int.random(in: 0...60, using: &random) {
        let known = Array(live.keys) + Array(ended)
        switch Int.random(in: 0...11, using: &random) {
        case 0...5:
          let kind = QuotaKind.allCases.randomElement(using: &random) ?? .calls
          if ledger.isOpen {
            live[try ledger.register(kind)] = kind
          } else {
            #expect(throws: ScopeClosed.self) { try ledger.register(kind) }
          }
        case 6...7:
          let ids = known.filter { _ in Bool.random(using: &random) }
          if ledger.isOpen {
            try ledger.begin(ids)
            atWork.formUnion(live.keys.filter(ids.contains))
          } else {
            #expect(throws: ScopeClosed.self) { try ledger.begin(ids) }
          }
        case 8...10:
          guard let id = known.randomElement(using: &random) else { continue }
          #expect(ledger.release(id) == live.removeValue(forKey: id), "seed \(random.seed)")
          ended.insert(id)
        default:
          let expected = ledger.isOpen ? live.keys.sorted() : []
          let left = ledger.close()
          #expect(left.map(\.id) == expected, "seed \(random.seed)")
          #expect(left.allSatisfy { live[$0.id] == $0.kind && atWork.contains($0.id) == $0.isAtWork })
          let over = live.keys.filter { !atWork.contains($0) }
          ended.formUnion(over)
          for id in over { live[id] = nil }
        }
        #expect(ledger.count == live.count, "seed \(random.seed)")
        for kind in QuotaKind.allCases { #expect(ledger.count(of: kind) == live.values.count { $0 == kind }) }
      }
    }
  }
}

@Suite struct FairQueueTests {
  private struct Item: Sendable, Equatable {
    var user: UInt32
    var connection: UInt64
    var number: Int
  }

  @Test func aThousandItemsOfOneUserDelayAnotherByOne() {
    var queue = FairQueue<Item>()
    for number in 0..<1000 {
      let connection = UInt64(number % 10)
      queue.append(Item(user: 1, connection: connection, number: number), user: 1, connection: connection)
    }
    #expect(queue.next { _ in true }?.number == 0)
    queue.append(Item(user: 2, connection: 99, number: 7), user: 2, connection: 99)
    let next = (0..<2).compactMap { _ in queue.next { _ in true }?.user }
    #expect(Set(next) == [1, 2])
  }

  @Test func connectionsOfOneUserTakeTurns() {
    var queue = FairQueue<Item>()
    for connection: UInt64 in 1...3 {
      for number in 0..<3 {
        queue.append(Item(user: 1, connection: connection, number: number), user: 1, connection: connection)
      }
    }
    var order: [UInt64] = []
    while let item = queue.next(where: { _ in true }) { order.append(item.connection) }
    #expect(order == [1, 2, 3, 1, 2, 3, 1, 2, 3])
  }

  /// Random appends, takes and ends against a plain list: nothing is lost, doubled or out of order within a connection,
  /// and no user with something ready waits longer than one round.
  @Test func anyHistoryIsFairAndInOrder() {
    var random = TestRandom()
    for _ in 0..<400 {
      var queue = FairQueue<Item>()
      var model: [Item] = []
      var waited: [UInt32: Int] = [:]
      let blocked = UInt64.random(in: 10...42, using: &random)
      for number in 0..<150 {
        switch Int.random(in: 0...9, using: &random) {
        case 0...4:
          let user = UInt32.random(in: 1...4, using: &random)
          let item = Item(
            user: user, connection: UInt64(user) * 10 + .random(in: 0...2, using: &random), number: number)
          queue.append(item, user: user, connection: item.connection)
          model.append(item)
        case 5...8:
          let item = queue.next { $0.connection != blocked }
          let ready = model.filter { $0.connection != blocked }
          #expect((item == nil) == ready.isEmpty, "seed \(random.seed)")
          guard let item else { continue }
          #expect(model.first { $0.connection == item.connection } == item, "seed \(random.seed)")
          model.removeAll { $0 == item }
          for user in Set(ready.map(\.user)) { waited[user, default: 0] += 1 }
          waited[item.user] = 0
          #expect(waited.values.allSatisfy { $0 <= 4 }, "seed \(random.seed): \(waited)")
        default:
          guard let item = model.randomElement(using: &random) else { continue }
          queue.removeAll(user: item.user, connection: item.connection)
          model.removeAll { $0.connection == item.connection }
        }
        for user in waited.keys where !model.contains(where: { $0.user == user }) { waited[user] = 0 }
        #expect(queue.count == model.count, "seed \(random.seed)")
        for item in model { #expect(queue.holds(user: item.user, connection: item.connection)) }
      }
    }
  }
}

@Suite struct TurnBudgetTests {
  @Test func aGoEndsAtItsLimitAndAPauseBeginsANewOne() {
    var budget = TurnBudget(limit: 1000, pause: 200)
    var now: UInt64 = 10_000
    var done = 0
    while budget.mayWork(at: now) {
      budget.worked(from: now, to: now + 100)
      now += 150
      done += 1
    }
    #expect(done == 10, "short pauses do not count")
    let afterAPause = budget.mayWork(at: now + 200)
    #expect(afterAPause)
    budget.worked(from: now + 200, to: now + 5000)
    let afterLongWork = budget.mayWork(at: now + 5001)
    #expect(!afterLongWork, "one long piece of work uses up the go")
    budget.renew()
    let afterOthers = budget.mayWork(at: now + 5001)
    #expect(afterOthers)
  }
}
