import Foundation
import LinuxSystem
import TestSupport

/// An order as a record tells it.
struct OrderAccount: Equatable, CustomStringConvertible {
  var verb: String
  var uid: Int
  /// As it was ordered; nil where it was left to the spec.
  var signal: String?
  var timeout: Double?
  var noKill = false
  /// What was done for it.
  var sent: [String] = []
  var killed = false
  var givenUp = false

  static func stop(
    by uid: Int = 0, signal: String? = nil, timeout: Double? = nil, noKill: Bool = false, sent: [String] = ["SIGTERM"],
    killed: Bool = false, givenUp: Bool = false, verb: String = "stop"
  ) -> OrderAccount {
    OrderAccount(
      verb: verb, uid: uid, signal: signal, timeout: timeout, noKill: noKill, sent: sent, killed: killed,
      givenUp: givenUp)
  }

  static func kill(by uid: Int = 0, reached: Bool = true) -> OrderAccount {
    OrderAccount(verb: "kill", uid: uid, killed: reached)
  }

  init(_ line: OrderLine) {
    self.init(
      verb: line.verb, uid: line.by.uid ?? -1, signal: line.signal, timeout: line.timeout, noKill: line.noKill,
      sent: line.signalsSent, killed: line.killSent, givenUp: line.givenUp)
  }

  init(
    verb: String, uid: Int, signal: String? = nil, timeout: Double? = nil, noKill: Bool = false, sent: [String] = [],
    killed: Bool = false, givenUp: Bool = false
  ) {
    self.verb = verb
    self.uid = uid
    self.signal = signal
    self.timeout = timeout
    self.noKill = noKill
    self.sent = sent
    self.killed = killed
    self.givenUp = givenUp
  }

  var description: String {
    let how = [signal.map { "with \($0)" }, timeout.map { "\($0) s" }, noKill ? "without force" : nil].compactMap(
      \.self)
    let done = sent + (killed ? ["SIGKILL"] : []) + (givenUp ? ["given up"] : [])
    return "\(verb) by \(uid)\(how.isEmpty ? "" : " (\(how.joined(separator: ", ")))"): \(done.joined(separator: ", "))"
  }
}

/// An end as a record tells it: every field that has one right value. Times, figures and the last lines have bounds
/// instead; see `Account.faults`.
struct Account: Equatable, CustomStringConvertible {
  /// The cause with its details: `exited 3`, `signaled 11`, `oom init own`, `stopped forced uid 0`.
  var cause: String
  var isBad: Bool
  /// The number of the order beside it.
  var whileStopping: Int?
  var executed: Bool? = true
  var status: String?
  var witness: String?
  var reboots: [String] = []
  /// Processes that the kernel killed for memory; nil where that is not known.
  var kills: Int? = 0
  /// Whether init was one of them.
  var initKilled: Bool? = false
  var orders: [OrderAccount] = []
  var fence: String?
  /// The moment was seen; else the end was found later.
  var endSeen = true

  init(_ run: RunLine) {
    let cause = run.cause
    let uid = cause.by?.uid.map { " uid \($0)" } ?? ""
    self.cause =
      switch cause.kind {
      case "exited": "exited \(cause.code ?? -1)"
      case "signaled": "signaled \(cause.signal ?? -1)"
      case "oom": "oom \(cause.victim ?? "?") \(cause.limit ?? "?")"
      case "stopped": "stopped \(cause.how ?? "?")\(uid)"
      default: cause.kind
      }
    isBad = run.bad
    whileStopping = run.whileStopping?.number
    let facts = run.facts
    executed = facts.initExecuted
    status = facts.status.map { $0.code.map { "exit \($0)" } ?? "signal \($0.signal ?? -1)" }
    witness = facts.status?.witness
    reboots = facts.reboots
    kills = facts.memory?.kills
    initKilled = facts.memory.map(\.initKilled) ?? nil
    orders = facts.orders.map { OrderAccount($0) }
    endSeen = facts.endSeen
    fence = facts.fence.map { fence in fence.reason + (fence.order.map { " \($0)" } ?? "") }
  }

  init(_ cause: String, bad: Bool, status: String?, _ change: (inout Account) -> Void = { _ in }) {
    self.cause = cause
    isBad = bad
    self.status = status
    witness = status == nil ? nil : "reaped"
    change(&self)
  }

  static func exited(_ code: Int, _ change: (inout Account) -> Void = { _ in }) -> Account {
    Account("exited \(code)", bad: code != 0, status: "exit \(code)", change)
  }

