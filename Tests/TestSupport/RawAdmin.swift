import LinuxSystem

/// Calls of the admin program by number and bytes: what costs next to nothing, for tests that make thousands.
extension RawConnection {
  public enum Procedure: UInt32, Sendable {
    case hello = 0
    case start = 3
    case kill = 5
    case wait = 10
    case subscribe = 12
  }

  /// Sends a call about one guest and does not wait. The serial is the caller's to choose.
  ///
  /// - Parameter request: 16 bytes by which the daemon knows a call that is made again; of what changes something.
  public func begin(
    _ procedure: Procedure, _ guest: String, request: [UInt8]? = nil, serial: UInt32
  ) throws -> Bool {
    let name = Self.string(guest)
    let id = request.map { Self.bytes(1) + $0 } ?? Self.bytes(0)
    let payload: [UInt8] =
      switch procedure {
      case .hello: Self.string("test")
      case .start: id + name
      case .kill: id + name + Self.bytes(9)
      // The newest run has ended; no run named, none since, no time limit.
      case .wait: name + [UInt8](repeating: 0, count: 16) + [UInt8](repeating: 0xff, count: 8)
      // About this guest, from now on, without a snapshot.
      case .subscribe: Self.bytes(0) + Self.bytes(0) + name + [UInt8](repeating: 0, count: 16)
      }
    return try send(Self.frame(procedure: procedure.rawValue, serial: serial, payload: payload))
  }

  /// Makes a call and waits for its reply; nil when the daemon has gone.
  public func call(
    _ procedure: Procedure, _ guest: String, request: [UInt8]? = nil, serial: UInt32, seconds: Double = 30
  ) throws -> Frame? {
    guard try begin(procedure, guest, request: request, serial: serial) else { return nil }
    while let frame = try receive(seconds: seconds) {
      if frame.type == 1, frame.serial == serial { return frame }
    }
    return nil
  }
}
