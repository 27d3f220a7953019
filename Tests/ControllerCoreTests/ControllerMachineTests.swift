import Guest
import Testing

@testable import ControllerCore

struct ControllerMachineTests {
  let admin = Actor.user(uid: 0, pid: 42)

  private func at(_ milliseconds: UInt64) -> BootTime { BootTime(nanoseconds: milliseconds * 1_000_000) }

  private func order(
    _ signal: Int32 = 15, timeout: UInt64 = 1000, term: UInt64 = 500, noKill: Bool = false, number: UInt32 = 1
  ) -> ControllerMachine.StopOrder {
    .init(
      EndOrder(.stop, by: admin, noKill: noKill, number: number), signal: signal, timeoutMillis: timeout,
      termTimeoutMillis: term)
  }

  private func kill(_ number: UInt32 = 1, by actor: Actor? = nil) -> ControllerMachine.Input {
    .kill(EndOrder(.kill, by: actor ?? admin, number: number))
  }

  private func running() -> ControllerMachine {
    var machine = ControllerMachine()
    #expect(machine.handle(.launch, at: at(0)) == [])
    #expect(machine.handle(.launched, at: at(1)) == [.tellLaunched])
    return machine
  }

  @Test func aRunThatEndsByItself() {
    var machine = running()
    #expect(machine.handle(.initEnded(.exited(3)), at: at(10)) == [.drainConsole, .lookAtGroup])
    #expect(machine.handle(.group(isEmpty: true), at: at(10)) == [.writeRecord])
    // Written before it is sent.
    #expect(machine.handle(.recordWritten, at: at(10)) == [.tellEnd, .closeConnections, .removeGroup])
    #expect(machine.handle(.delivered, at: at(11)) == [.exit])
    #expect(machine.end == .initEnded(.exited(3)))
    #expect(machine.orders.isEmpty)
    #expect(machine.deadline == nil)
  }

  @Test func aFailedStartIsRecordedToo() {
    var machine = ControllerMachine()
    _ = machine.handle(.launch, at: at(0))
    let failure = StartFailure(step: "mount /proc", errno: 1, message: "mount /proc: Operation not permitted")
    #expect(machine.handle(.launchFailed(failure), at: at(1)) == [.writeRecord])
    #expect(machine.handle(.recordWritten, at: at(1)) == [.tellEnd, .closeConnections, .removeGroup])
    #expect(machine.end == .startFailed(failure))
  }

  @Test func withoutADaemonAndWithoutARunThereIsNothingToDo() {
    var machine = ControllerMachine()
    #expect(machine.handle(.daemonGone, at: at(0)) == [.exit])
  }

  @Test func aDaemonThatGoesWhileTheGuestRunsChangesNothing() {
    var machine = running()
    #expect(machine.handle(.daemonGone, at: at(5)) == [])
    #expect(machine.phase == .running)
    _ = machine.handle(.initEnded(.exited(0)), at: at(6))
    _ = machine.handle(.group(isEmpty: true), at: at(6))
    _ = machine.handle(.recordWritten, at: at(6))
    #expect(machine.handle(.delivered, at: at(6)) == [.exit])
  }

  // MARK: stop

  @Test func aPoliteStopIsRepeatedUntilInitHearsItAndThenWaits() {
    var machine = running()
    #expect(machine.handle(.stop(order()), at: at(100)) == [.thaw, .signalInit(15)])
    #expect(machine.handle(.signalHeard(false), at: at(100)) == [])
    var now: UInt64 = 100
    var signals = 0
    while now < 400 {
      let due = machine.deadline!.nanoseconds / 1_000_000
      #expect(due > now)
      now = due
      let effects = machine.handle(.timePassed, at: at(now))
      #expect(effects == [.signalInit(15)])
      signals += 1
      _ = machine.handle(.signalHeard(signals == 4), at: at(now))
      if signals == 4 { break }
    }
    #expect(signals == 4)
    #expect(machine.deadline == at(1100))
    #expect(machine.isStopping)
    #expect(machine.handle(.initEnded(.exited(0)), at: at(500)) == [.drainConsole, .lookAtGroup])
    #expect(machine.orders.kept.map(\.signalsSent) == [[15]] && machine.orders.kept.map(\.killSent) == [false])
  }