  static func signaled(_ signal: Int, _ change: (inout Account) -> Void = { _ in }) -> Account {
    Account("signaled \(signal)", bad: true, status: "signal \(signal)", change)
  }

  static func stopped(
    _ how: String, _ status: String, by uid: Int = 0, _ orders: OrderAccount...,
    change: (inout Account) -> Void = { _ in }
  ) -> Account {
    Account("stopped \(how) uid \(uid)", bad: false, status: status) {
      $0.orders = orders
      change(&$0)
    }
  }

  /// The end of a run whose controller died without a word: nothing was seen of how it ended. Whether the daemon had heard
  /// that init was executed, and whether it saw the moment, depends on where it was itself.
  func isLost(orders: [OrderAccount] = []) -> Bool {
    guard executed != false else { return false }
    let lost = Account("controllerLost", bad: true, status: nil) {
      $0.executed = executed
      $0.kills = nil
      $0.initKilled = nil
      $0.orders = orders
      $0.fence = "controllerDied"
      $0.endSeen = endSeen
    }
    return self == lost
  }

  var description: String {
    "\(cause)\(whileStopping.map { ", while order \($0)" } ?? ""), bad \(isBad), executed \(executed.map { "\($0)" } ?? "?"), "
      + "status \(status ?? "?") (\(witness ?? "?")), reboots \(reboots), kills \(kills.map { "\($0)" } ?? "?"), init "
      + "\(initKilled.map { "\($0)" } ?? "?"), orders \(orders), fence \(fence ?? "-"), "
      + "end seen \(endSeen)"
  }
}

/// What a guest of the truth rig left behind, and between which moments it ran.
struct Marks: Sendable {
  struct Mark: Sendable {
    var text: String
    /// Seconds since 1970.
    var at: Double
    /// Seconds of processor time until then.
    var processorTime: Double

    init?(_ line: Substring) {
      let fields = line.split(separator: "\t")
      guard fields.count == 3, let at = Double(fields[1]), let used = Double(fields[2]) else { return nil }
      text = String(fields[0])
      self.at = at / 1e9
      processorTime = used / 1e6
    }
  }

  var token: String
  var began: Mark?
  var done: [Mark]
  /// By the host's clock: when it was asked to start, and when its end was known.
  var from: Double
  var until: Double

  init(in folder: String, token: String, from: Double, until: Double) {
    self.token = token
    self.from = from
    self.until = until
    began = Files.textOrEmpty("\(folder)/began").split(separator: "\n").first.flatMap { Mark($0) }
    done = Files.textOrEmpty("\(folder)/done").split(separator: "\n").compactMap { Mark($0) }
  }

  var texts: [String] { done.map(\.text) }
  var last: Mark? { done.last ?? began }
}

extension RunLine {
  /// Seconds since 1970 of `2026-11-21T10:02:11.482Z`.
  static func seconds(_ text: String?) -> Double? {
    guard let text, text.hasSuffix("Z"), let point = text.lastIndex(of: ".") else { return nil }
    guard let whole = wholeSeconds.withLock({ $0.date(from: text[..<point] + "Z") }),
      let fraction = Double("0" + text[point...].dropLast())
    else { return nil }
    return whole.timeIntervalSince1970 + fraction
  }

  private static let wholeSeconds = Locked(ISO8601DateFormatter())

