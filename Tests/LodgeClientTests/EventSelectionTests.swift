import Guest
import Testing
import WireProtocol

@testable import LodgeClient

/// A selection reaches the daemon whole, and comes back in the status of a hook.
@Suite struct EventSelectionTests {
  @Test func everyCauseHasItsPlaceOnTheWire() {
    #expect(EventSelection.Cause.allCases.map(\.rawValue) == EndCause.kinds, "one for each kind of end")
    for cause in EventSelection.Cause.allCases {
      let wire = EventSelection(causes: [cause]).wire
      #expect(wire.causes.count == 1, "\(cause)")
      #expect(EventSelection(wire).causes == [cause])
    }
  }

  @Test func aSelectionComesBackAsItWas() {
    let selection = EventSelection(
      guests: "web-*", kinds: [.state, .order], causes: [.oom, .exited], labels: [Label("team", "a")])
    #expect(EventSelection(selection.wire) == selection)
    #expect(EventSelection(EventSelection.all.wire) == .all)
  }
}
