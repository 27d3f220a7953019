import SpecFile

/// Exact sizes and times, written as a spec file takes them.
enum Quantities {
  static func size(_ bytes: UInt64) -> String { Quantity.text(bytes: bytes) }
  static func time(milliseconds: UInt64) -> String { Quantity.text(milliseconds: milliseconds) }
}