  /// What of the fields that have bounds is out of them, by what the guest has marked: times, length, core dump, witnesses,
  /// use of memory and processor, the last lines, and what is the same in every record.
  func faults(against marks: Marks, memoryLimit: Int, boot: String) -> [String] {
    var faults: [String] = []
    func expect(_ holds: Bool, _ text: @autoclosure () -> String) { if !holds { faults.append(text()) } }
    // Records have milliseconds.
    let grain = 0.002
    let ended = Self.seconds(endedAt) ?? 0
    let started = Self.seconds(startedAt)
    expect(ended >= marks.from - grain && ended <= marks.until + grain, "ended at \(endedAt)")
    if let last = marks.last { expect(ended >= last.at - grain, "ended before its last mark") }
    if let started {
      expect(started >= marks.from - grain && started <= ended + grain, "started at \(startedAt ?? "")")
      if facts.status?.witness == "reaped" {
        expect(length.map { abs($0 - (ended - started)) < 0.02 } == true, "\(length.map { "\($0)" } ?? "?") s long")
      }
    }
    expect(facts.endSeen || length == nil, "a length of a run whose end was not seen")
    expect(facts.recorded, "not recorded")
    expect(facts.rebootWatched || facts.status?.witness != "reaped", "reboot(2) was not watched")
    expect(facts.ordersOmitted == 0, "orders are omitted")
    expect(facts.orders.map(\.number) == facts.orders.indices.map { $0 + 1 }, "numbers of orders")
    expect(startedBy.kind == "user" && startedBy.uid == 0, "started by \(startedBy)")
    for order in facts.orders {
      expect(order.by.kind == "user", "an order by \(order.by)")
      let at = Self.seconds(order.at) ?? 0
      // One that came after the end, and before the daemon heard of that, found nothing to do.
      let wasDone = !order.signalsSent.isEmpty || order.killSent
      expect(
        at >= marks.from - grain && at <= (wasDone ? ended : marks.until) + grain, "an order at \(order.at ?? "?")")
    }
    for place in [facts.startBoot, facts.endBoot].compactMap(\.self) {
      expect(place.filter(\.isHexDigit) == boot, "boot \(place)")
    }
    if let order = whileStopping {
      expect(facts.orders.contains { $0.number == order.number && $0.verb == order.verb }, "whose order it was beside")
    }

    let seen = facts.status
    // The headline says nothing that the facts do not.
    expect((cause.code ?? seen?.code) == seen?.code, "code \(cause) of \(String(describing: seen))")
    expect((cause.signal ?? seen?.signal) == seen?.signal, "signal \(cause) of \(String(describing: seen))")
    expect((cause.coreDumped ?? seen?.coreDumped) == seen?.coreDumped, "core dump")
    if seen?.signal != nil {
      expect(seen?.coreDumped == marks.texts.contains("core"), "core dump: \(String(describing: seen))")
    }
    if let memory = facts.memory {
      expect((memory.witness == nil) == (memory.initKilled == nil), "the witness of \(memory)")
      expect((memory.limit == nil) == (memory.kills == 0), "the limit of \(memory)")
      expect(memory.limitBytes == memoryLimit, "the limit of \(memory)")
      if let last = memory.lastKillBeforeEnd {
        expect(memory.kills > 0 && last >= 0 && last <= (length ?? 0) + grain, "the last kill: \(memory)")
      }
      if let kills = cause.kills { expect(kills == memory.kills, "kills of the cause: \(kills)") }
    }
    if let failure = facts.startFailure {
      expect(facts.initExecuted == false, "failed at \(failure), and was executed")
      expect(cause.kind != "startFailed" || cause.step == failure.step, "step of the cause")
    }

    // What nobody could measure is absent.
    if let peak = usage.memoryPeak {
      expect(peak > 0 && peak <= memoryLimit, "memory peak \(peak)")
      if cause.kind == "oom" { expect(peak > memoryLimit / 2, "memory peak \(peak) of one that ran out") }
    } else {
      expect(seen == nil || seen?.witness == "zombie", "no memory peak")
    }
    if let used = usage.cpuTime {
      // Of the whole guest, so no less than init had used when it marked; and it cannot use more than all there is.
      if let last = marks.last { expect(used >= last.processorTime - 0.02, "processor time \(used)") }
      let processors = Double(max(1, ProcessInfo.processInfo.processorCount))
      expect(used <= ((length ?? 0) + 0.1) * processors, "processor time \(used) in \(length ?? 0) s")
    } else {
      expect(seen == nil || seen?.witness == "zombie", "no processor time")
    }
    expect(usage.memoryLimit == nil || usage.memoryLimit == memoryLimit, "limit \(usage.memoryLimit ?? 0)")
    if seen?.witness == "reaped" {
      // A kill may come between a mark and its line on the console.
      let lines = marks.texts.map { "\(marks.token) \($0)" }
      let isCut = seen?.signal == 9 && logTail == lines.dropLast()
      expect(logTail == lines || isCut, "last lines \(logTail)")
    } else {
      expect(logTail.allSatisfy { $0.hasPrefix(marks.token) }, "last lines \(logTail)")
    }
    return faults
  }
}

/// A value behind a lock, for what is not Sendable by itself.
final class Locked<Value>: @unchecked Sendable {
  private let lock = NSLock()
  private let value: Value

  init(_ value: Value) { self.value = value }

  func withLock<Result>(_ body: (Value) throws -> Result) rethrows -> Result {
    lock.lock()
    defer { lock.unlock() }
    return try body(value)
  }
}
