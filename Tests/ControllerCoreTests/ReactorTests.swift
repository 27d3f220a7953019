import Glibc
import Guest
import LinuxSystem
import Testing

@testable import ControllerCore

/// Plain pipes and a clock that stands where the test puts it.
struct ReactorTests {
  private final class FakeClock {
    var now = BootTime(nanoseconds: 0)
    func set(_ milliseconds: UInt64) { now = BootTime(nanoseconds: milliseconds * 1_000_000) }
  }

  private let clock = FakeClock()
  private let reactor: Reactor

  init() throws {
    let clock = clock
    reactor = try Reactor(clock: { clock.now })
  }

  private func at(_ milliseconds: UInt64) -> BootTime { BootTime(nanoseconds: milliseconds * 1_000_000) }

  private func put(_ byte: UInt8, into pipe: OwnedFD) {
    withUnsafePointer(to: byte) { _ = write(pipe.rawValue, $0, 1) }
  }

  private func take(_ pipe: OwnedFD) throws -> UInt8? {
    var byte: UInt8 = 0
    return try withUnsafeMutableBytes(of: &byte) { try Pipe.read(from: pipe, into: $0) } == 1 ? byte : nil
  }

  /// One that is always ready, and a turn without waiting.
  private func turn() throws { try reactor.turn(waitingAtMost: 0) }

  // MARK: descriptors

  @Test func aHandlerGetsWhatItsDescriptorIsReadyFor() throws {
    let pipe = try Pipe.make()
    var found: [Readiness] = []
    _ = try reactor.watch(pipe.reading.rawValue) { found.append($0) }
    try turn()
    #expect(found == [])
    put(1, into: pipe.writing)
    try turn()
    #expect(found == [.readable])
    _ = try take(pipe.reading)
    pipe.writing.close()
    try turn()
    #expect(found.last == .hangup)
  }

  /// A hundred that are always ready, because their handlers read nothing, and a timer that is always due: each is called
  /// as often as the others, though one turn takes 32.
  @Test func nothingStarves() throws {
    var pipes: [(reading: OwnedFD, writing: OwnedFD)] = []
    var calls = [Int](repeating: 0, count: 100)
    for index in 0..<100 {
      let pipe = try Pipe.make()
      _ = try reactor.watch(pipe.reading.rawValue) { _ in calls[index] += 1 }
      put(0, into: pipe.writing)
      pipes.append(pipe)
    }
    var fired = 0
    reactor.addTimer(due: { BootTime(nanoseconds: 0) }, fire: { fired += 1 })
    for _ in 0..<100 { try turn() }
    #expect(fired == 100)
    #expect(calls.reduce(0, +) == 3200)
    let (least, most) = (calls.min() ?? 0, calls.max() ?? 0)
    #expect(most - least <= 1, "\(least) to \(most)")
  }

  /// Both are reported at once; the first handler takes the other one out, closes it, and a new one gets its number.
  @Test func aSourceThatIsRemovedInAHandlerIsNotCalled() throws {
    for _ in 0..<2 {
      let pipes = [try Pipe.make(), try Pipe.make()]
      var sources: [Reactor.Source] = []
      var calls: [Int] = []
      var newcomer: (reading: OwnedFD, writing: OwnedFD)?
      var newCalls = 0
      for index in 0...1 {
        sources.append(
          try reactor.watch(pipes[index].reading.rawValue) { [reactor] _ in
            calls.append(index)
            let other = 1 - index
            let number = pipes[other].reading.rawValue
            reactor.remove(sources[other])
            pipes[other].reading.close()
            newcomer = try? Pipe.make()
            #expect(newcomer?.reading.rawValue == number, "the kernel gives out the lowest number")
            if let reading = newcomer?.reading.rawValue {
              sources[other] = (try? reactor.watch(reading) { _ in newCalls += 1 }) ?? sources[other]
            }
          })
        put(1, into: pipes[index].writing)
      }
      try turn()
      #expect(calls.count == 1)
      #expect(newCalls == 0)
      // And it is watched.
      if let newcomer { put(2, into: newcomer.writing) }
      reactor.remove(sources[calls[0]])
      try turn()
      #expect(newCalls == 1)
      reactor.remove(sources[1 - calls[0]])
    }
  }

