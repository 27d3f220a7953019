import SpecKeys
import Testing

@Suite struct QuantityTests {
  @Test(
    arguments: [
      ("0", 0), ("1000", 1000), ("512M", 512 << 20), ("512MiB", 512 << 20), ("512mb", 512 << 20), ("1.5G", 3 << 29),
      ("64Ki", 64 << 10), ("64KiB", 64 << 10), ("15E", 15 << 60), ("16E", nil), ("18446744073709551615", UInt64.max),
      ("18446744073709551616", nil), ("1.0001", nil), ("", nil), ("M", nil), ("-1", nil), ("1 M", nil), (".5G", nil),
      ("1.G", nil), ("1..5G", nil), ("512X", nil), ("0.5K", 512), ("\u{0661}", nil),
      ("4Ki", 4096), ("1Mi", 1 << 20), ("1Pi", 1 << 50), ("0.1K", 102), ("0.1G", 107_374_182),
      ("0.001P", 1_125_899_906_842), ("0.0001G", 107_374), ("0.1B", nil),
    ] as [(String, UInt64?)])
  func sizesAreRead(text: String, bytes: UInt64?) {
    #expect(Quantity.bytes(text) == bytes, "\(text)")
  }

  @Test(
    arguments: [
      ("10s", 10_000), ("10", 10_000), ("1.5", 1500), ("0", 0), ("250ms", 250), ("1h30m", 5_400_000),
      ("2d", 172_800_000),
      ("1m1h", nil), ("1s1s", nil), ("10x", nil), ("", nil), ("s", nil), ("1.5s", 1500), ("0.1ms", nil), ("-1s", nil),
      ("213503982334602d", nil),
    ] as [(String, Double?)])
  func durationsAreRead(text: String, milliseconds: Double?) {
    let expected = milliseconds.flatMap { UInt64(exactly: $0) }
    #expect(Quantity.milliseconds(text) == expected, "\(text)")
  }

  @Test func whatIsPrintedReadsBackTheSame() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let value = UInt64.random(in: 0...UInt64.max, using: &generator) >> UInt64.random(in: 0...63, using: &generator)
      #expect(Quantity.bytes(Quantity.text(bytes: value)) == value)
      #expect(Quantity.milliseconds(Quantity.text(milliseconds: value)) == value)
      let small = value >> 10
      #expect(Quantity.thousandths(Quantity.text(thousandths: small)) == small)
    }
  }

  @Test func printingUsesTheLargestExactUnit() {
    #expect(Quantity.text(bytes: 512 << 20) == "512M")
    #expect(Quantity.text(bytes: 3 << 29) == "1536M")
    #expect(Quantity.text(bytes: 1000) == "1000")
    #expect(Quantity.text(milliseconds: 90_061_001) == "1d1h1m1s1ms")
    #expect(Quantity.text(milliseconds: 0) == "0s")
    #expect(Quantity.text(thousandths: 1500) == "1.5")
    #expect(Quantity.text(thousandths: 2000) == "2")
    #expect(Quantity.text(thousandths: 5) == "0.005")
  }
}
