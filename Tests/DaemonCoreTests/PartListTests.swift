import Logging
import Synchronization
import Testing

@testable import DaemonCore

/// Parts open in order and close in reverse, whatever happens in between.
@Suite struct PartListTests {
  private struct NoRoom: Error {}

  private final class Course: Sendable {
    private let steps = Mutex<[String]>([])
    func add(_ step: String) { steps.withLock { $0.append(step) } }
    var taken: [String] { steps.withLock { $0 } }
  }

  private struct Part: DaemonPart {
    let name: String
    let course: Course
    var fails = false

    func open() async throws {
      course.add("open \(name)")
      if fails { throw NoRoom() }
    }

    func close() async { course.add("close \(name)") }
  }

  private let course = Course()

  private func list(failing: String? = nil) -> PartList {
    PartList(
      ["store", "guests", "doors"].map { Part(name: $0, course: course, fails: $0 == failing) },
      logger: Logger(label: "test"))
  }

  @Test func closingIsTheReverseOfOpening() async throws {
    try await list().run { course.add("serve") }
    #expect(
      course.taken == [
        "open store", "open guests", "open doors", "serve", "close doors", "close guests", "close store",
      ])
  }

  @Test func onePartThatDoesNotOpenClosesThoseBeforeIt() async throws {
    await #expect(throws: NoRoom.self) { try await list(failing: "doors").run { course.add("serve") } }
    #expect(course.taken == ["open store", "open guests", "open doors", "close guests", "close store"])
  }

  @Test func theFirstThatDoesNotOpenClosesNothing() async throws {
    await #expect(throws: NoRoom.self) { try await list(failing: "store").run {} }
    #expect(course.taken == ["open store"])
  }

  @Test func anErrorWhileItServesClosesAll() async throws {
    await #expect(throws: NoRoom.self) { try await list().run { throw NoRoom() } }
    #expect(course.taken.suffix(3) == ["close doors", "close guests", "close store"])
  }
}