  @Test func eachStageOfAStopHasItsTime() {
    var machine = running()
    #expect(machine.handle(.stop(order(37)), at: at(0)) == [.thaw, .signalInit(37)])
    _ = machine.handle(.signalHeard(true), at: at(0))
    #expect(machine.handle(.timePassed, at: at(999)) == [])
    #expect(machine.handle(.timePassed, at: at(1000)) == [.signalInit(15)])
    _ = machine.handle(.signalHeard(true), at: at(1000))
    #expect(machine.handle(.timePassed, at: at(1499)) == [])
    #expect(machine.handle(.timePassed, at: at(1500)) == [.killAll])
    #expect(machine.orders.kept.map(\.signalsSent) == [[37, 15]] && machine.orders.kept.map(\.killSent) == [true])
    // A second later it is still there: a task that cannot be killed.
    #expect(machine.handle(.timePassed, at: at(2500)) == [.killAll, .noteStuck])
  }

  /// The record has what was done, not what was tried: an exit of such an init is no answer to the stop.
  @Test func aSignalThatInitDoesNotHearWasNotSent() {
    var machine = running()
    _ = machine.handle(.stop(order()), at: at(0))
    _ = machine.handle(.signalHeard(false), at: at(0))
    #expect(machine.orders.kept.map(\.signalsSent) == [[]])
    // A second order beside it is heard: its own record has the signal.
    _ = machine.handle(.stop(order(37, timeout: 60_000, noKill: true, number: 2)), at: at(2))
    _ = machine.handle(.signalHeard(true), at: at(2))
    #expect(machine.orders.kept.map(\.signalsSent) == [[], [37]])
    _ = machine.handle(.timePassed, at: at(1000))
    #expect(machine.orders.kept.map(\.killSent) == [true, false])
  }

  @Test func sigtermIsNotSentASecondTimeByName() {
    var machine = running()
    _ = machine.handle(.stop(order(15)), at: at(0))
    _ = machine.handle(.signalHeard(true), at: at(0))
    #expect(machine.handle(.timePassed, at: at(1000)) == [.killAll])
  }

  @Test func noKillGivesUpAndLeavesTheGuestRunning() {
    var machine = running()
    _ = machine.handle(.stop(order(15, noKill: true)), at: at(0))
    _ = machine.handle(.signalHeard(true), at: at(0))
    #expect(machine.handle(.timePassed, at: at(1000)) == [.tellGaveUp(order: 1)])
    #expect(!machine.isStopping)
    #expect(machine.deadline == nil)
    #expect(machine.orders.kept.map(\.givenUp) == [true])
    // Sent again by a daemon that was restarted, it is not begun again.
    #expect(machine.handle(.stop(order(15, noKill: true)), at: at(1500)) == [])
    // A later order works.
    #expect(machine.handle(kill(2), at: at(2000)) == [.killAll])
    #expect(machine.orders.kept.map(\.killSent) == [false, true])
  }

