public import Guest
public import WireProtocol

/// The keys of measures. They are part of the contract: a key never changes its meaning or its unit.
private enum MeasureKey {
  static let memory = "memory.bytes"
  static let memoryPeak = "memory.peakBytes"
  static let memoryLimit = "memory.limitBytes"
  static let cpu = "cpu.micros"
  static let tasks = "tasks"
}

extension GuestUsage {
  /// The figures that are known, and only those.
  public var measures: [Wire.Measure] {
    list([
      (MeasureKey.memory, memoryBytes), (MeasureKey.memoryPeak, memoryPeakBytes), (MeasureKey.cpu, cpuMicros),
      (MeasureKey.tasks, tasks),
    ])
  }

  /// Measures that a newer peer takes beside these are skipped.
  public init(_ measures: [Wire.Measure]) {
    self.init(
      memoryBytes: figure(MeasureKey.memory, measures), memoryPeakBytes: figure(MeasureKey.memoryPeak, measures),
      cpuMicros: figure(MeasureKey.cpu, measures), tasks: figure(MeasureKey.tasks, measures))
  }
}

extension RunUsage {
  var measures: [Wire.Measure] {
    list([
      (MeasureKey.memoryPeak, memoryPeakBytes), (MeasureKey.memoryLimit, memoryLimitBytes), (MeasureKey.cpu, cpuMicros),
    ])
  }

  init(_ measures: [Wire.Measure]) {
    self.init(
      memoryPeakBytes: figure(MeasureKey.memoryPeak, measures),
      memoryLimitBytes: figure(MeasureKey.memoryLimit, measures), cpuMicros: figure(MeasureKey.cpu, measures))
  }
}

private func list(_ figures: [(String, UInt64?)]) -> [Wire.Measure] {
  figures.compactMap { key, value in value.map { Wire.Measure(key: key, value: $0) } }
}

private func figure(_ key: String, _ measures: [Wire.Measure]) -> UInt64? { measures.first { $0.key == key }?.value }
