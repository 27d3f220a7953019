import Guest

/// One limit that the kernel keeps for a group: a row of `CgroupLimit.all`, the only place that says how.
struct CgroupLimit: Sendable {
  /// The controller that keeps it, as cgroup v2 names it.
  var controller: String
  /// The same of v1.
  var legacyController: String
  /// The limit of the spec; nil without one.
  var asked: @Sendable (Limits) -> UInt64?
  /// The limit that protects the host where the spec has none.
  var usual: @Sendable (CgroupLimits.Usual) -> UInt64? = { _ in nil }
  /// Files of cgroup v2, in the order in which they are written. Of several sets the first that the kernel has counts.
  var unified: [[File]]
  var legacy: [[File]]
  /// By how much the kernel may round a value.
  var rounding: UInt64 = 0
  /// Kept for every guest, asked for or not, so that its groups are there from the start.
  var isForEveryGuest = true

  /// One control file.
  struct File: Sendable {
    var name: String
    /// The number that the kernel keeps for a value, and gives back first when the file is read.
    var kept: @Sendable (UInt64) -> UInt64 = { $0 }
    /// That number as the file takes it.
    var text: @Sendable (UInt64) -> String = { String($0) }
    /// Not every kernel has it, and the limit holds without.
    var isOptional = false
  }

  /// Thousandths of a CPU are shares of this many microseconds.
  private static let periodMicros: UInt64 = 100_000

  /// Every limit. A new one is a row here, a property of `Limits` and a row of the table of keys.
  static let all: [CgroupLimit] = [
    // Of memory in all: what it is to keep within, swapping must not stretch. Not every kernel counts swap.
    CgroupLimit(
      controller: "memory", legacyController: "memory", asked: { $0.memoryBytes }, usual: { $0.memoryBytes },
      unified: [[File(name: "memory.max"), File(name: "memory.swap.max", kept: { _ in 0 }, isOptional: true)]],
      legacy: [
        [File(name: "memory.limit_in_bytes"), File(name: "memory.memsw.limit_in_bytes", isOptional: true)]
      ],
      rounding: 65_536),
    CgroupLimit(
      controller: "pids", legacyController: "pids", asked: { $0.pids }, usual: { $0.pids },
      unified: [[File(name: "pids.max")]], legacy: [[File(name: "pids.max")]]),
    CgroupLimit(
      controller: "cpu", legacyController: "cpu", asked: { $0.cpuMillis },
      unified: [[File(name: "cpu.max", kept: quota, text: { "\($0) \(periodMicros)" })]],
      legacy: [
        [File(name: "cpu.cfs_period_us", kept: { _ in periodMicros }), File(name: "cpu.cfs_quota_us", kept: quota)]
      ]),
    // The kernel's own weights (iocost), or those of the scheduler BFQ, which counts to 1,000.
    CgroupLimit(
      controller: "io", legacyController: "blkio", asked: { $0.ioWeight },
      unified: [[File(name: "io.weight")], [File(name: "io.bfq.weight", kept: bfqWeight)]],
      legacy: [[File(name: "blkio.bfq.weight", kept: bfqWeight)]], isForEveryGuest: false),
  ]

  /// 1 to 100 as they are, and what is above in the same proportion of what is left.
  @Sendable private static func bfqWeight(_ weight: UInt64) -> UInt64 {
    weight <= 100 ? weight : 100 + (weight - 100) * 900 / 9900
  }

  @Sendable private static func quota(_ millis: UInt64) -> UInt64 { millis * periodMicros / 1000 }

  static func legacyName(of controller: String) -> String {
    all.first { $0.controller == controller }?.legacyController ?? controller
  }
}
