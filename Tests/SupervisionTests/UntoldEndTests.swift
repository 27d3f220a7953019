import Guest
import Supervision
import Testing

/// Ends without the word of a controller: no more is said than was found, and the moment of looking is not the moment of
/// the end.
@Suite struct UntoldEndTests {
  typealias Found = Recovery.Found

  private func verdict(
    _ directory: Found.Directory, _ cgroup: Found.Cgroup, launched: Bool = true, ordered: Bool = false,
    mark: Known = .notKnown, booted: Bool = false
  ) -> Recovery.Verdict {
    let launch = GuestLifecycle.Launched(
      initPID: 7, initStartTime: 1,
      at: Moment(wall: Timestamp(nanoseconds: 1), boot: BootTime(nanoseconds: 1)))
    let run = GuestLifecycle.Run(
      id: GuestBookTests.context(1).nextRun, number: 1, startedBy: .policy,
      spec: GuestSpec(rootfs: Rootfs(path: "/"), command: ["/init"]), launched: launched ? launch : nil)
    return Recovery.verdict(
      launched ? .running(run) : .starting(run),
      Found(directory: directory, cgroup: cgroup, hostBooted: booted, wasOrdered: ordered, mark: mark))
  }

  @Test func onlyALockThatIsFreeSaysThatAControllerDied() {
    for cgroup in Found.Cgroup.allCases {
      #expect(verdict(.free(record: nil), cgroup) == .end(.controllerLost))
    }
    #expect(verdict(.none, .populated) == .end(.controllerUnreachable))
    #expect(verdict(.none, .empty) == .end(.nothingFound))
    #expect(verdict(.none, .absent) == .end(.nothingFound))
    #expect(verdict(.none, .populated, launched: false) == .end(.controllerUnreachable))
    #expect(verdict(.none, .empty, launched: false) == .end(.nothingFound))
  }

  @Test func aConnectionThatWasSeenToEndIsADeath() {
    for cgroup in Found.Cgroup.allCases {
      #expect(verdict(.none, cgroup, ordered: true) == .end(.controllerLost))
    }
  }

  @Test func aDamagedRecordIsARecord() {
    for launched in [true, false] {
      for cgroup in Found.Cgroup.allCases {
        #expect(verdict(.damaged, cgroup, launched: launched) == .end(.recordUnreadable), "never launched again")
        #expect(verdict(.damaged, cgroup, launched: launched, booted: true) == .end(.hostReset))
      }
    }
  }

  /// All that can be known at once, and for each end whether its moment is.
  @Test func anEndIsTimedOnlyWhereItWasSeen() {
    let killed = InitStatus(.signaled(9, coreDumped: false), .zombie)
    let exited = InitStatus(.exited(9), .zombie)
    let ends: [Recovery.UntoldEnd] = [
      .hostReset, .controllerLost, .controllerUnreachable, .recordUnreadable, .nothingFound, .notExecuted,
    ]
    for end in ends {
      for watched in [true, false] {
        for status in [nil, killed, exited] {
          #expect(!Recovery.isEndSeen(end, watched: watched, status: status, hadEnded: true), "\(end) \(watched)")
        }
      }
      #expect(
        Recovery.isEndSeen(end, watched: false, status: nil, hadEnded: false) == (end == .controllerUnreachable),
        "\(end)")
    }
    #expect(Recovery.isEndSeen(.controllerLost, watched: true, status: nil, hadEnded: false))
    #expect(
      Recovery.isEndSeen(.controllerLost, watched: false, status: killed, hadEnded: false), "the daemon's own kill")
    #expect(!Recovery.isEndSeen(.recordUnreadable, watched: true, status: nil, hadEnded: false))
  }
}
