public import Guest
internal import GuestWire
public import WireProtocol

// Answers of a controller that speaks version 1, as answers of today.

extension Wire.LaunchReply {
  public init(former wire: WireV1.LaunchReply) {
    self.init(initPid: wire.initPid, initStartTime: wire.initStartTime, startedAt: wire.startedAt)
  }
}

extension Wire.StatusReply {
  /// It names no orders: version 1 kept only who began the stop that is under way, and says so with its end.
  public init(former wire: WireV1.StatusReply) throws(GuestError) {
    self.init(
      guest: wire.guest, run: wire.run, phase: .init(rawValue: wire.phase.rawValue), controllerPid: wire.controllerPid,
      launched: wire.launched.map { .init(former: $0) },
      ended: try wire.ended.map { record throws(GuestError) in Wire.EndRecord(try ExitRecord(former: record)) },
      orders: .init(EndOrders()), stuckTasks: wire.stuckTasks)
  }
}

extension GuestUsage {
  public init(former wire: WireV1.ResourcesReply) {
    self.init(
      memoryBytes: known(wire.memoryBytes), memoryPeakBytes: known(wire.memoryPeakBytes),
      cpuMicros: known(wire.cpuMicros), tasks: known(wire.tasks))
  }
}
