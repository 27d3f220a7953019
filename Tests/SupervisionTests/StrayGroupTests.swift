import Supervision
import Testing

@Suite struct StrayGroupTests {
  private static let controller = StrayGroup.Controller(pid: 7, runDirectory: "/aside/run/guests/web")

  private static func stray(
    _ controller: StrayGroup.Controller? = controller, name: String = "web.00000001", isPopulated: Bool = true
  ) -> StrayGroup {
    StrayGroup(name: name, isPopulated: isPopulated, controller: controller)
  }

  @Test(arguments: [controller, .init(pid: 7, runDirectory: nil)])
  func aGuestWhoseControllerLivesIsLeftAloneWhateverBecameOfItsFolders(_ controller: StrayGroup.Controller) {
    #expect(Self.stray(controller).verdict == .leave(controller))
  }

  @Test func processesWithoutAControllerAreEnded() {
    #expect(Self.stray(nil).verdict == .end)
  }

  @Test(arguments: [controller, nil])
  func anEmptyGroupIsRemoved(_ controller: StrayGroup.Controller?) {
    #expect(Self.stray(controller, isPopulated: false).verdict == .remove)
  }

  @Test func theNoticeNamesThoseThatAreLeftAloneAndNoOthers() throws {
    #expect(StrayGroup.notice(of: []) == nil)
    #expect(StrayGroup.notice(of: [Self.stray(nil), Self.stray(isPopulated: false)]) == nil)
    let notice = try #require(
      StrayGroup.notice(of: [
        Self.stray(), Self.stray(nil, name: "gone.00000002"),
        Self.stray(.init(pid: 8, runDirectory: nil), name: "db.one.00000003"),
      ]))
    #expect(notice.contains("web (controller 7, run directory /aside/run/guests/web), db.one (controller 8);"))
    #expect(!notice.contains("gone"))
  }

  /// A text of the protocol has 2048 bytes at most.
  @Test func theNoticeOfManyFitsIntoAText() throws {
    for length in [200, 400, 4_000] {
      let path = "/" + String(repeating: "x", count: length - 1)
      let many = (1...1_000).map { number in
        Self.stray(
          .init(pid: .max, runDirectory: path), name: String(repeating: "n", count: 64) + ".0000000\(number)")
      }
      let notice = try #require(StrayGroup.notice(of: many))
      #expect(notice.utf8.count <= 2_048 && notice.contains(" and 995 more;"))
    }
  }
}
