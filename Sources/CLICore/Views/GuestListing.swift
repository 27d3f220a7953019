import Guest
import SpecFile

extension Listing where Row == GuestView {
  /// The columns of `lodge ls`.
  ///
  /// - Parameter now: for how long ago the last end was.
  static func guests(now: Timestamp) -> Listing {
    Listing(
      name: "guests",
      columns: [
        Column("NAME", "name", rank: 1, minimum: 12, text: { $0.name.value }, value: { .text($0.name.value) }),
        Column(
          "STATE", "state", color: { $0.state.color }, text: { $0.state.word }, value: { .text($0.state.word) }),
        Column(
          "UP", "uptime", rank: 5, text: { $0.isUp ? TimeText.span(nanoseconds: $0.upNanos) : "-" },
          value: { $0.isUp ? .seconds(nanoseconds: $0.upNanos) : .null }),
        Column(
          "RESTARTS", "restarts", rank: 6, text: { "\($0.restarts)" }, value: { .unsigned(UInt64($0.restarts)) }),
        Column(
          "RUNS", "runs", isWide: true, rank: 9, text: { "\($0.runs)" }, value: { .unsigned(UInt64($0.runs)) }),
        Column(
          "PID", "initPid", isWide: true, rank: 8, text: { $0.initPID > 0 ? "\($0.initPID)" : "-" },
          value: { $0.initPID > 0 ? .integer(Int64($0.initPID)) : .null }),
        Column(
          "AUTOSTART", "autostart", isWide: true, rank: 10, text: { $0.autostart ? "yes" : "no" },
          value: { .bool($0.autostart) }),
        Column(
          "LAST END", "lastEnd", rank: 2, minimum: 14, color: { $0.last?.ended.cause.color },
          text: { $0.last?.ended.headline.inWords ?? "-" },
          value: { .optional($0.last.map { .text($0.ended.cause.kind) }) }),
        Column(
          "ENDED", "endedAt", isWide: true, rank: 7,
          text: { $0.last.map { TimeText.ago($0.ended.endedAt, now: now) } ?? "-" },
          value: { .time($0.last?.ended.endedAt) }),
        Column(data: "lastCode") { .optional($0.last?.ended.cause.json.member("code")) },
        Column(data: "lastSignal") { .optional($0.last?.ended.cause.json.member("signal")) },
        Column(
          "NEXT", "next", rank: 3, minimum: 16, color: \.nextColor, text: \.next, value: { .text($0.next) }),
        Column(
          "LABELS", "labels", isWide: true, rank: 11, minimum: 12,
          text: {
            $0.labels.isEmpty ? "-" : $0.labels.map { Visible.text("\($0.key)=\($0.value)") }.joined(separator: ",")
          },
          value: { .text($0.labels.map { "\($0.key)=\($0.value)" }.joined(separator: ",")) }),
      ],
      json: \.json, rowName: { $0.name.value })
  }
}

extension Listing where Row == RunRecord {
  /// The columns of `lodge runs`.
  ///
  /// - Parameter zone: of all its times; the titles name it.
  static func runs(isSeveral: Bool, zone: Zone) -> Listing {
    Listing(
      name: "runs",
      columns: [
        Column(
          "GUEST", "guest", isWide: !isSeveral, rank: 1, minimum: 12, text: { $0.ended.guest.value },
          value: { .text($0.ended.guest.value) }),
        Column(
          "RUN", "number", alignment: .right, text: { "\($0.number)" }, value: { .unsigned(UInt64($0.number)) }),
        Column(
          "STARTED (\(zone.name))", "startedAt", rank: 4,
          text: { $0.ended.startedAt.map { TimeText.dateAndClock($0, zone) } ?? "-" },
          value: { .time($0.ended.startedAt) }),
        Column(
          "ENDED (\(zone.name))", "endedAt", isWide: true, rank: 7,
          text: { TimeText.dateAndClock($0.ended.endedAt, zone) },
          value: { .time($0.ended.endedAt) }),
        Column(
          "LENGTH", "length", rank: 3,
          text: { $0.ended.knownLength.map { TimeText.span(nanoseconds: $0) } ?? "-" },
          value: { $0.ended.lengthJSON }),
        Column("BY", "startedBy", rank: 6, text: { $0.startedBy.inWords }, value: { .text($0.startedBy.inWords) }),
        Column(
          "MEMORY PEAK", "memoryPeak", rank: 8,
          text: { $0.ended.usage.memoryPeakBytes.map { SizeText.approximate($0) } ?? "-" },
          value: { .optional($0.ended.usage.memoryPeakBytes.map { .unsigned($0) }) }),
        Column(
          "CPU", "cpuTime", isWide: true, rank: 9,
          text: { $0.ended.usage.cpuMicros.map { TimeText.span(nanoseconds: $0 &* 1000) } ?? "-" },
          value: { .optional($0.ended.usage.cpuMicros.map { .decimal(Double($0) / 1_000_000) }) }),
        Column(
          "CAUSE", "cause", rank: 2, minimum: 14, color: { $0.ended.cause.color },
          text: { $0.ended.headline.inWords },
          value: { .text($0.ended.cause.kind) }),
        Column(data: "code") { .optional($0.ended.cause.json.member("code")) },
        Column(data: "signal") { .optional($0.ended.cause.json.member("signal")) },
        Column(
          "RUN ID", "run", isWide: true, rank: 10, text: { $0.ended.run.description },
          value: { .text($0.ended.run.description) }),
        Column(data: "bad") { .bool($0.ended.headline.isBad) },
      ],
      json: \.json, rowName: { "\($0.ended.guest.value)/\($0.number)" })
  }
}
