import Guest
import Supervision
import Testing

@Suite struct AnswersTests {
  private static let web = GuestBookTests.web

  private static func record(_ facts: EndFacts) -> RunRecord {
    RunRecord(
      number: 1, startedBy: GuestBookTests.user,
      ended: ExitRecord(
        guest: web, run: ControllerStateTests.run.id, boot: BootID([UInt8](repeating: 7, count: 16))!, facts: facts,
        startedAt: nil, endedAt: Timestamp(nanoseconds: 2), lengthNanos: 1))
  }

  private static var full: StorageHealth {
    var health = StorageHealth()
    _ = health.input(.refused(.init(.full, "no space left")))
    return health
  }

  private static func code(_ body: () throws(GuestError) -> Void) -> GuestError.Code? {
    do throws(GuestError) { try body() } catch { return error.code }
    return nil
  }

  // MARK: A start

  @Test func aRunThatEndedAtOnceHasBegunAllTheSame() throws {
    for status in [WaitStatus.exited(0), .exited(3), .signaled(9, coreDumped: false)] {
      let record = Self.record(EndFacts(initExecuted: .yes, status: InitStatus(status)))
      #expect(try record.begun(Self.web) == record.ended.run)
    }
  }

  @Test func aStartThatFailedHasItsStepAndItsErrno() {
    let failure = ControllerStateTests.failure
    do throws(GuestError) {
      _ = try Self.record(EndFacts(initExecuted: .no, startFailure: failure)).begun(Self.web)
      Issue.record("it began")
    } catch {
      #expect(error.code == .startFailed && error.step == failure.step && error.errno == failure.errno)
      #expect(error.message == "start web: \(failure.message)")
    }
  }

  @Test func aStartThatWasCalledOffNamesTheActor() {
    var orders = EndOrders()
    orders.append(EndOrder(.stop, by: GuestBookTests.user))
    let record = Self.record(
      EndFacts(
        initExecuted: .no, startFailure: StartFailure(step: "launch", errno: 0, message: "launch: called off"),
        orders: orders))
    guard case .stopped(_, .cancelled, _) = record.ended.cause else {
      Issue.record("\(record.ended.cause)")
      return
    }
    #expect(Self.code { () throws(GuestError) in _ = try record.begun(Self.web) } == .cancelled)
  }

  /// The controller died: whether init was executed decides, and unknown is not yes.
  @Test(arguments: [Known.yes, .notKnown])
  func anUnknownStartIsNotAnsweredAsBegun(_ executed: Known) throws {
    let record = Self.record(EndFacts(initExecuted: executed, fence: .controllerDied))
    #expect(record.ended.cause == .controllerLost)
    switch executed {
    case .yes: #expect(try record.begun(Self.web) == record.ended.run)
    case .no, .notKnown: #expect(Self.code { () throws(GuestError) in _ = try record.begun(Self.web) } == .startFailed)
    }
  }

  // MARK: An end

  @Test func anEndIsTheAnswerToWhatEndsIt() throws {
    let record = Self.record(EndFacts(initExecuted: .yes, status: InitStatus(.exited(0))))
    #expect(try Waiters.Answer.ended(record).end("stop web", of: Self.web, in: StorageHealth()) == record)
  }

  @Test(arguments: [Waiters.Answer.gone, .holds])
  func theHistoryIsAskedWhereTheGuestIsGone(_ answer: Waiters.Answer) throws {
    #expect(try answer.end("stop web", of: Self.web, in: StorageHealth()) == nil)
  }

  @Test func tasksThatDoNotEndAreNamed() {
    do throws(GuestError) {
      _ = try Waiters.Answer.stuck("12 dd (io_schedule)").end("stop web", of: Self.web, in: StorageHealth())
      Issue.record("it ended")
    } catch {
      #expect(error.code == .timedOut && error.message.contains("12 dd (io_schedule)"))
      #expect(error.message.hasPrefix("stop web: "))
    }
  }

  @Test func anEndThatIsNotOnTheDiskSaysSoAndWhy() {
    let record = Self.record(EndFacts(initExecuted: .yes, status: InitStatus(.exited(0))))
    do throws(GuestError) {
      _ = try Waiters.Answer.unstored(record).end("kill web", of: Self.web, in: Self.full)
      Issue.record("it was answered as stored")
    } catch {
      #expect(error.code == .storage && error.message.contains("no space left"))
    }
  }

  // MARK: Faults of the disk

  @Test(arguments: StorageHealth.Fault.Kind.allCases)
  func everyRefusalSaysWhatToDo(_ kind: StorageHealth.Fault.Kind) {
    let fault = StorageHealth.Fault(kind, "database x: bad")
    var health = StorageHealth()
    #expect(health.refusal(of: "start web") == nil)
    _ = health.input(.refused(fault))
    for health in [health, StorageHealth(rescue: fault)] {
      let refusal = health.refusal(of: "start web")
      #expect(refusal?.code == .storage && refusal?.message == "start web: database x: bad" && refusal?.hint != nil)
      if health.isRescue { #expect(refusal?.hint?.contains("restart lodged") == true) }
    }
    #expect(fault.refusal.message == "database x: bad; nothing was changed")
  }

  @Test func whatARescueStoresIsNotStored() throws {
    let record = Self.record(EndFacts(initExecuted: .yes, status: InitStatus(.exited(0))))
    let rescue = StorageHealth(rescue: .init(.final, "database x: damaged"))
    #expect(
      Self.code { () throws(GuestError) in
        _ = try Waiters.Answer.ended(record).end("stop web", of: Self.web, in: rescue)
      } == .storage)
    #expect(try Waiters.Answer.ended(record).end(nil, of: Self.web, in: rescue) == record, "a wait is answered")
  }

  @Test func everyOtherRefusalNamesTheGuestAndTheNextStep() {
    let errors = [
      Refusal.otherSequel(Self.web), Refusal.stoppedMeanwhile(Self.web),
      Refusal.stillRuns("stop web", Self.web, afterMillis: 2_000), Refusal.removed(Self.web),
      Refusal.changedMeanwhile(Self.web), Refusal.noInit(Self.web, .stopped),
      Refusal.tooManyGuests("create web", count: 3, configuration: "/etc/lodge/lodged.yaml"),
    ]
    for error in errors { #expect(error.message.contains("web"), "\(error)") }
    #expect(Refusal.stillRuns("stop web", Self.web, afterMillis: 2_000).message.contains("after 2s, and goes on"))
    #expect(Refusal.stillRuns("stop web", Self.web, afterMillis: 300).message.contains("after 300ms"))
    // It does not go on for long: what is said has to be true.
    let other = Refusal.stillRuns(
      "stop web", Self.web, afterMillis: nil, EndOrder(.restart, by: .user(uid: 0, pid: 1)))
    #expect(!other.message.contains("goes on") && other.message.contains("restart by root"))
    #expect(Refusal.tooManyGuests("create web", count: 3, configuration: "/c").message.contains("/c"))
  }
}
