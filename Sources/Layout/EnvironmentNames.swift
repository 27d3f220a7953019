/// Environment variables that one program sets and another reads, or that people set.
public enum EnvironmentName {
  /// The folder of an instance, as given to `lodged --root`.
  public static let root = "LODGE_ROOT"
  /// The daemon's socket as `unix:///PATH`, before the folder.
  public static let connect = "LODGE_CONNECT"
  /// `NAME:ACTION`: where a program of a debug build is to die, fail or pause.
  public static let crashPoint = "LODGE_CRASHPOINT"
  /// The daemon hands it to its controllers as their `crashPoint`.
  public static let controllerCrashPoint = "LODGE_CONTROLLER_CRASHPOINT"
}

/// The variables that a hook's program gets about an event.
public enum HookVariable: String, Sendable, CaseIterable {
  case attempt = "LODGE_ATTEMPT"
  case sequence = "LODGE_SEQUENCE"
  case time = "LODGE_TIME_NANOS"
  case type = "LODGE_TYPE"
  case guest = "LODGE_GUEST"
  case run = "LODGE_RUN"
  case from = "LODGE_FROM"
  case to = "LODGE_TO"
  case actor = "LODGE_ACTOR"
  case message = "LODGE_MESSAGE"
  case cause = "LODGE_CAUSE"
  case causeText = "LODGE_CAUSE_TEXT"
  case bad = "LODGE_BAD"
  case code = "LODGE_CODE"
  case signal = "LODGE_SIGNAL"

  /// `NAME=value`.
  public func set(_ value: some CustomStringConvertible) -> String { rawValue + "=" + value.description }

  /// The variable of a label; the caller has checked that `key` can be part of a name.
  public static func label(_ key: String, _ value: String) -> String { "LODGE_LABEL_" + key + "=" + value }
}
