import Guest
import GuestWire
import Testing
import WireProtocol

@Suite struct EventFilterTests {
  private static func event(_ name: String?, _ kind: GuestEvent.Kind = .state, cause: EndCause? = nil) throws
    -> GuestEvent
  {
    let guest = try name.map { try GuestName($0) }
    let ended = try cause.map {
      ExitRecord(
        guest: try GuestName(name ?? "x"), run: .zero, boot: .zero, cause: $0, startedAt: nil,
        endedAt: Timestamp(nanoseconds: 0), lengthNanos: 0)
    }
    return GuestEvent(kind, guest: guest, by: .daemon, ended: ended, labels: [Label("env", "prod")])
  }

  @Test func anEmptyFilterTakesEverything() throws {
    #expect(
      EventFilter(Wire.EventFilter(guestPattern: "", types: [], causes: [], labels: [])).matches(try Self.event(nil)))
  }

  @Test(arguments: [
    (Wire.EventFilter(guestPattern: "w*", types: [], causes: [], labels: []), true),
    (Wire.EventFilter(guestPattern: "d*", types: [], causes: [], labels: []), false),
    (Wire.EventFilter(guestPattern: "", types: [.state], causes: [], labels: []), true),
    (Wire.EventFilter(guestPattern: "", types: [.created, .removed], causes: [], labels: []), false),
    (Wire.EventFilter(guestPattern: "", types: [], causes: [.oom], labels: []), false),
    (Wire.EventFilter(guestPattern: "", types: [], causes: [.oom, .reboot], labels: []), true),
    (Wire.EventFilter(guestPattern: "", types: [], causes: [], labels: [.init(key: "env", value: "prod")]), true),
    (Wire.EventFilter(guestPattern: "", types: [], causes: [], labels: [.init(key: "env", value: "test")]), false),
    (
      Wire.EventFilter(
        guestPattern: "w?b", types: [.state], causes: [.reboot], labels: [.init(key: "env", value: "prod")]), true
    ),
  ])
  func allConditionsMustHold(_ filter: Wire.EventFilter, _ matches: Bool) throws {
    #expect(EventFilter(filter).matches(try Self.event("web", cause: .reboot)) == matches)
  }

  @Test func whatOnlyANewerClientKnowsMatchesNothing() throws {
    let cause = EventFilter(Wire.EventFilter(guestPattern: "", types: [], causes: [.unknown(99)], labels: []))
    #expect(!cause.matches(try Self.event("web", cause: .reboot)))
    let kind = EventFilter(Wire.EventFilter(guestPattern: "", types: [.unknown(99)], causes: [], labels: []))
    #expect(!kind.matches(try Self.event("web")))
  }
}
