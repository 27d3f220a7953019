import Guest
import LinuxSystem
import Operations
import RPC
import SpecFile
import Testing

@testable import DaemonCore

@Suite struct AccessTests {
  private static let rights: [Right] = [.none, .view, .inspect, .operate, .admin]
  private let web: GuestName
  private let other: GuestName

  init() throws {
    web = try GuestName("web-1")
    other = try GuestName("db")
  }

  private func grant(
    _ right: Right, guests: String = "", label: String = "", user: String = "1000"
  ) -> Grant {
    var grant = Grant()
    grant.user = user
    grant.right = right
    grant.guests = guests
    grant.label = label
    return grant
  }

  @Test func aGrantHoldsOnItsGuestsAndNowhereElse() {
    for base in Self.rights {
      for right in Self.rights {
        let access = Access(base: base, grants: [grant(right, guests: "web-*", label: "team=a")])
        let label = Label("team", "a")
        #expect(access.right(on: web, [label]) == max(base, right))
        #expect(access.right(on: web, []) == base)
        #expect(access.right(on: web, [Label("team", "b")]) == base)
        #expect(access.right(on: other, [label]) == base)
        #expect(access.ceiling == max(base, right))
      }
    }
  }

  @Test func labelsMatchByKeyOrByKeyAndValue() {
    #expect(grant(.view, label: "team").covers(other, [Label("team", "x")]))
    #expect(!grant(.view, label: "team=y").covers(other, [Label("team", "x")]))
    #expect(grant(.view, label: "team=x").covers(other, [Label("a", "b"), Label("team", "x")]))
    #expect(!grant(.view, label: "team").covers(other, []))
  }

  /// The whole table: secrets are shown from `inspect` on, and hidden below it.
  @Test func secretsNeedTheRightToInspect() throws {
    var spec = GuestSpec(rootfs: Rootfs(path: "/"), command: ["/bin/server", "--password=hunter2", "x"])
    spec.environment = [EnvironmentVariable("TOKEN", "hunter2")]
    for right in Self.rights {
      let shown = Access(base: right).shown(spec, of: web, [])
      let isSecret = right < .inspect
      #expect("\(shown)".contains("hunter2") != isSecret, "\(right)")
      #expect(shown.command.first == "/bin/server" && shown.command.count == 3)
      #expect(shown.environment.map(\.name) == ["TOKEN"])
      #expect((shown == spec) != isSecret)
    }
  }

  @Test func rootTheDaemonsUserAndTheReadOnlySocket() {
    var configuration = DaemonConfiguration()
    configuration.groupRight = .view
    configuration.grants = [
      grant(.operate, guests: "web-*", user: "alice"), grant(.admin, user: "1001"), grant(.admin, user: "nobody-here"),
    ]
    var ops = Grant()
    ops.group = "ops"
    ops.right = .inspect
    configuration.grants.append(ops)
    let table = AccessTable(
      configuration, own: 77, userNumber: { $0 == "alice" ? 1000 : nil }, groupNumber: { $0 == "ops" ? 500 : nil })
    func ceiling(_ uid: UInt32, gid: UInt32 = 1, groups: [UInt32] = [], readOnly: Bool = false) -> Right {
      table.access(of: PeerCredentials(pid: 1, uid: uid, gid: gid, groups: groups), readOnly: readOnly).ceiling
    }
    #expect(ceiling(0) == .admin && ceiling(77) == .admin)
    #expect(ceiling(0, readOnly: true) == .view && ceiling(1001, readOnly: true) == .view)
    #expect(ceiling(1000) == .operate && ceiling(1001) == .admin && ceiling(1002) == .view)
    #expect(ceiling(1002, gid: 500) == .inspect && ceiling(1002, groups: [3, 500]) == .inspect)
  }

  @Test func grantsAreReadFromTheFile() throws {
    let text = """
      grants:
        - {user: alice, right: operate, guests: "web-*"}
        - {group: "500", right: inspect, label: team=a}
      limits:
        calls: {total: 500, perUser: 100}
        messageBytes: {perUser: 16M}
      """
    let configuration = try DaemonConfiguration.decode(Array(text.utf8), file: "lodged.yaml")
    #expect(configuration.grants.map(\.user) == ["alice", ""])
    #expect(configuration.grants.map(\.right) == [.operate, .inspect])
    #expect(configuration.calls == .init(total: 500, perUser: 100))
    #expect(configuration.messageBytes == .init(total: 128 << 20, perUser: 16 << 20))
    for wrong in ["grants: [{right: view}]", "grants: [{user: a, group: b, right: view}]", "grants: [{user: a}]"] {
      #expect(throws: SpecFileError.self) { try DaemonConfiguration.decode(Array(wrong.utf8), file: "lodged.yaml") }
    }
  }

  @Test func clientsNeverGetTheDescriptorsOfControllers() {
    let quotas = DaemonConfiguration().quotas(descriptors: 1024)
    #expect(quotas[.connections]?.total == 512)
    #expect(Set(quotas.keys) == Set(QuotaKind.allCases), "no kind is without a bound")
    #expect(quotas.values.allSatisfy { $0.reserved >= 1 && $0.reserved < $0.total }, "root has a reserve of each")
    #expect(quotas.values.allSatisfy { $0.perUser < $0.total - $0.reserved }, "no user may have all of a kind")
  }
}