  @Test func aHandlerMayRemoveItself() throws {
    let pipe = try Pipe.make()
    var source: Reactor.Source?
    var calls = 0
    source = try reactor.watch(pipe.reading.rawValue) { [reactor] _ in
      calls += 1
      if let source { reactor.remove(source) }
    }
    put(1, into: pipe.writing)
    try turn()
    try turn()
    #expect(calls == 1)
    // Without effect, though the number is another's by now.
    var others = 0
    _ = try reactor.watch(pipe.reading.rawValue) { _ in others += 1 }
    if let source { reactor.remove(source) }
    try turn()
    #expect(others == 1)
  }

  /// As a console does whose log cannot keep up, or a session that has something to write.
  @Test func theInterestChanges() throws {
    let pipe = try Pipe.make()
    var calls = 0
    let source = try reactor.watch(pipe.reading.rawValue) { _ in calls += 1 }
    put(1, into: pipe.writing)
    try reactor.change(source, to: [])
    try turn()
    #expect(calls == 0)
    try reactor.change(source, to: .readable)
    try turn()
    #expect(calls == 1)
  }

  @Test func anObjectMayWatchByItself() throws {
    let pipe = try Pipe.make()
    var found: [Reactor.Source] = []
    let source = reactor.register { source, _ in found.append(source) }
    try reactor.epoll.add(pipe.reading.rawValue, .readable, token: source.token)
    put(1, into: pipe.writing)
    try turn()
    #expect(found == [source])
    reactor.remove(source)
    try turn()
    #expect(found == [source])
    try reactor.epoll.remove(pipe.reading.rawValue)
  }

  // MARK: times

  @Test func timersFireInTheirOrderAndNotBefore() throws {
    var fired: [Int] = []
    var due: [Int: UInt64] = [0: 30, 1: 10, 2: 20, 3: 40, 4: 10]
    for number in 0..<5 {
      reactor.addTimer(
        due: { due[number].map { at($0) } },
        fire: {
          fired.append(number)
          due[number] = nil
        })
    }
    clock.set(9)
    try turn()
    #expect(fired == [])
    clock.set(35)
    try turn()
    #expect(fired == [1, 4, 2, 0])
    clock.set(40)
    try turn()
    #expect(fired == [1, 4, 2, 0, 3])
  }

  /// One that is due again at once waits for the descriptors.
  @Test func aTimerThatIsDueAgainAtOnceComesNextTurn() throws {
    let pipe = try Pipe.make()
    var order: [String] = []
    _ = try reactor.watch(pipe.reading.rawValue) { _ in order.append("pipe") }
    reactor.addTimer(due: { at(0) }, fire: { order.append("timer") })
    put(1, into: pipe.writing)
    for _ in 0..<3 { try turn() }
    #expect(order == ["pipe", "timer", "pipe", "timer", "pipe", "timer"])
  }

  @Test func aTimerMayEndAndMoveOthers() throws {
    var fired: [Int] = []
    var moved: BootTime? = at(20)
    var ids: [Reactor.TimerID] = []
    ids.append(
      reactor.addTimer(
        due: { at(10) },
        fire: { [reactor] in
          fired.append(0)
          reactor.remove(ids[1])
          moved = at(100)
          reactor.remove(ids[0])
        }))
    ids.append(reactor.addTimer(due: { at(15) }, fire: { fired.append(1) }))
    reactor.addTimer(due: { moved }, fire: { fired.append(2) })
    clock.set(50)
    try turn()
    #expect(fired == [0])
    clock.set(100)
    try turn()
    #expect(fired == [0, 2])
  }

  @Test func aTurnWaitsForTheNextTimerAndNoLonger() throws {
    let real = try Reactor()
    let begin = Clock.now.boot
    let due = begin.adding(milliseconds: 30)
    var fired: BootTime?
    real.addTimer(due: { fired == nil ? due : nil }, fire: { fired = Clock.now.boot })
    real.addTimer(due: { begin.adding(milliseconds: 60_000) }, fire: {})
    while fired == nil, Clock.now.boot < begin.adding(milliseconds: 10_000) { try real.turn() }
    #expect(fired.map { $0 >= due } == true)
  }

  /// Signals come as a descriptor like any other.
  @Test func aSignalIsADescriptor() throws {
    let signals = try SignalFD([SIGUSR2])
    defer { try? Signals.unblock([SIGUSR2]) }
    var got: [Int32] = []
    _ = try reactor.watch(signals.rawValue) { _ in
      while let signal = try? signals.next() { got.append(signal) }
    }
    pthread_kill(pthread_self(), SIGUSR2)
    try turn()
    #expect(got == [SIGUSR2])
  }
}
