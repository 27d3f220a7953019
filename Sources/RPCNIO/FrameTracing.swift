import LinuxSystem
import RPC

/// `TRACE=rpc`: one line for each frame's header, on standard error. Decided for a connection when it begins.
enum FrameTracing {
  /// Nil unless it was asked for: then a frame costs a comparison.
  static var ifWanted: FrameTrace? {
    guard Trace.isOn(.rpc) else { return nil }
    return { direction, header in Trace.write(.rpc, "\(direction.rawValue) \(header)") }
  }
}
