import Foundation
import GRDB
import Guest
import Supervision
import Testing

@testable import GuestStore

/// A database that the former release wrote (tools/fixtures/former-release), taken over by this one.
@Suite struct FormerDatabaseTests {
  private func withFormerDatabase(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("former-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Fixtures/v1/lodge.db")
    let path = folder.appendingPathComponent("lodge.db")
    try FileManager.default.copyItem(at: fixture, to: path)
    try body(path.path)
  }

  private func number(_ sql: String, in path: String) throws -> Int {
    try DatabaseQueue(path: path).read { try Int.fetchOne($0, sql: sql) ?? -1 }
  }

  @Test func everyGuestRunAndEventIsTakenOver() throws {
    try withFormerDatabase { path in
      let (events, runs) = (
        try number("SELECT count(*) FROM journal", in: path), try number("SELECT count(*) FROM runs", in: path)
      )
      let store = try GuestStore(path: path, boot: GuestStoreTests.boot)
      defer { try? store.close() }
      let state = try store.load()
      let guests = Dictionary(uniqueKeysWithValues: state.guests.map { ($0.lifecycle.name.value, $0.lifecycle) })
      #expect(guests.count == 21)
      // All phases.
      for (name, expected) in [
        ("exited0", GuestState.stopped), ("running", .running), ("waiting", .waiting), ("stopping", .stopping),
        ("starting", .starting),
      ] { #expect(guests[name]?.state == expected, "\(name)") }
      guard case .stopping(let run)? = guests["stopping"]?.phase else {
        return #expect(Bool(false), "\(String(describing: guests["stopping"]?.phase))")
      }
      #expect(run.orders.consequence == .stay && run.orders.kept.count == 1)
      #expect(run.orders.current?.verb == .stop && run.orders.current?.noKill == false)
      #expect(run.launched != nil && guests["starting"]?.run?.launched == nil)
      #expect(guests["running"]?.run?.spec == guests["running"]?.defined)
      // All kinds of end.
      for (name, kind) in [
        ("exited0", "exited"), ("exited3", "exited"), ("signaled", "signaled"), ("oom", "oom"), ("reboot", "reboot"),
        ("halt", "halt"), ("poweroff", "powerOff"), ("polite", "stopped"), ("forced", "stopped"),
        ("startfailed", "startFailed"), ("lost", "controllerLost"), ("reset", "hostReset"),
      ] {
        let last = try #require(guests[name]?.last, "\(name)")
        #expect(last.ended.cause.kind == kind, "\(name)")
        let history = try store.runs(of: GuestName(name), before: 0, limit: 10)
        #expect(history.first == last)
      }
      #expect(guests["exited3"]?.last?.ended.cause == .exited(code: 3))
      #expect(try store.runs(of: GuestName("exited3"), before: 0, limit: 10).map(\.number) == [4, 3, 2, 1])
      // Of a guest that was removed, too.
      #expect(try store.runs(of: GuestName("removed"), before: 0, limit: 10).first?.ended.cause == .exited(code: 7))
      // Nothing is lost.
      let journal = try store.journal(after: 0, limit: 10_000).rows
      #expect(journal.count == events)
      #expect(try number("SELECT count(*) FROM runs", in: path) == runs)
      #expect(zip(journal, journal.dropFirst()).allSatisfy { $0.entry.sequence + 1 == $1.entry.sequence })
      for entry in journal { #expect(entry.bytes.prefix(4) == [0, 0, 0, 2]) }
      let lost = try #require(guests["lost"]?.last?.ended)
      #expect(try store.journalTells(endOf: lost.run, of: GuestName("lost")))
      #expect(state.hooks.map(\.name) == ["note"])
    }
  }

  @Test func everyKeyOfASpecIsTakenOver() throws {
    try withFormerDatabase { path in
      let store = try GuestStore(path: path, boot: GuestStoreTests.boot)
      defer { try? store.close() }
      let spec = try #require(try store.load().guests.first { $0.lifecycle.name.value == "full" }).lifecycle.defined
      #expect(spec.rootfs.mode == .overlay && spec.rootfs.overlayBytes == 1 << 30)
      #expect(spec.command == ["/bin/sh", "-c", "sleep 1000"] && spec.workingDirectory == "/srv")
      #expect(spec.environment == [.init("PORT", "8080"), .init("EMPTY", ""), .init("TRUE", "true")])
      #expect(spec.user == "0:0" && spec.groups == ["root", "44"] && spec.hostname == "web-1")
      #expect(spec.network == .host && spec.console == .pipes)
      #expect(
        spec.mounts == [
          .init(.bind("/srv"), at: "/data", readOnly: true), .init(.tmpfs(bytes: 64 << 20), at: "/tmp"),
          .init(.tmpfs(bytes: nil), at: "/run"),
        ])
      #expect(spec.limits.memoryBytes == 512 << 20 && spec.limits.pids == 200)
      #expect(
        spec.rlimits == [
          .init("nofile", soft: 1024, hard: 1024), .init("core", soft: .max, hard: .max),
          .init("stack", soft: 8 << 20, hard: .max),
        ])
      #expect(spec.capabilities == Capabilities(added: ["net_admin"], dropped: ["chown"]))
      #expect(spec.log == LogPolicy(maximumBytes: 1 << 20, files: 5))
      #expect(
        spec.restart
          == RestartPolicy(
            mode: .always, minimumUptimeMillis: 20_000, backoffInitialMillis: 2_000, backoffMaximumMillis: 60_000,
            limitCount: 3, limitWindowMillis: 3_600_000))
      #expect(spec.stop == StopPolicy(signal: 37, timeoutMillis: 30_000, termTimeoutMillis: 500))
      // Refused together today, and kept where it was taken before.
      #expect(spec.autostart && spec.transient && spec.description == "the web")
      #expect(spec.labels == [.init("env", "prod"), .init("tier", "1")])
      // Later keys are at their defaults.
      #expect(spec.noNewPrivileges)
    }
  }

  @Test func theFormerDatabaseIsKeptAndTheNewOneRefusesFormerReaders() throws {
    try withFormerDatabase { path in
      let before = try number("SELECT count(*) FROM journal", in: path)
      try GuestStore(path: path, boot: GuestStoreTests.boot).close()
      // The former release asks for this and says "written by a newer version".
      #expect(try number("PRAGMA user_version", in: path) > 2)
      #expect(try number("SELECT value FROM meta WHERE key = 'minimum_reader'", in: path) > 2)
      let copy = GuestStore.formerCopy(of: path, format: 2)
      #expect(try number("PRAGMA user_version", in: copy) == 2)
      #expect(try number("SELECT count(*) FROM journal", in: copy) == before)
      // Opened again, it is not upgraded again.
      let again = try GuestStore(path: path, boot: GuestStoreTests.boot)
      #expect(try again.load().guests.count == 21)
      try again.close()
    }
  }

  private func damage(_ sql: String, in path: String) throws {
    try DatabaseQueue(path: path).write { try $0.execute(sql: sql) }
  }

  private func bytes(_ sql: String, in path: String) throws -> Data? {
    try DatabaseQueue(path: path).read { try Data.fetchOne($0, sql: sql) }
  }

  /// A row of the history that nothing reads decides about nothing: neither about the guests nor about other rows.
  @Test(arguments: [
    ("journal", "event", "sequence = 3"), ("runs", "record", "guest = 'exited3' AND number = 2"),
    ("hooks", "spec", "name = 'note'"),
  ])
  func aDamagedRowOfTheHistoryIsKeptAsItIs(_ table: String, _ column: String, _ which: String) throws {
    for damaged in ["x''", "x'00'", "substr(\(column), 1, 40)", "'text'", "-5"] {
      try withFormerDatabase { path in
        try damage("UPDATE \(table) SET \(column) = \(damaged) WHERE \(which)", in: path)
        let rest = try number("SELECT count(*) FROM \(table) WHERE NOT (\(which))", in: path)
        let before = try bytes("SELECT cast(\(column) AS blob) FROM \(table) WHERE \(which)", in: path) ?? Data()
        let store = try GuestStore(path: path, boot: GuestStoreTests.boot)
        #expect(
          try store.pool.read {
            try Row.fetchAll($0, sql: "SELECT name, record, run_spec FROM guests").map(GuestStore.guest)
          }.count == 21, "\(table) \(damaged)")
        try store.close()
        let after = try #require(try bytes("SELECT \(column) FROM \(table) WHERE \(which)", in: path))
        #expect(after == Data(GuestStore.unreadFormat) + before, "\(table) \(damaged)")
        #expect(
          try number(
            "SELECT count(*) FROM \(table) WHERE NOT (\(which)) AND substr(\(column), 1, 4) = x'00000002'", in: path)
            == rest, "\(table) \(damaged): all the others are upgraded")
      }
    }
  }

  /// A guest that cannot be read stops the upgrade: nothing is changed, and the others can be shown meanwhile.
  @Test(arguments: ["record = x'00'", "record = substr(record, 1, 40)", "record = 7", "name = 'no name'"])
  func aDamagedGuestLeavesTheDatabaseAsItWasAndTheOthersKnown(_ damaged: String) throws {
    try withFormerDatabase { path in
      try damage("UPDATE guests SET \(damaged) WHERE name = 'exited3'", in: path)
      let guest = try bytes("SELECT record FROM guests WHERE name = 'running'", in: path)
      #expect(throws: StoreError.self) { try GuestStore(path: path, boot: GuestStoreTests.boot) }
      #expect(try number("PRAGMA user_version", in: path) == 2)
      #expect(try bytes("SELECT record FROM guests WHERE name = 'running'", in: path) == guest)
      let (known, expected) = GuestStore.salvage(path: path)
      #expect(expected == 21 && known.count == 20)
      #expect(known.contains { $0.lifecycle.name.value == "running" && $0.lifecycle.state == .running })
    }
  }
}
