import ArgumentParser
import Guest
import GuestWire
import SpecFile
import WireProtocol

struct TopVerb: Verb {
  static let page = VerbPage(
    words: ["top"], aliases: ["stats"], group: .look, abstract: "Show how much CPU, memory and tasks guests use",
    discussion: """
      Of guests that run, those first that use most CPU time. CPU is the share of one CPU that a guest has used on average \
      over its run; with --watch that of the last second. A dash is what is not known.
      """,
    examples: [
      Example("lodge top", "all guests that run", given: [.running("web")]),
      Example("lodge top web -o json", "one, for a program", given: [.running("web")]),
      Example("lodge top --watch", "stay, and measure every second", isEndless: true),
    ], quiet: .names)

  @OptionGroup var selection: SelectionOptions
  @Flag(name: [.short, .long], help: "Stay, and measure again every second.") var watch = false
  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let filter = try Filter(selection.filters, of: .guests)
    let timeout = try patience.nanoseconds()
    if watch {
      if context.template != nil { throw Failure.usage("top: --watch has no --format") }
      var former: [RunID: Consumption] = [:]
      return try Watch(
        context, isMeasuring: true,
        look: { () throws(Failure) in
          let found = try measure(filter, timeout, context).map { $0.since(former[$0.run]) }
          former = Dictionary(found.map { ($0.run, $0) }, uniquingKeysWith: { $1 })
          return Consumption.sorted(found)
        },
        draw: { found, _, screen in draw(found, screen, context) }
      ).run()
    }
    let found = Consumption.sorted(try measure(filter, timeout, context))
    try context.show(Listing.consumption, found, whenEmpty: Self.whenEmpty)
    return .done
  }

  private static let whenEmpty = "no guest runs"

  private func measure(_ filter: Filter, _ timeout: UInt64?, _ context: Context) throws(Failure) -> [Consumption] {
    let patterns = selection.guests
    let all = try context.guests(pattern: patterns.count == 1 ? patterns[0] : "", timeout: timeout).0
    for name in patterns where !Glob.isPattern(name) && !all.contains(where: { $0.name.value == name }) {
      throw Failure(.notFound, code: "notFound", "\(Visible.text(name, limit: 80)): there is no guest of that name")
    }
    var found: [Consumption] = []
    for guest in all where guest.isUp && filter.matches(guest) {
      guard patterns.isEmpty || patterns.contains(where: { Glob.matches(guest.name.value, pattern: $0) }) else {
        continue
      }
      do throws(Failure) {
        let wire = try context.call(
          Admin.GuestShow.self, .init(name: guest.name.value), "top \(guest.name)", timeout: timeout)
        let details = try telling { () throws(GuestError) in try GuestDetails(wire) }
        if let consumption = Consumption(details) { found.append(consumption) }
      } catch {
        // It was removed since it was listed.
        guard error.status == .notFound else { throw error }
      }
    }
    return found
  }

  private func draw(_ found: [Consumption], _ screen: Screen, _ context: Context) -> [String] {
    let format = context.options.quiet ? OutputFormat.name : context.format
    guard screen.height != nil, format == .table || format == .wide else {
      return Listing.consumption.text(found, format: format, screen: screen, whenEmpty: Self.whenEmpty)
        .split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }
    let clock = "\(TimeText.clock(context.now, screen.zone, milliseconds: false)) \(screen.zone.name)"
    let head = screen.style(.bold, screen.line("\(clock)  \(found.count) running"))
    if found.isEmpty { return [head, "", Self.whenEmpty] }
    return [head, ""] + Listing.consumption.lines(found, format: format, screen: screen)
  }
}

/// The use of a run up to one moment.
struct Consumption: Hashable {
  var name: String
  var run: RunID
  var upNanos: UInt64
  var usage: GuestUsage
  var memoryLimit: UInt64?
  var tasksLimit: UInt64?
  /// Thousandths of one CPU; nil where that is not known.
  var share: UInt64?

  /// Nil for a guest without a run.
  init?(_ details: GuestDetails) {
    guard details.guest.isUp, let run = details.guest.run else { return nil }
    let limits = (details.running ?? details.defined).limits
    self.init(
      name: details.guest.name.value, run: run, upNanos: details.guest.upNanos, usage: details.usage,
      memoryLimit: limits.memoryBytes, tasksLimit: limits.pids.map { UInt64($0) })
  }

