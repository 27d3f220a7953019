/// The name an administrator gave a guest.
///
/// One to 64 letters, digits, `.`, `_` and `-`, the first a letter or a digit. So a name is a safe folder name, cgroup
/// name and command-line word, and never `.` or `..`.
public struct GuestName: Sendable, Hashable, Comparable, CustomStringConvertible {
  public static let maximumLength = 64

  public let value: String

  /// Throws `GuestError` with code `invalidArgument`; its text shows the name with control bytes made visible.
  public init(_ value: String) throws(GuestError) {
    let shown = Visible.text(value, limit: 80)
    if value.isEmpty { throw GuestError(.invalidArgument, "guest name: it is empty") }
    guard value.utf8.count <= Self.maximumLength else {
      throw GuestError(
        .invalidArgument,
        "guest name \"\(shown)\": \(value.utf8.count) bytes long; at most \(Self.maximumLength) are allowed")
    }
    for (index, byte) in value.utf8.enumerated() {
      if Self.isLetterOrDigit(byte) { continue }
      guard byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") else {
        throw GuestError(
          .invalidArgument, "guest name \"\(shown)\": only letters, digits, '.', '_' and '-' are allowed")
      }
      guard index > 0 else {
        throw GuestError(.invalidArgument, "guest name \"\(shown)\": it must begin with a letter or a digit")
      }
    }
    self.value = value
  }

  public var description: String { value }

  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
      || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  public static func < (left: GuestName, right: GuestName) -> Bool { left.value < right.value }
}