  @Test func anOrderWithoutForceDoesNotPutOffOneWithForce() {
    var machine = running()
    _ = machine.handle(.stop(order(15)), at: at(0))
    _ = machine.handle(.signalHeard(true), at: at(0))
    #expect(
      machine.handle(.stop(order(15, timeout: 60_000, noKill: true, number: 2)), at: at(900)) == [.thaw])
    #expect(machine.handle(.timePassed, at: at(1000)) == [.killAll])
    #expect(machine.orders.kept.map(\.killSent) == [true, false])
  }

  /// However many orders come beside it, and however much time they give.
  @Test func theEarliestForceStands() {
    var machine = running()
    _ = machine.handle(.stop(order(15)), at: at(0))
    _ = machine.handle(.signalHeard(true), at: at(0))
    for number: UInt32 in 2...8 {
      let now = UInt64(number) * 100
      #expect(machine.handle(.stop(order(15, timeout: 6_000, number: number)), at: at(now)) == [.thaw])
    }
    #expect(machine.deadline == at(1000))
    #expect(machine.handle(.timePassed, at: at(1000)) == [.killAll])
    #expect(machine.orders.kept.map(\.killSent) == [true] + Array(repeating: false, count: 7))
    #expect(machine.orders.kept.map(\.signalsSent) == [[15]] + Array(repeating: [], count: 7))
  }

  @Test func aShorterStopTakesOver() {
    var machine = running()
    _ = machine.handle(.stop(order(15)), at: at(0))
    _ = machine.handle(.signalHeard(true), at: at(0))
    #expect(machine.handle(.stop(order(15, timeout: 100, number: 2)), at: at(500)) == [.thaw])
    #expect(machine.handle(.timePassed, at: at(600)) == [.killAll])
    #expect(machine.orders.kept.map(\.killSent) == [false, true])
    #expect(machine.orders.kept.map(\.signalsSent) == [[15], []])
  }

  /// Another signal is another order; the same one is sent again only where the order before it has come to its end.
  @Test func aPoliteSignalIsSentOnceForAllOrders() {
    var machine = running()
    _ = machine.handle(.stop(order(37, noKill: true)), at: at(0))
    _ = machine.handle(.signalHeard(true), at: at(0))
    #expect(machine.handle(.stop(order(37, noKill: true, number: 2)), at: at(10)) == [.thaw])
    #expect(machine.handle(.stop(order(15, noKill: true, number: 3)), at: at(20)) == [.thaw, .signalInit(15)])
    _ = machine.handle(.signalHeard(true), at: at(20))
    #expect(machine.handle(.timePassed, at: at(1020)) == [.tellGaveUp(order: 3)])
    // It stands for the first two, whose SIGTERM it is by now, until they come to their end.
    #expect(machine.handle(.stop(order(15, noKill: true, number: 4)), at: at(1030)) == [.thaw])
    #expect(
      machine.handle(.stop(order(15, noKill: true, number: 5)), at: at(3000))
        == [.tellGaveUp(order: 1), .tellGaveUp(order: 2), .tellGaveUp(order: 4), .thaw, .signalInit(15)])
  }

  /// The one that came later ends first, and takes no other with it.
  @Test func eachOrderWithoutForceEndsAtItsOwnTime() {
    var machine = running()
    _ = machine.handle(.stop(order(timeout: 60_000, noKill: true)), at: at(0))
    _ = machine.handle(.signalHeard(true), at: at(0))
    #expect(machine.handle(.stop(order(timeout: 1_000, noKill: true, number: 2)), at: at(400)) == [.thaw])
    #expect(machine.deadline == at(1_400))
    #expect(machine.handle(.timePassed, at: at(1_400)) == [.tellGaveUp(order: 2)])
    #expect(machine.isStopping && machine.deadline == at(60_000))
    #expect(machine.handle(.timePassed, at: at(60_000)) == [.tellGaveUp(order: 1)])
    #expect(!machine.isStopping && machine.deadline == nil)
  }

  /// The signal was sent once, for both: when the first order is given up it is the second one's, and so is the end.
  @Test func aSignalGoesOnWorkingForTheOrdersThatStand() {
    var machine = running()
    _ = machine.handle(.stop(order(timeout: 1_000, noKill: true)), at: at(0))
    _ = machine.handle(.signalHeard(true), at: at(0))
    _ = machine.handle(.stop(order(timeout: 9_000, noKill: true, number: 2)), at: at(1))
    #expect(machine.orders.kept.map(\.signalsSent) == [[15], []])
    #expect(machine.handle(.timePassed, at: at(1_000)) == [.tellGaveUp(order: 1)])
    #expect(machine.orders.kept.map(\.signalsSent) == [[15], [15]])
    #expect(machine.orders.kept.map(\.isAtWork) == [false, true])
  }

  /// Neither the one before nor the one after has its time from the other.
  @Test func forceComesAtItsTimeBesideAnyOrderWithout() {
    for isFirst in [true, false] {
      var machine = running()
      let (gentle, force) = (order(timeout: 60_000, noKill: true, number: 1), order(timeout: 2_000, number: 2))
      _ = machine.handle(.stop(isFirst ? gentle : force), at: at(0))
      _ = machine.handle(.signalHeard(true), at: at(0))
      _ = machine.handle(.stop(isFirst ? force : gentle), at: at(0))
      #expect(machine.handle(.timePassed, at: at(2_000)) == [.killAll])
      #expect(machine.orders.kept.first { $0.number == 2 }?.killSent == true)
      // Of a task that does not end the order without force comes to its end all the same.
      #expect(machine.handle(.timePassed, at: at(60_000)) == [.killAll, .noteStuck, .tellGaveUp(order: 1)])
      #expect(machine.isStopping)
    }
  }

  @Test func anOrderTooManyGivesTheOldestUp() {
    var machine = running()
    _ = machine.handle(.stop(order(timeout: 100_000)), at: at(0))
    _ = machine.handle(.signalHeard(true), at: at(0))
    for number: UInt32 in 2...5 {
      #expect(machine.handle(.stop(order(timeout: 9_000, noKill: true, number: number)), at: at(1)) == [.thaw])
    }
    #expect(
      machine.handle(.stop(order(timeout: 9_000, noKill: true, number: 6)), at: at(2)) == [
        .thaw, .tellGaveUp(order: 2),
      ])
  }

  /// Whether init was executed is not known while the launch is under way, and an order without force kills none.
  @Test func anOrderWithoutForceWaitsForTheLaunch() {
    var machine = ControllerMachine()
    _ = machine.handle(.launch, at: at(0))
    #expect(machine.handle(.stop(order(noKill: true)), at: at(1)) == [])
    #expect(machine.handle(.stop(order(noKill: true)), at: at(2)) == [], "sent again")
    #expect(machine.handle(.launched, at: at(10)) == [.tellLaunched, .thaw, .signalInit(15)])
    _ = machine.handle(.signalHeard(true), at: at(10))
    #expect(machine.handle(.timePassed, at: at(1_010)) == [.tellGaveUp(order: 1)])
    #expect(machine.orders.kept.map(\.killSent) == [false])
  }

  @Test func anOrderWithForceCallsAStartOffBesideOneWithout() {
    var machine = ControllerMachine()
    _ = machine.handle(.launch, at: at(0))
    _ = machine.handle(.stop(order(noKill: true)), at: at(1))
    #expect(machine.handle(.stop(order(number: 2)), at: at(2)) == [.killAll])
    #expect(machine.handle(.launched, at: at(3)) == [.tellLaunched, .killAll])
    #expect(machine.orders.kept.map(\.killSent) == [false, true])
  }

  /// Any orders at any time: each without force ends at its own time, and the first force is that of the earliest deadline.
  @Test(arguments: 0..<50) func eachOrderHasItsOwnEndInAnyHistory(seed: UInt64) {
    var random = SplitMix(state: seed &+ 991)
    for _ in 0..<100 {
      var machine = running()
      var now: UInt64 = 0
      var due: [UInt32: UInt64] = [:]
      var force: (at: UInt64, number: UInt32)?
      var gaveUp: Set<UInt32> = []
      var killed = false
      func take(_ effects: [ControllerMachine.Effect]) {
        var asked = 0
        for effect in effects {
          switch effect {
          case .signalInit: asked += 1
          case .tellGaveUp(let number):
            #expect(gaveUp.insert(number).inserted && due[number] != nil)
          case .killAll:
            if !killed { #expect(force?.at == now, "seed \(seed)") }
            killed = true
          case .thaw, .noteStuck, .tellLaunched, .drainConsole, .lookAtGroup, .writeRecord, .tellEnd, .closeConnections,
            .removeGroup, .exit:
            break
          }
        }
        for _ in 0..<asked { take(machine.handle(.signalHeard(random.next(below: 3) > 0), at: at(now))) }
      }
      for number: UInt32 in 1...12 {
        let (signal, timeout) = ([15, 37, 2][Int(random.next(below: 3))] as Int32, 1 + random.next(below: 4_000))
        let noKill = random.next(below: 4) > 0
        let end = now + timeout + (signal == 15 ? 0 : 500)
        if noKill {
          due[number] = end
        } else if !killed, force.map({ end < $0.at }) ?? true {
          force = (end, number)
        }
        take(machine.handle(.stop(order(signal, timeout: timeout, noKill: noKill, number: number)), at: at(now)))
        let until = now + random.next(below: 1_500)
        while let next = machine.deadline?.nanoseconds, next <= until * 1_000_000 {
          now = max(now, next / 1_000_000)
          take(machine.handle(.timePassed, at: at(now)))
        }
        now = until
        let standing = machine.orders.standing.filter(\.noKill)
        for order in standing { #expect(due[order.number]! > now, "seed \(seed)") }
        #expect(standing.count <= EndOrders.standingWithoutForce)
        #expect(machine.isStopping == (!standing.isEmpty || force != nil))
        #expect(killed == (force.map { $0.at <= now } ?? false))
      }
      let ending = machine.orders.kept.filter(\.killSent).map(\.number)
      #expect(ending == (killed ? [force!.number] : []), "seed \(seed)")
    }
  }

  /// A controller that stood still meanwhile does not carry out what was given up.
  @Test func anOrderWhoseTimeIsUpIsNotBegun() {
    let given = Timestamp(nanoseconds: 1_000_000_000_000)
    func stop(_ signal: Int32, noKill: Bool) -> ControllerMachine.StopOrder {
      .init(
        EndOrder(.stop, by: admin, signal: signal, timeoutMillis: 1000, noKill: noKill, number: 1, at: given),
        signal: signal,
        timeoutMillis: 1000, termTimeoutMillis: 500)
    }
    func isOver(_ order: ControllerMachine.StopOrder, after millis: Int64) -> Bool {
      order.isOver(
        at: Timestamp(nanoseconds: given.nanoseconds + millis * 1_000_000), StopPolicy(termTimeoutMillis: 500))
    }
    #expect(!isOver(stop(15, noKill: true), after: 999) && isOver(stop(15, noKill: true), after: 1000))
    #expect(!isOver(stop(37, noKill: true), after: 1499) && isOver(stop(37, noKill: true), after: 1500))
    // With force there is no giving up: it is carried out, however late.
    #expect(!isOver(stop(15, noKill: false), after: 100_000))

    var machine = running()
    #expect(machine.handle(.overdue(stop(15, noKill: true).order), at: at(5000)) == [.tellGaveUp(order: 1)])
    #expect(!machine.isStopping && machine.deadline == nil)
    #expect(machine.orders.kept.map(\.givenUp) == [true] && machine.orders.kept.map(\.signalsSent) == [[]])
  }

  @Test func aStopWithoutTimeKillsAtOnce() {
    var machine = running()
    #expect(machine.handle(.stop(order(timeout: 0)), at: at(0)) == [.killAll])
    #expect(machine.orders.kept.map(\.killSent) == [true] && machine.orders.kept.map(\.signalsSent) == [[]])
  }

  @Test func aKillOvertakesAPoliteStopAndAPoliteStopDoesNotUndoAKill() {
    var machine = running()
    _ = machine.handle(.stop(order()), at: at(0))
    _ = machine.handle(.signalHeard(true), at: at(0))
    #expect(machine.handle(kill(2, by: .daemon), at: at(1)) == [.killAll])
    #expect(machine.handle(.stop(order(number: 3)), at: at(2)) == [])
    #expect(machine.orders.kept.map(\.by) == [admin, .daemon, admin])
    #expect(machine.orders.kept.map(\.signalsSent) == [[15], [], []])
    #expect(machine.orders.kept.map(\.killSent) == [false, true, false])
  }

  @Test func aStopDuringTheLaunchCancelsIt() {
    var machine = ControllerMachine()
    _ = machine.handle(.launch, at: at(0))
    #expect(machine.handle(.stop(order()), at: at(1)) == [.killAll])
    #expect(
      machine.handle(.launchFailed(StartFailure(step: "x", errno: 0, message: "x")), at: at(2)) == [.writeRecord])
    #expect(machine.orders.kept.map(\.killSent) == [true])
  }

  @Test func aStopThatComesTooLateToCancelKillsWhatWasStarted() {
    var machine = ControllerMachine()
    _ = machine.handle(.launch, at: at(0))
    _ = machine.handle(.stop(order()), at: at(1))
    #expect(machine.handle(.launched, at: at(2)) == [.tellLaunched, .killAll])
  }

  // MARK: the end

  @Test func theEndWaitsForTheLastProcess() {
    var machine = running()
    _ = machine.handle(.initEnded(.signaled(9, coreDumped: false)), at: at(0))
    #expect(machine.handle(.group(isEmpty: false), at: at(0)) == [.killAll])
    var now: UInt64 = 0
    var looks = 0
    while now < 3000 {
      now = machine.deadline!.nanoseconds / 1_000_000
      #expect(machine.handle(.timePassed, at: at(now)) == [.lookAtGroup])
      looks += 1
      let effects = machine.handle(.group(isEmpty: false), at: at(now))
      #expect(effects == (now >= 1000 ? [.killAll, .noteStuck] : [.killAll]))
    }
    // Often at first, about once a second in the end.
    #expect((10...16).contains(looks))
    #expect(machine.handle(.timePassed, at: machine.deadline!) == [.lookAtGroup])
    #expect(machine.handle(.group(isEmpty: true), at: at(now + 2000)) == [.writeRecord])
  }

  @Test func aRecordThatCannotBeWrittenIsToldOnceKeptAndTriedAgain() {
    var machine = running()
    _ = machine.handle(.initEnded(.exited(0)), at: at(0))
    _ = machine.handle(.group(isEmpty: true), at: at(0))
    #expect(machine.handle(.recordRefused, at: at(0)) == [.tellEnd])
    for second in 1...3 {
      let now = at(UInt64(second) * 1000)
      #expect(machine.deadline == now)
      #expect(machine.handle(.timePassed, at: now) == [.writeRecord])
      if second < 3 { #expect(machine.handle(.recordRefused, at: now) == []) }
    }
    // Sent already; only the exit is left.
    #expect(machine.handle(.recordWritten, at: at(3000)) == [.closeConnections, .removeGroup])
    #expect(machine.handle(.delivered, at: at(3001)) == [.exit])
  }

  @Test func aRemovedDirectoryIsAsGoodAsAWrittenRecord() {
    var machine = running()
    _ = machine.handle(.initEnded(.exited(0)), at: at(0))
    _ = machine.handle(.group(isEmpty: true), at: at(0))
    _ = machine.handle(.recordRefused, at: at(0))
    #expect(machine.handle(.acknowledged, at: at(500)) == [.closeConnections, .removeGroup])
  }

  /// Any facts in any order: the end is recorded before it is sent, sent once, and the machine finishes once init's end
  /// is known.
  @Test(arguments: 0..<50) func anyHistoryTellsOneEndOnce(seed: UInt64) {
    var random = SplitMix(state: seed)
    for _ in 0..<200 {
      var machine = ControllerMachine()
      var now: UInt64 = 0
      var written = 0
      var told = 0
      var recordable = false
      var queue: [ControllerMachine.Input] = []
      var history: [ControllerMachine.Input] = []
      for step in 0..<400 where machine.phase != .done {
        now += random.next(below: 300)
        let input: ControllerMachine.Input
        if !queue.isEmpty {
          input = queue.removeFirst()
        } else if step > 300 {
          input =
            machine.phase == .idle ? .daemonGone : machine.phase == .launching ? .launched : .initEnded(.exited(0))
        } else {
          input =
            [
              .launch, .launched, .launchFailed(StartFailure(step: "s", errno: 1, message: "m")), .stop(order()),
              .stop(order(timeout: 0)), kill(2, by: .daemon), .signalHeard(true), .rebootNoted(.halt),
              .initEnded(.exited(1)), .daemonGone, .timePassed, .timePassed, .timePassed,
            ][Int(random.next(below: 13))]
        }
        history.append(input)
        let wasAfterLaunch = machine.phase == .running || machine.phase == .launching
        for effect in machine.handle(input, at: at(now)) {
          switch effect {
          case .signalInit: queue.append(.signalHeard(random.next(below: 2) == 0))
          case .lookAtGroup: queue.append(.group(isEmpty: random.next(below: 3) > 0))
          case .writeRecord:
            #expect(machine.end != nil)
            recordable = true
            queue.append(random.next(below: 3) > 0 ? .recordWritten : .recordRefused)
            written += queue.last == .recordWritten ? 1 : 0
          case .tellEnd:
            told += 1
            #expect(recordable, "\(history)")
          case .closeConnections: queue.append(.delivered)
          case .drainConsole: #expect(wasAfterLaunch)
          case .thaw, .killAll, .noteStuck, .tellGaveUp, .tellLaunched, .removeGroup, .exit: break
          }
        }
        if machine.phase != .idle, step > 300, let due = machine.deadline {
          now = max(now, due.nanoseconds / 1_000_000 + 1)
        }
        if queue.isEmpty, step > 300, machine.phase == .recording || machine.phase == .emptying {
          queue.append(.timePassed)
        }
      }
      #expect(machine.phase == .done, "seed \(seed): \(history)")
      #expect(told == (machine.end == nil ? 0 : 1), "seed \(seed): \(history)")
      #expect(written <= 1)
    }
  }
}

/// Vigna's SplitMix64: a seed gives the same history again.
struct SplitMix {
  var state: UInt64

  mutating func next(below bound: UInt64) -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return (mixed ^ mixed >> 31) % bound
  }
}
