public import XDR

/// Makes random values of generated types, the same ones again for the same seed.
///
/// Numbers lean towards the edges of their range, lengths towards none, one and the most, where mistakes live.
public struct XDRRandomSource: RandomNumberGenerator, Sendable {
  private var state: UInt64
  /// Levels that recursive values may still go down.
  public private(set) var depth: Int
  /// Most elements of an array whatever its bound, so that values stay small.
  public var largestArray: Int
  public var largestOpaque: Int

  public init(seed: UInt64, depth: Int = 5, largestArray: Int = 5, largestOpaque: Int = 40) {
    state = seed
    self.depth = depth
    self.largestArray = largestArray
    self.largestOpaque = largestOpaque
  }

  /// SplitMix64.
  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  public mutating func chance(_ oneIn: UInt64) -> Bool { next() % oneIn == 0 }

  public mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value {
    switch next() % 8 {
    case 0: return .min
    case 1: return .max
    case 2: return 0
    case 3: return 1
    case 4: return Value(truncatingIfNeeded: -1)
    default: return Value(truncatingIfNeeded: next())
    }
  }

  public mutating func bool() -> Bool { next() & 1 == 1 }

  /// Any bits, so NaNs and infinities too. Compare encodings, not values.
  public mutating func float() -> Float {
    // The quiet bit keeps NaNs as they are wherever a processor would change a signalling one.
    let value = Float(bitPattern: UInt32(truncatingIfNeeded: next()))
    return value.isNaN ? Float.nan : value
  }

  public mutating func double() -> Double {
    let value = Double(bitPattern: next())
    return value.isNaN ? Double.nan : value
  }

  public mutating func quadruple() -> XDRQuadruple { XDRQuadruple(high: next(), low: next()) }

  public mutating func length(max: Int, largest: Int) -> Int {
    let most = min(max, largest)
    switch next() % 6 {
    case 0: return 0
    case 1: return most
    case 2: return min(1, most)
    default: return Int(next() % UInt64(most + 1))
    }
  }

  public mutating func opaque(max: Int) -> [UInt8] { opaque(count: length(max: max, largest: largestOpaque)) }

  public mutating func opaque(count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }

  /// UTF-8 without NUL, of up to `max` bytes.
  public mutating func string(max: Int) -> String {
    let most = length(max: max, largest: largestOpaque)
    var text = ""
    while true {
      let scalar: Unicode.Scalar =
        switch next() % 8 {
        case 0: "é"
        case 1: "✓"
        case 2: "\u{1f980}"
        case 3: "\u{1}"
        default: Unicode.Scalar(UInt8(0x20 + next() % 95))
        }
      guard text.utf8.count + UTF8.width(scalar) <= most else { return text }
      text.unicodeScalars.append(scalar)
    }
  }

  /// Elements of a recursive type come one level further down.
  public mutating func array<Element>(
    max: Int, _ element: (inout XDRRandomSource) -> Element
  ) -> [Element] {
    guard depth > 0 else { return [] }
    return array(count: length(max: max, largest: largestArray), element)
  }

  public mutating func array<Element>(
    count: Int, _ element: (inout XDRRandomSource) -> Element
  ) -> [Element] {
    depth -= 1
    defer { depth += 1 }
    return (0..<count).map { _ in element(&self) }
  }

  public mutating func nonEmptyArray<Element>(_ element: (inout XDRRandomSource) -> Element) -> [Element] {
    let first = element(&self)
    return [first] + array(max: largestArray, element)
  }

  public mutating func optional<Value>(_ value: (inout XDRRandomSource) -> Value) -> Value? {
    guard depth > 0, bool() else { return nil }
    depth -= 1
    defer { depth += 1 }
    return value(&self)
  }

  /// An arm of a union; of those that can recurse only while there is depth left.
  public mutating func arm<Value>(
    _ plain: [(inout XDRRandomSource) -> Value], _ recursive: [(inout XDRRandomSource) -> Value]
  ) -> Value {
    let canRecurse = depth > 0 || plain.isEmpty
    let count = plain.count + (canRecurse ? recursive.count : 0)
    let index = Int(next() % UInt64(count))
    depth -= 1
    defer { depth += 1 }
    return index < plain.count ? plain[index](&self) : recursive[index - plain.count](&self)
  }

  public mutating func pick<Value>(_ values: [Value]) -> Value { values[Int(next() % UInt64(values.count))] }
}

/// A type with random values, for property tests.
public protocol XDRRandomizable {
  static func random(using source: inout XDRRandomSource) -> Self
}

/// A type of a schema by its name: what fuzzers and comparing tests drive.
public struct XDRTypeEntry: Sendable {
  public let name: String
  /// Growable structs are in it: fields that were left out come back as defaults and those of newer writers not at all,
  /// so that an accepted message may be encoded to other bytes. Encoded again, these stay as they are.
  public let canGrow: Bool
  /// Decodes a whole message and lets the value go.
  public let decode: @Sendable ([UInt8]) throws(XDRError) -> Void
  /// Decodes a whole message and encodes it again.
  public let recode: @Sendable ([UInt8]) throws(XDRError) -> [UInt8]
  /// The encoding of a random value.
  public let random: @Sendable (inout XDRRandomSource) throws(XDRError) -> [UInt8]

  public init(
    name: String, canGrow: Bool = false, decode: @escaping @Sendable ([UInt8]) throws(XDRError) -> Void,
    recode: @escaping @Sendable ([UInt8]) throws(XDRError) -> [UInt8],
    random: @escaping @Sendable (inout XDRRandomSource) throws(XDRError) -> [UInt8]
  ) {
    self.name = name
    self.canGrow = canGrow
    self.decode = decode
    self.recode = recode
    self.random = random
  }
}
