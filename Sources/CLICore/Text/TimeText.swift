import Guest

/// Moments and lengths of time as text. What programs read is UTC, what people read is in the zone of their screen.
enum TimeText {
  /// RFC 3339 with milliseconds: `2026-11-21T10:02:11.482Z`.
  static func rfc3339(_ time: Timestamp) -> String { "\(date(time, .utc))T\(clock(time, .utc))Z" }

  /// `2026-11-21`.
  static func date(_ time: Timestamp, _ zone: Zone) -> String {
    let (year, month, day) = civil(daysSince1970: split(time, zone).days)
    return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
  }

  /// `10:02:11.482`, or `10:02:11`.
  static func clock(_ time: Timestamp, _ zone: Zone, milliseconds: Bool = true) -> String {
    let rest = split(time, zone).nanoseconds
    let seconds = rest / 1_000_000_000
    let text = "\(padded(seconds / 3600, 2)):\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2))"
    return milliseconds ? "\(text).\(padded(rest / 1_000_000 % 1000, 3))" : text
  }

  /// `2026-11-21 10:02:11`, for a column whose title names the zone.
  static func dateAndClock(_ time: Timestamp, _ zone: Zone) -> String {
    "\(date(time, zone)) \(clock(time, zone, milliseconds: false))"
  }

  /// `2026-11-21 10:02:11 UTC`.
  static func moment(_ time: Timestamp, _ zone: Zone) -> String { "\(dateAndClock(time, zone)) \(zone.name)" }

  /// A length in its two largest units, rounded down: `3d2h`, `12m5s`, `8s`, `450ms`.
  static func span(nanoseconds: UInt64) -> String {
    let milliseconds = nanoseconds / 1_000_000
    if milliseconds == 0 { return nanoseconds == 0 ? "0s" : "<1ms" }
    if milliseconds < 1000 { return "\(milliseconds)ms" }
    let seconds = milliseconds / 1000
    let units: [(UInt64, String)] = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")]
    let first = units.firstIndex { seconds >= $0.0 } ?? 3
    var text = "\(seconds / units[first].0)\(units[first].1)"
    if first < 3 {
      let rest = seconds % units[first].0 / units[first + 1].0
      if rest > 0 { text += "\(rest)\(units[first + 1].1)" }
    } else if seconds < 10, milliseconds % 1000 >= 100 {
      text = "\(seconds).\(milliseconds % 1000 / 100)s"
    }
    return text
  }

  /// The same without parts of a second, for what is written again every second.
  static func wholeSeconds(_ nanoseconds: UInt64) -> String {
    span(nanoseconds: nanoseconds / 1_000_000_000 * 1_000_000_000)
  }

