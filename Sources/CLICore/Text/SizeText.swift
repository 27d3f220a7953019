/// Amounts of memory for people.
enum SizeText {
  /// With three digits at most: `512M`, `13.4M`, `980K`, `12B`. For measured values; a limit is shown exactly.
  static func approximate(_ bytes: UInt64) -> String {
    var value = Double(bytes)
    for unit in ["B", "K", "M", "G", "T", "P"] {
      if value < 999.5 || unit == "P" {
        let tenths = (value * 10).rounded() / 10
        if unit == "B" || value >= 99.95 || tenths == tenths.rounded() { return "\(Int(value.rounded()))\(unit)" }
        return "\(tenths)\(unit)"
      }
      value /= 1024
    }
    preconditionFailure("no unit for \(bytes) bytes")
  }
}
