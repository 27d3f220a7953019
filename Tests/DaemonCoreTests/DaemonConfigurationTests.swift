import GuestStore
import Operations
import SpecFile
import Testing

@testable import DaemonCore

@Suite struct DaemonConfigurationTests {
  @Test func anEmptyFileIsTheDefaults() throws {
    #expect(try DaemonConfiguration.decode([], file: "lodged.yaml") == DaemonConfiguration())
  }

  @Test func everyKeyIsTaken() throws {
    let configuration = try DaemonConfiguration.decode(
      Array(
        """
        socket: {group: adm, groupRight: admin, readOnly: false}
        limits: {guests: 5, connections: 9, connectionsPerUser: 7, subscriptionsPerConnection: 3}
        guestLimits: {pids: 100, memoryPercent: 50}
        journal: {events: 2000, age: 30d, size: 64M, runsPerGuest: 10}
        launchTimeout: 5s
        logLevel: debug
        """.utf8), file: "lodged.yaml")
    var expected = DaemonConfiguration()
    expected.socketGroup = "adm"
    expected.groupRight = .admin
    expected.readOnlySocket = false
    expected.maximumGuests = 5
    expected.maximumConnections = 9
    expected.connectionsPerUser = 7
    expected.subscriptionsPerConnection = 3
    expected.usualPids = 100
    expected.usualMemoryPercent = 50
    expected.retention.events = 2000
    expected.retention.ageSeconds = 30 * 86_400
    expected.retention.bytes = 64 << 20
    expected.retention.runsPerGuest = 10
    expected.launchMillis = 5_000
    expected.logLevel = "debug"
    #expect(configuration == expected)
  }

  @Test(arguments: [
    ("limits: {guest: 5}", "1:10"), ("logLevel: loud", "1:11"), ("limits:\n  connections: 1", "2:16"), ("[1]", "1:1"),
    ("socket: {group: [a]}", "1:17"),
  ])
  func aMistakeIsNamedWithItsPlace(_ text: String, _ place: String) {
    let error = #expect(throws: SpecFileError.self) {
      try DaemonConfiguration.decode(Array(text.utf8), file: "lodged.yaml")
    }
    #expect(error?.description.hasPrefix("lodged.yaml:\(place): ") == true, "\(error?.description ?? "")")
  }
}