  init(
    name: String, run: RunID, upNanos: UInt64, usage: GuestUsage, memoryLimit: UInt64? = nil,
    tasksLimit: UInt64? = nil
  ) {
    self.name = name
    self.run = run
    self.upNanos = upNanos
    self.usage = usage
    self.memoryLimit = memoryLimit
    self.tasksLimit = tasksLimit
    share = Self.share(micros: usage.cpuMicros, nanos: upNanos)
  }

  /// The same with its share of the time since an earlier look at the same run.
  func since(_ former: Consumption?) -> Consumption {
    guard let former, former.run == run, former.upNanos < upNanos else { return self }
    var result = self
    if let now = usage.cpuMicros, let then = former.usage.cpuMicros, now >= then {
      result.share = Self.share(micros: now - then, nanos: upNanos - former.upNanos)
    }
    return result
  }

  private static func share(micros: UInt64?, nanos: UInt64) -> UInt64? {
    guard let micros, nanos > 0 else { return nil }
    return UInt64(Double(micros) * 1_000_000 / Double(nanos))
  }

  var shareText: String { share.map { "\($0 / 10).\($0 % 10)%" } ?? "-" }

  fileprivate var shareJSON: DataValue { .optional(share.map { .decimal(Double($0) / 1000) }) }

  static func sorted(_ found: [Consumption]) -> [Consumption] {
    func weight(_ one: Consumption) -> (UInt64, UInt64) { (one.share ?? 0, one.usage.memoryBytes ?? 0) }
    return found.sorted { weight($0) == weight($1) ? $0.name < $1.name : weight($0) > weight($1) }
  }

  var json: DataValue {
    .members([
      "name": .text(name), "run": .text(run.description), "uptime": .seconds(nanoseconds: upNanos),
      "cpu": shareJSON, "cpuTime": .optional(usage.cpuMicros.map { .decimal(Double($0) / 1_000_000) }),
      "memory": .optional(usage.memoryBytes.map { .unsigned($0) }),
      "memoryPeak": .optional(usage.memoryPeakBytes.map { .unsigned($0) }),
      "memoryLimit": .optional(memoryLimit.map { .unsigned($0) }),
      "tasks": .optional(usage.tasks.map { .unsigned($0) }), "tasksLimit": .optional(tasksLimit.map { .unsigned($0) }),
    ])
  }
}

extension Listing where Row == Consumption {
  /// The columns of `lodge top`.
  static var consumption: Listing {
    func of(_ limit: String?) -> String { limit.map { " of \($0)" } ?? "" }
    return Listing(
      name: "guests",
      columns: [
        Column("NAME", "name", rank: 1, minimum: 12, text: \.name, value: { .text($0.name) }),
        Column("CPU", "cpu", alignment: .right, text: \.shareText, value: \.shareJSON),
        Column(
          "MEMORY", "memory", rank: 2,
          text: {
            ($0.usage.memoryBytes.map { SizeText.approximate($0) } ?? "-")
              + of($0.memoryLimit.map { Quantities.size($0) })
          }, value: { .optional($0.usage.memoryBytes.map { .unsigned($0) }) }),
        Column(
          "PEAK", "memoryPeak", rank: 5, text: { $0.usage.memoryPeakBytes.map { SizeText.approximate($0) } ?? "-" },
          value: { .optional($0.usage.memoryPeakBytes.map { .unsigned($0) }) }),
        Column(
          "TASKS", "tasks", rank: 3,
          text: { ($0.usage.tasks.map { "\($0)" } ?? "-") + of($0.tasksLimit.map { "\($0)" }) },
          value: { .optional($0.usage.tasks.map { .unsigned($0) }) }),
        Column(
          "CPU TIME", "cpuTime", rank: 4,
          text: { $0.usage.cpuMicros.map { TimeText.span(nanoseconds: $0 &* 1000) } ?? "-" },
          value: { .optional($0.usage.cpuMicros.map { .decimal(Double($0) / 1_000_000) }) }),
        Column(
          "UP", "uptime", rank: 6, text: { TimeText.span(nanoseconds: $0.upNanos) },
          value: { .seconds(nanoseconds: $0.upNanos) }),
        Column(data: "memoryLimit") { .optional($0.memoryLimit.map { .unsigned($0) }) },
        Column(data: "tasksLimit") { .optional($0.tasksLimit.map { .unsigned($0) }) },
        Column(data: "run") { .text($0.run.description) },
      ],
      json: \.json, rowName: \.name)
  }
}
