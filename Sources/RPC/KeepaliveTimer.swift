import WireProtocol
import XDR

/// Whether and when to ask a silent peer if it is there.
public struct KeepaliveSettings: Sendable, Hashable {
  /// Nanoseconds of silence before a PING.
  public var interval: UInt64
  /// PINGs without an answer before the peer counts as gone.
  public var count: Int
  /// Whether a peer that counts as gone is disconnected, or only reported.
  public var closes: Bool

  public init(interval: UInt64, count: Int, closes: Bool = true) {
    self.interval = interval
    self.count = count
    self.closes = closes
  }
}

/// When to ask a silent peer whether it is there, and when to give it up; protocol/keepalive.x.
///
/// Anything that arrives is a sign of life. After `interval` of silence a PING goes out, another after every further
/// `interval`; after `count` of them and one more interval the peer counts as gone.
struct KeepaliveTimer: Sendable, Hashable {
  enum Action: Hashable {
    case none
    case ping
    /// The peer counts as gone. Said once per silence.
    case silent
  }

  private let settings: KeepaliveSettings
  private var heardAt: UInt64
  private var unanswered = 0

  /// Whether the peer counts as gone at the moment.
  private(set) var isSilent = false

  init(_ settings: KeepaliveSettings, at now: UInt64) {
    self.settings = settings
    heardAt = now
  }

  var closes: Bool { settings.closes }

  /// When `timePassed` has something to do next.
  var deadline: UInt64? {
    isSilent ? nil : heardAt + settings.interval * UInt64(unanswered + 1)
  }

  /// Something arrived. True when the peer had been given up.
  mutating func heard(at now: UInt64) -> Bool {
    let returned = isSilent
    heardAt = now
    unanswered = 0
    isSilent = false
    return returned
  }

  mutating func timePassed(at now: UInt64) -> Action {
    guard let deadline, now >= deadline else { return .none }
    let isLast = unanswered >= settings.count
    if now - deadline >= settings.interval {
      // The timer fired late: this process was stopped, and signs of life may wait unread. Ask again, and
      // count from here.
      heardAt = now - settings.interval * UInt64(isLast ? unanswered : unanswered + 1)
    } else if isLast {
      isSilent = true
      return .silent
    }
    if !isLast { unanswered += 1 }
    return .ping
  }

  static let ping = frame(Keepalive.Ping.self)
  static let pong = frame(Keepalive.Pong.self)

  private static func frame<Event: RPCEvent>(_ event: Event.Type) -> [UInt8] {
    encodeFrame(
      FrameHeader(
        program: Event.Program.number, version: Event.Program.version, procedure: Event.number, type: .event))
  }
}
