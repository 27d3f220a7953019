import Guest
import Supervision
import Testing

/// A controller that is found again, and an order to end its run that may not have reached it.
@Suite struct AdoptionTests {
  private static let user = Actor.user(uid: 1000, pid: 4)

  private func stopping(_ verb: EndOrder.Verb) throws -> GuestLifecycle {
    let spec = GuestSpec(rootfs: Rootfs(path: "/"), command: ["/init"])
    let context = GuestLifecycle.Context(
      now: Moment(wall: Timestamp(nanoseconds: 1), boot: BootTime(nanoseconds: 1)),
      nextRun: RunID([UInt8](repeating: 1, count: 16))!)
    var guest = GuestLifecycle(name: try GuestName("web"), defined: spec)
    _ = try guest.start(by: Self.user, context)
    _ = guest.launched(context.nextRun, GuestLifecycle.Launched(initPID: 1, initStartTime: 1, at: context.now))
    _ = try guest.stop(EndOrder(verb, by: Self.user), context)
    return guest
  }

  /// The daemon died between the commit of the order and its sending: the next one sends it.
  @Test(arguments: [Recovery.Status.Phase.launching, .running, .stopping])
  func anOrderThatHasNotReachedTheControllerIsGivenToIt(_ phase: Recovery.Status.Phase) throws {
    let guest = try stopping(.stop)
    let run = try #require(guest.run)
    let order = try #require(run.orders.current)
    #expect(
      Recovery.adoption(guest.phase, .init(run: run.id, phase: phase, orders: [])) == .adopt(orders: [order]))
    // One that has reached it keeps its time there.
    #expect(
      Recovery.adoption(guest.phase, .init(run: run.id, phase: phase, orders: [order.number])) == .adopt(orders: []))
  }

  /// Force is given again in any case: a second SIGKILL changes nothing.
  @Test(arguments: [false, true]) func forceIsGivenAgain(_ hasOrder: Bool) throws {
    let guest = try stopping(.kill)
    let run = try #require(guest.run)
    let order = try #require(run.orders.current)
    #expect(
      Recovery.adoption(guest.phase, .init(run: run.id, phase: .running, orders: hasOrder ? [order.number] : []))
        == .adopt(orders: [order]))
  }

  /// Of several orders each is sent that has not reached it, and none that was given up.
  @Test func eachOrderThatHasNotReachedTheControllerIsGivenToIt() throws {
    var guest = try stopping(.stop)
    let context = GuestLifecycle.Context(
      now: Moment(wall: Timestamp(nanoseconds: 2), boot: BootTime(nanoseconds: 2)), nextRun: .zero)
    _ = try guest.stop(EndOrder(.stop, by: Self.user, noKill: true), context)
    _ = try guest.restart(EndOrder(.restart, by: Self.user, noKill: true), context)
    let run = try #require(guest.run)
    #expect(Recovery.adoption(guest.phase, .init(run: run.id, phase: .running)) == .adopt(orders: run.orders.kept))
    #expect(
      Recovery.adoption(guest.phase, .init(run: run.id, phase: .running, orders: [2]))
        == .adopt(orders: [run.orders.kept[0], run.orders.kept[2]]))
    _ = guest.orderGivenUp(run.id, number: 2)
    #expect(
      Recovery.adoption(guest.phase, .init(run: run.id, phase: .running))
        == .adopt(orders: [run.orders.kept[0], run.orders.kept[2]]))
  }

  @Test func aControllerOfAnotherRunIsDismissed() throws {
    let guest = try stopping(.stop)
    let other = RunID([UInt8](repeating: 9, count: 16))!
    #expect(Recovery.adoption(guest.phase, .init(run: other, phase: .running)) == .dismiss)
  }
}
