import Guest
import Testing
import WireProtocol

@testable import CLICore

@Suite struct FilterTests {
  private func names(_ filters: [String]) throws -> [String] {
    let filter = try Filter(filters, of: .guests)
    return Samples.guests.filter(filter.matches).map(\.name.value)
  }

  @Test(
    arguments: [
      ([], ["web", "db", "mail", "new", "sick"]), (["state=stopped"], ["mail", "new"]),
      (["status=stopped"], ["mail", "new"]),
      (["state=stopped", "state=waiting"], ["db", "mail", "new"]), (["label=env=prod"], ["web"]),
      (["label.env=prod", "label.env=test"], ["web"]), (["label.env=prod", "label.tier=2"], []),
      (["label.env=prod"], ["web"]),
      (["name=*b"], ["web", "db"]), (["name=*b", "state=running"], ["web"]), (["cause=oom"], ["web"]),
      (["autostart=true"], ["web", "db"]), (["label.none="], []),
    ] as [([String], [String])])
  func guestsAreSelected(filters: [String], expected: [String]) throws {
    #expect(try names(filters) == expected)
  }

  @Test(arguments: [
    "state=up", "env", "=x", "cause=crash", "type=foo", "notice=tasksStuck", "autostart=yes", "env=prod", "label.=x",
  ])
  func whatIsNoFilterIsRefused(filter: String) {
    let failure = #expect(throws: Failure.self) { try Filter([filter], of: .guests) }
    #expect(failure?.status == .usage)
  }

  @Test(arguments: [
    ("sate=running", Filter.Subject.guests, "did you mean state=running?"),
    ("env=prod", .guests, "a label is label.env=prod"), ("type=state", .guests, "it is of events, not of guests"),
    ("state=running", .events, "it is of guests, not of events: type=state is every change of state"),
    ("tpye=hook", .events, "did you mean type=hook?"),
  ])
  func anUnknownKeyIsExplained(filter: String, subject: Filter.Subject, hint: String) {
    let failure = #expect(throws: Failure.self) { try Filter([filter], of: subject) }
    #expect(failure?.message.contains("there is no key") == true)
    #expect(subject.keys.allSatisfy { failure?.message.contains($0) == true })
    #expect(failure?.hint == hint)
  }

  @Test func eventsAreSelectedHereAsByTheDaemon() throws {
    func count(_ filters: [String]) throws -> Int {
      let filter = try Filter(filters, of: .events)
      return Samples.events.filter { filter.matches($0.event) }.count
    }
    #expect(try count([]) == Samples.events.count)
    #expect(try count(["type=hook", "type=notice"]) == 2)
    #expect(try count(["cause=oom"]) == 3)
    // The words that screens show are words of the filter.
    #expect(try count(["cause=clean"]) == 4 && count(["cause=failed"]) == 2 && count(["cause=killed"]) == 6)
    #expect(try count(["bad=true"]) + count(["bad=false"]) == 22 && count(["bad=false", "cause=oom"]) == 0)
    #expect(try count(["type=order"]) == 1)
    #expect(try count(["notice=restartsGivenUp"]) == 1 && count(["notice=controllerSilent"]) == 0)
    let notice = GuestEvent(.notice, guest: Samples.name("web"), by: .policy, notice: .tasksStuck)
    let stuck = try Filter(["notice=tasksStuck"], of: .events)
    #expect(stuck.matches(notice) && stuck.wire.types == [.notice])
    #expect(try !Filter(["notice=restartsGivenUp"], of: .events).matches(notice))
    #expect(try count(["guest=web", "type=state"]) == 24)
    #expect(try count(["guest=a*"]) == 1)
    #expect(try count(["label.env=prod", "cause=exited"]) == 2)
  }

  @Test func theDaemonGetsWhatItCanApply() throws {
    let wire = try Filter(["guest=w*", "type=state", "cause=hostReset", "cause=exited", "label.env=prod"], of: .events)
      .wire
    #expect(wire.guestPattern == "w*")
    #expect(wire.types == [.state])
    #expect(wire.causes == [.hostReset, .exited])
    #expect(wire.labels == [.init(key: "env", value: "prod")])
    // Two of a kind mean "or" here and would mean "and" there.
    let either = try Filter(["guest=a", "guest=b", "label.env=x", "label.env=y"], of: .events).wire
    #expect(either.guestPattern == "")
    #expect(either.labels == [])
  }

  @Test func aHookTakesOnlyWhatTheDaemonApplies() throws {
    let spec = try Filter(["guest=w*", "cause=oom", "label.env=prod"], of: .events).events("--filter")
    #expect(Filter.words(spec) == ["guest=w*", "cause=oom", "label.env=prod"])
    for filters in [["state=running"], ["notice=tasksStuck"], ["guest=a", "guest=b"], ["label.env=a", "label.env=b"]] {
      #expect(throws: Failure.self) { try Filter(filters, of: .events).events("--filter") }
    }
  }

  @Test func everyKindOfEndHasItsNumber() {
    for (word, kind) in zip(EndCause.kinds, Wire.EndKind.allCases) {
      #expect("\(kind)" == word)
    }
    #expect(Set(Samples.causes.map(\.kind)) == Set(EndCause.kinds))
  }
}