  /// `12 minutes ago`, `just now`; `in 5 seconds` for what is still to come.
  static func ago(_ time: Timestamp, now: Timestamp) -> String {
    let (difference, overflow) = now.nanoseconds.subtractingReportingOverflow(time.nanoseconds)
    let seconds = overflow ? Int64.max / 1_000_000_000 : Int64(difference.magnitude / 1_000_000_000)
    if seconds == 0 { return "just now" }
    let units: [(Int64, String)] = [
      (86_400 * 365, "year"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"),
    ]
    let (length, unit) = units.first { seconds >= $0.0 } ?? (1, "second")
    let count = seconds / length
    let text = "\(count) \(unit)\(count == 1 ? "" : "s")"
    return time > now ? "in \(text)" : "\(text) ago"
  }

  // MARK: Reading

  /// Reads `2026-11-21`, `2026-11-21T10:02:11.482Z`, `2026-11-21 10:02`, `10:02:11` (today), or with an offset
  /// `2026-11-21T11:02:11+01:00`; `today` and `yesterday` are their midnights. What names no offset is of `zone`.
  static func parse(_ text: String, now: Timestamp, zone: Zone) -> Timestamp? {
    var rest = text.utf8[...]
    var days = split(now, zone).days
    func local(_ seconds: Int64, _ nanoseconds: Int64) -> Timestamp? {
      timestamp(days: days, seconds: seconds - zone.offsetSeconds, nanoseconds: nanoseconds)
    }
    if text == "today" || text == "yesterday" {
      days -= text == "today" ? 0 : 1
      return local(0, 0)
    }
    let hasDate = rest.count >= 10 && rest[rest.index(rest.startIndex, offsetBy: 4)] == UInt8(ascii: "-")
    if hasDate {
      guard let year = number(&rest, digits: 4), skip(&rest, "-"), let month = number(&rest, digits: 2),
        skip(&rest, "-"), let day = number(&rest, digits: 2), let count = daysSince1970(year, month, day)
      else { return nil }
      days = count
      if rest.isEmpty { return local(0, 0) }
      guard skip(&rest, "T") || skip(&rest, "t") || skip(&rest, " ") else { return nil }
    }
    guard let hour = number(&rest, digits: 2), hour < 24, skip(&rest, ":"), let minute = number(&rest, digits: 2),
      minute < 60
    else { return nil }
    var seconds = hour * 3600 + minute * 60
    var nanoseconds: Int64 = 0
    if skip(&rest, ":") {
      guard let second = number(&rest, digits: 2), second < 61 else { return nil }
      seconds += second
      if skip(&rest, ".") {
        let digits = rest.prefix { isDigit($0) }
        guard (1...9).contains(digits.count) else { return nil }
        for digit in digits { nanoseconds = nanoseconds * 10 + Int64(digit - UInt8(ascii: "0")) }
        for _ in digits.count..<9 { nanoseconds *= 10 }
        rest = rest.dropFirst(digits.count)
      }
    }
    if rest.isEmpty { return local(seconds, nanoseconds) }
    if skip(&rest, "Z") || skip(&rest, "z") {
      return rest.isEmpty ? timestamp(days: days, seconds: seconds, nanoseconds: nanoseconds) : nil
    }
    let sign: Int64 = skip(&rest, "+") ? 1 : -1
    guard sign == 1 || skip(&rest, "-"), let hours = number(&rest, digits: 2), hours < 24, skip(&rest, ":"),
      let minutes = number(&rest, digits: 2), minutes < 60, rest.isEmpty
    else { return nil }
    return timestamp(days: days, seconds: seconds - sign * (hours * 3600 + minutes * 60), nanoseconds: nanoseconds)
  }

  private static func timestamp(days: Int64, seconds: Int64, nanoseconds: Int64) -> Timestamp? {
    let total = days * 86_400 + seconds
    let (product, overflow) = total.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? nil : Timestamp(nanoseconds: product + nanoseconds)
  }

  private static func number(_ rest: inout Substring.UTF8View, digits: Int) -> Int64? {
    let text = rest.prefix(digits)
    guard text.count == digits, text.allSatisfy(isDigit) else { return nil }
    rest = rest.dropFirst(digits)
    return text.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
  }

  private static func skip(_ rest: inout Substring.UTF8View, _ character: Unicode.Scalar) -> Bool {
    guard rest.first == UInt8(ascii: character) else { return false }
    rest = rest.dropFirst()
    return true
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  // MARK: The calendar

  private static func split(_ time: Timestamp, _ zone: Zone) -> (days: Int64, nanoseconds: Int64) {
    let day: Int64 = 86_400_000_000_000
    // Apart, since the sum may not fit: the earliest and the latest time there are have offsets, too.
    let (whole, rest) = time.nanoseconds.quotientAndRemainder(dividingBy: day)
    let shifted = rest + zone.offsetSeconds * 1_000_000_000
    let inDay = (shifted % day + day) % day
    return (whole + (shifted - inDay) / day, inDay)
  }

  /// The proleptic Gregorian calendar, counted in eras of 400 years that begin on the first of March, so that the leap
  /// day is the last of its year.
  private static func civil(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
  }

  private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64? {
    guard (1...12).contains(month), (1...31).contains(day) else { return nil }
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    // The 31st of a month of 30 days comes back as the first of the next.
    return civil(daysSince1970: days).day == day ? days : nil
  }

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
