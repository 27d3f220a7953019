internal import GuestStore
internal import Operations
public import SpecFile

extension DaemonConfiguration {
  /// Reads `lodged.yaml`; every mistake in it with its line and column.
  public static func decode(_ bytes: [UInt8], file: String) throws(SpecFileError) -> DaemonConfiguration {
    try schema.decode(bytes, file: file) { configuration, problems in
      for (index, grant) in configuration.grants.enumerated() where grant.user.isEmpty == grant.group.isEmpty {
        problems.report(key: "grants[\(index)]", "it needs a user or a group, and not both")
      }
    }
  }

  /// Every key with its default and bounds, for the documentation.
  public static var reference: [ReferenceRow] { schema.rows }

  private static let defaults = DaemonConfiguration()

  private static let limits = Schema(
    defaults: defaults.limitsSection,
    [
      Key(
        "guests", .integer(in: 1...100_000), \.guests, default: defaults.maximumGuests,
        "guests that can be defined"),
      Key(
        "connections", .integer(in: 8...100_000), \.connections, default: defaults.maximumConnections,
        "clients at once, over both sockets"),
      Key(
        "connectionsPerUser", .integer(in: 1...100_000), \.connectionsPerUser, default: defaults.connectionsPerUser,
        "clients at once of one user; root may use all"),
      Key(
        "subscriptionsPerConnection", .integer(in: 1...10_000), \.subscriptionsPerConnection,
        default: defaults.subscriptionsPerConnection, "event subscriptions of one client"),
      Key(
        "subscriptions", share(defaults.subscriptions, 16...1_000_000), \.subscriptions, "event subscriptions at once"),
      Key("calls", share(defaults.calls, 64...1_000_000), \.calls, "calls at once that wait for their reply"),
      Key(
        "waits", share(defaults.waits, 64...1_000_000), \.waits, "of those, calls that wait for a guest or for its log"),
      Key(
        "journalReads", share(defaults.journalReads, 2...64), \.journalReads,
        "reads of the journal at once; further ones wait for their turn"),
      Key("messageBytes", byteShare, \.messageBytes, "bytes of messages kept because clients do not read or send on"),
    ])

  private static func share(_ value: Share, _ range: ClosedRange<Int>) -> Schema<Share> {
    Schema(
      defaults: value,
      [
        Key("total", .integer(in: range), \.total, default: value.total, "of all clients together"),
        Key(
          "perUser", .integer(in: 1...range.upperBound), \.perUser, default: value.perUser, "of all clients of one user"
        ),
      ])
  }

  private static let byteShare: Schema<ByteShare> = {
    let value = defaults.limitsSection.messageBytes
    let range: ClosedRange<UInt64> = (16 << 20)...(1 << 40)
    return Schema(
      defaults: value,
      [
        Key("total", .size(in: range), \.total, default: value.total, "of all clients together"),
        Key(
          "perUser", .size(in: (8 << 20)...(1 << 40)), \.perUser, default: value.perUser, "of all clients of one user"),
      ])
  }()

  private static let rights: KeyValuePairs<String, Right> = [
    "none": .none, "view": .view, "inspect": .inspect, "operate": .operate, "admin": .admin,
  ]

  private static let grant = Schema(
    defaults: Grant(),
    [
      Key("user", .text(maximumBytes: 64), \.user, default: "", "a user's name or number"),
      Key("group", .text(maximumBytes: 64), \.group, default: "", "or a group's"),
      Key("right", .choice(rights), \.right, default: nil, "what they may do with these guests"),
      Key("guests", .text(maximumBytes: 128), \.guests, default: "", "glob of guests' names; empty: all"),
      Key(
        "label", .text(maximumBytes: 256), \.label, default: "", "label the guests carry, key=value or key; empty: all"),
    ])

  private static let guestLimits = Schema(
    defaults: defaults.guestLimitsSection,
    [
      Key(
        "pids", .integer(in: 16...4_194_304), \.pids, default: defaults.usualPids,
        "tasks at once of a guest without limits.pids"),
      Key(
        "memoryPercent", .integer(in: 1...100), \.memoryPercent, default: defaults.usualMemoryPercent,
        "of the host's memory, for a guest without limits.memory"),
    ])

  private static let journal = Schema(
    defaults: defaults.journalSection,
    [
      Key(
        "events", .integer(in: 1_000...1_000_000_000), \.events, default: defaults.retention.events,
        "events kept at most"),
      Key(
        "age", .duration(in: 60_000...315_360_000_000), \.ageMillis, default: defaults.journalSection.ageMillis,
        "events older than this go"),
      Key(
        "size", .size(in: (1 << 20)...(1 << 40)), \.bytes, default: defaults.retention.bytes,
        "bytes of the journal at most"),
      Key(
        "runsPerGuest", .integer(in: 1...1_000_000), \.runsPerGuest, default: defaults.retention.runsPerGuest,
        "runs kept in the history of each guest"),
    ])

  private static let socket = Schema(
    defaults: defaults.socketSection,
    [
      Key(
        "group", .text(maximumBytes: 64), \.group, default: defaults.socketGroup,
        "the group that may use the full socket; if it does not exist, only root may"),
      Key(
        "groupRight", .choice(rights), \.groupRight,
        default: defaults.groupRight, "what members of that group may do: defining guests needs admin"),
      Key(
        "readOnly", .bool, \.readOnly, default: defaults.readOnlySocket,
        "open the read-only socket, for everybody to look"),
    ])

  private static let schema = Schema(
    defaults: defaults,
    [
      Key("socket", socket, \.socketSection, "who may talk to the daemon"),
      Key(
        "grants", .list("list of mappings", of: grant.kind("mapping"), maximum: 256), \.grants, default: [],
        "more for some people, on some guests"),
      Key("limits", limits, \.limitsSection, "how much of everything"),
      Key("guestLimits", guestLimits, \.guestLimitsSection, "what a guest may use that has no limit of its own"),
      Key("journal", journal, \.journalSection, "how much of the past is kept"),
      Key(
        "launchTimeout", .duration(in: 1_000...3_600_000), \.launchMillis, default: defaults.launchMillis,
        "a start that takes longer has failed"),
      Key(
        "logLevel",
        .choice([
          "trace": "trace", "debug": "debug", "info": "info", "notice": "notice", "warning": "warning",
          "error": "error",
        ]),
        \.logLevel, default: defaults.logLevel, "how much the daemon's own log says"),
    ])
}
