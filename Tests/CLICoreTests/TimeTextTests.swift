import Foundation
import Guest
import Testing

@testable import CLICore

@Suite struct TimeTextTests {
  @Test func timesAgreeWithAnotherCalendar() {
    let formatter = ISO8601DateFormatter()
    formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
    var random = SystemRandomNumberGenerator()
    for _ in 0..<3000 {
      // 1679 to 2259, which is what the type can hold.
      let milliseconds = Int64.random(in: -9_000_000_000_000...9_000_000_000_000, using: &random)
      let time = Timestamp(nanoseconds: milliseconds * 1_000_000)
      let text = TimeText.rfc3339(time)
      let seconds = try? #require(formatter.date(from: text)).timeIntervalSince1970
      // Foundation's seconds are a binary fraction.
      #expect(seconds.map { Int64(($0 * 1000).rounded()) } == milliseconds, "\(text)")
      #expect(TimeText.parse(text, now: Samples.now, zone: .utc) == time, "\(text)")
    }
  }

  @Test(arguments: [
    ("2026-11-21", "2026-11-21T00:00:00.000Z"), ("2026-11-21 10:02", "2026-11-21T10:02:00.000Z"),
    ("2026-11-21T10:02:11.5Z", "2026-11-21T10:02:11.500Z"), ("10:00", "2026-11-21T10:00:00.000Z"),
    ("10:00:05.25", "2026-11-21T10:00:05.250Z"), ("2026-11-21T10:02:11+01:30", "2026-11-21T08:32:11.000Z"),
    ("2026-11-21t10:02:11-01:00", "2026-11-21T11:02:11.000Z"), ("2024-02-29", "2024-02-29T00:00:00.000Z"),
    ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
  ])
  func timesAreRead(text: String, expected: String) {
    #expect(TimeText.parse(text, now: Samples.now, zone: .utc).map { TimeText.rfc3339($0) } == expected)
  }

  @Test(arguments: [
    "", "now", "2026", "2026-13-01", "2026-02-29", "2026-11-31", "2026-11-21T", "2026-11-21T24:00", "10:60", "10",
    "2026-11-21T10:02:11ZZ", "2026-11-21T10:02:11.Z", "2026-11-21T10:02:11+1", "9999-01-01", "2026-11-21x10:00",
    "-10:00",
  ])
  func whatIsNoTimeIsRefused(text: String) {
    #expect(TimeText.parse(text, now: Samples.now, zone: .utc) == nil)
  }

  @Test(arguments: [
    ("10:00", "2026-11-21T04:15:00.000Z"), ("2026-11-21", "2026-11-20T18:15:00.000Z"),
    ("today", "2026-11-20T18:15:00.000Z"), ("yesterday", "2026-11-19T18:15:00.000Z"),
    ("2026-11-21T10:02:11Z", "2026-11-21T10:02:11.000Z"), ("2026-11-21T10:02:11+01:00", "2026-11-21T09:02:11.000Z"),
  ])
  func timesWithoutAnOffsetAreOfTheZone(text: String, expected: String) {
    let nepal = Zone(name: "+0545", offsetSeconds: 20_700)
    #expect(TimeText.parse(text, now: Samples.now, zone: nepal).map { TimeText.rfc3339($0) } == expected)
  }

  @Test func timesAreToldInTheZone() {
    #expect(TimeText.moment(Samples.now, .utc) == "2026-11-21 10:02:11 UTC")
    #expect(TimeText.moment(Samples.now, Zone(name: "NZDT", offsetSeconds: 46_800)) == "2026-11-21 23:02:11 NZDT")
    #expect(TimeText.moment(Samples.now, Zone(name: "HST", offsetSeconds: -39_600)) == "2026-11-20 23:02:11 HST")
    for time in [Timestamp(nanoseconds: .min), Timestamp(nanoseconds: .max)] {
      for offset in [Int64(-43_200), 50_400] {
        #expect(!TimeText.moment(time, Zone(name: "X", offsetSeconds: offset)).isEmpty)
      }
    }
  }

  @Test(
    arguments: [
      (0, "0s"), (999, "<1ms"), (450_000_000, "450ms"), (1_000_000_000, "1s"), (1_500_000_000, "1.5s"),
      (1_049_000_000, "1s"), (59_999_000_000, "59s"), (60_000_000_000, "1m"), (725_000_000_000, "12m5s"),
      (266_400_000_000_000, "3d2h"), (3_600_000_000_000, "1h"), (3_659_000_000_000, "1h"), (90_000_000_000_000, "1d1h"),
      (UInt64.max, "213503d23h"),
    ] as [(UInt64, String)])
  func lengthsInTwoUnits(nanoseconds: UInt64, text: String) {
    #expect(TimeText.span(nanoseconds: nanoseconds) == text)
  }

  @Test func howLongAgo() {
    func ago(_ seconds: Double) -> String { TimeText.ago(Samples.ago(seconds: seconds), now: Samples.now) }
    #expect(ago(0.5) == "just now")
    #expect(ago(1) == "1 second ago")
    #expect(ago(119) == "1 minute ago")
    #expect(ago(7200) == "2 hours ago")
    #expect(ago(90_000) == "1 day ago")
    #expect(ago(86_400 * 800) == "2 years ago")
    #expect(ago(-5) == "in 5 seconds")
    #expect(TimeText.ago(Timestamp(nanoseconds: .min), now: Timestamp(nanoseconds: .max)) == "292 years ago")
  }

  @Test(
    arguments: [
      (0, "0B"), (999, "999B"), (1000, "1K"), (1023, "1K"), (1024, "1K"), (1536, "1.5K"), (512 << 20, "512M"),
      (13_400_000, "12.8M"), (1023 << 10, "1M"), (UInt64.max, "16384P"),
    ] as [(UInt64, String)])
  func sizesWithThreeDigits(bytes: UInt64, text: String) {
    #expect(SizeText.approximate(bytes) == text)
  }
}
