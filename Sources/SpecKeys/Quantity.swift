/// Sizes and durations as people write them, and back. What is printed reads back the same.
public enum Quantity {
  /// Reads a size: `512M`, `1.5G`, `64KiB`, or a plain number of bytes. K, M, G, T, P and E are powers of 1024; `B`,
  /// `i` or `iB` may follow, in either case. Of a part of a unit whole bytes are taken: `0.1K` is 102.
  ///
  /// - Returns: bytes; nil if it is not a size or does not fit into 64 bits.
  public static func bytes(_ text: String) -> UInt64? {
    guard let (number, unit) = split(text) else { return nil }
    var letters = unit.lowercased()
    if letters == "b" { letters = "" }
    if letters.hasSuffix("ib") {
      letters.removeLast(2)
    } else if letters.count == 2, letters.hasSuffix("b") || letters.hasSuffix("i") {
      letters.removeLast()
    }
    let powers = ["", "k", "m", "g", "t", "p", "e"]
    guard let power = powers.firstIndex(of: letters) else { return nil }
    return power == 0 ? number.times(1) : number.times(1 << (10 * UInt64(power)), isRoundedDown: true)
  }

  /// Writes a size with the largest unit that keeps it exact: `512M`, `1536M`, `1000`.
  public static func text(bytes: UInt64) -> String {
    guard bytes > 0 else { return "0" }
    for (shift, unit) in [(60, "E"), (50, "P"), (40, "T"), (30, "G"), (20, "M"), (10, "K")]
    where bytes.trailingZeroBitCount >= shift {
      return "\(bytes >> UInt64(shift))\(unit)"
    }
    return "\(bytes)"
  }

  /// Reads a duration: `10s`, `1h30m`, `250ms`, `2d`, or a plain number of seconds (`1.5`).
  ///
  /// - Returns: milliseconds; nil if it is not a duration, is not whole milliseconds, or does not fit into 64 bits.
  public static func milliseconds(_ text: String) -> UInt64? {
    if let (number, unit) = split(text), unit.isEmpty { return number.times(1000) }
    var rest = Substring(text)
    var total: UInt64 = 0
    var lastFactor = UInt64.max
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { $0.isASCII && $0.isLetter }
      rest = rest.dropFirst(unit.count)
      let factors: [Substring: UInt64] = ["ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
      // Units fall, so that 1m1h and 1s1s are taken for the slips they are.
      guard let factor = factors[unit], factor < lastFactor, let number = Decimal(digits),
        let part = number.times(factor)
      else { return nil }
      let (sum, overflow) = total.addingReportingOverflow(part)
      guard !overflow else { return nil }
      (total, lastFactor) = (sum, factor)
    }
    return total
  }

  /// Writes a duration exactly: `10s`, `1h30m`, `250ms`.
  public static func text(milliseconds: UInt64) -> String {
    guard milliseconds > 0 else { return "0s" }
    var rest = milliseconds
    var result = ""
    for (factor, unit) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")]
      as [(UInt64, String)]
    {
      if rest >= factor {
        result += "\(rest / factor)\(unit)"
        rest %= factor
      }
    }
    return result
  }

  /// Reads a number of CPUs with up to three decimals: `2`, `0.5`.
  ///
  /// - Returns: thousandths of a CPU.
  public static func thousandths(_ text: String) -> UInt64? {
    guard let (number, unit) = split(text), unit.isEmpty else { return nil }
    return number.times(1000)
  }

  /// Writes thousandths as a decimal number: `2`, `0.5`.
  public static func text(thousandths: UInt64) -> String {
    let whole = thousandths / 1000
    var fraction = String(1000 + thousandths % 1000).dropFirst()
    while fraction.last == "0" { fraction.removeLast() }
    return fraction.isEmpty ? "\(whole)" : "\(whole).\(fraction)"
  }

  private static func split(_ text: String) -> (Decimal, Substring)? {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard let number = Decimal(digits) else { return nil }
    return (number, text.dropFirst(digits.count))
  }
}

/// A decimal number as written, kept exact: `1.5` is 15 tenths.
private struct Decimal {
  var units: UInt64
  var divisor: UInt64

  init?(_ text: Substring) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), !parts[0].isEmpty, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
    let fraction = parts.count == 2 ? parts[1] : ""
    guard fraction.count <= 9, let units = UInt64(parts[0] + fraction) else { return nil }
    self.units = units
    divisor = (0..<fraction.count).reduce(1) { power, _ in power * 10 }
  }

  /// The number times `factor`, where that fits and is whole or may be rounded.
  func times(_ factor: UInt64, isRoundedDown: Bool = false) -> UInt64? {
    let (high, low) = units.multipliedFullWidth(by: factor)
    guard high < divisor else { return nil }
    let (quotient, remainder) = divisor.dividingFullWidth((high, low))
    return remainder == 0 || isRoundedDown ? quotient : nil
  }
}
