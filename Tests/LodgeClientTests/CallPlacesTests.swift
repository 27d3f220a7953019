import RPC
import Testing

@testable import LodgeClient

/// A reference, so that expectations may change it.
private final class Places {
  private var value = CallPlaces()

  var count: Int { value.count }
  func take() -> (id: CallPlaces.ID, isNew: Bool) { value.take() }
  func answered(_ id: CallPlaces.ID) -> Bool { value.answered(id) }
  func gaveUp(_ id: CallPlaces.ID) -> Bool { value.gaveUp(id) }
  func lost(_ id: CallPlaces.ID) { value.lost(id) }
}

@Suite struct CallPlacesTests {
  @Test func callsShareAConnectionUpToItsBound() {
    let places = Places()
    let ids = (0...CallPlaces.capacity).map { _ in places.take() }
    #expect(Set(ids.dropLast().map(\.id)).count == 1 && ids.filter(\.isNew).count == 2)
    #expect(ids.last?.isNew == true)
  }

  @Test func theOldestConnectionIsKeptAndTheOthersGoWithTheirLastCall() {
    let places = Places()
    let ids = (0...CallPlaces.capacity).map { _ in places.take().id }
    #expect(places.answered(ids[CallPlaces.capacity]), "the second one")
    for id in ids.dropLast() { #expect(!places.answered(id)) }
    #expect(places.count == 1)
  }

  @Test func aConnectionWithACallThatWasGivenUpTakesNoOtherAndEndsWithItsLast() {
    let places = Places()
    let (first, second) = (places.take().id, places.take().id)
    #expect(first == second && !places.gaveUp(first), "another call waits on it")
    let third = places.take()
    #expect(third.isNew && third.id != first)
    #expect(places.answered(second), "that was its last")
    #expect(!places.answered(third.id) && places.count == 1)
  }

  @Test func theEndOfAConnectionThatIsGoneChangesNothing() {
    let places = Places()
    let first = places.take().id
    places.lost(first)
    let second = places.take()
    #expect(second.isNew && second.id != first)
    places.lost(first)
    #expect(!places.gaveUp(first) && !places.answered(first) && places.count == 1)
  }

  /// Whatever happens, no connection has more calls that the daemon still answers than the daemon reads.
  @Test func noOrderOfEventsFillsAConnection() {
    let seed = UInt64.random(in: 0 ... .max)
    var state = seed
    func random(below bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    let places = Places()
    /// Live calls, and all that the daemon has not answered, of each connection.
    var live: [CallPlaces.ID] = []
    var held: [CallPlaces.ID: Int] = [:]
    for _ in 0..<20_000 {
      switch live.isEmpty ? 0 : random(below: 5) {
      case 0, 1:
        let (id, isNew) = places.take()
        #expect(isNew == (held[id] == nil), "seed \(seed)")
        live.append(id)
        held[id, default: 0] += 1
      case 2, 3:
        let id = live.remove(at: random(below: live.count))
        held[id, default: 0] -= 1
        if places.answered(id) { held[id] = nil }
      default:
        let id = live.remove(at: random(below: live.count))
        if random(below: 20) == 0 {
          places.lost(id)
          held[id] = nil
          live.removeAll { $0 == id }
        } else if places.gaveUp(id) {
          held[id] = nil
        }
      }
      #expect(held.values.allSatisfy { $0 <= CallPlaces.capacity }, "seed \(seed)")
      #expect(places.count == held.count, "seed \(seed)")
    }
  }
}
