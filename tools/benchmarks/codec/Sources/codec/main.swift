import CReference
import Glibc
import XDR

// One process, all contestants in turn within each round, so that what the machine does meanwhile hits them alike.

let rounds = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 201
let recordCount = 10_000
let numberCount = 100_000

func nanoseconds() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

struct Contestant {
  var name: String
  var times: [UInt64] = []
  /// Work that is timed, and what undoes it.
  var work: () -> Int
  var cleanUp: () -> Void = {}
}

/// Takes a result so that nothing is left out as unused.
@inline(never) func consume<Value>(_ value: Value) {}

func check(_ condition: Bool, _ what: String) {
  guard condition else {
    print("codec: \(what)")
    exit(1)
  }
}

// 10,000 records of {name string, uuid opaque[16], int, int}: 400,004 bytes.
let records = Records(
  items: (0..<recordCount).map { index in
    let digits = String(index)
    return Record(
      name: "guest-" + String(repeating: "0", count: 5 - digits.utf8.count) + digits,
      uuid: XDRFixedBytes((0..<16).map { UInt8(truncatingIfNeeded: index &* 31 &+ $0) })!, state: Int32(index % 5),
      flags: -1)
  })
let message = try records.xdrEncoded()
let numbers = Numbers(items: (0..<numberCount).map { Int32(truncatingIfNeeded: $0 &* 2_654_435_761) })
let numbersMessage = try numbers.xdrEncoded()
let out = UnsafeMutablePointer<CChar>.allocate(capacity: 1 << 20)

// Each contestant gives the same bytes for the same value, or the figures mean nothing.
message.withUnsafeBytes { bytes in
  let pointer = bytes.baseAddress!.assumingMemoryBound(to: CChar.self)
  for (decode, encode) in [(tirpc_decode, tirpc_encode), (hand_decode_owned, hand_encode)] {
    check(decode(pointer, bytes.count) == recordCount, "a reference does not decode the records")
    check(encode(out, 1 << 20) == bytes.count, "a reference does not encode the records")
    check(memcmp(out, pointer, bytes.count) == 0, "a reference encodes other bytes")
  }
}
check(try Records(xdr: message) == records, "the records do not come back")
check(
  try RecordsBorrowed(xdr: message).items.map { $0.name.string(in: message) } == records.items.map(\.name),
  "slices differ")

func bytes(_ array: [UInt8], _ body: (UnsafePointer<CChar>, Int) -> Int) -> Int {
  array.withUnsafeBytes { body($0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count) }
}

func succeed<Value>(_ body: () throws -> Value) -> Value {
  do { return try body() } catch {
    print("codec: \(error)")
    exit(1)
  }
}

var kept: Any?
var groups: [(String, [Contestant])] = [
  (
    "encode \(recordCount) records",
    [
      Contestant(name: "libtirpc", work: { tirpc_encode(out, 1 << 20) }),
      Contestant(name: "C by hand, into a buffer it has", work: { hand_encode(out, 1 << 20) }),
      Contestant(name: "C by hand, malloc and free", work: { hand_encode_allocating(Int(message.count)) }),
      Contestant(name: "C by hand, exact size first, malloc and free", work: { hand_encode_exact() }),
      Contestant(
        name: "C by hand, exact size first, refuses NUL, malloc and free", work: { hand_encode_exact_strict() }),
      Contestant(name: "Swift, into an array of its own", work: { succeed { try records.xdrEncoded() }.count }),
      Contestant(
        name: "Swift, into a writer it has",
        work: {
          var writer = XDRWriter(capacity: message.count)
          succeed { try records.encode(into: &writer) }
          return writer.count
        }),
    ]
  ),
  (
    "decode \(recordCount) records, owned, and free",
    [
      Contestant(
        name: "libtirpc",
        work: {
          let n = bytes(message, tirpc_decode)
          tirpc_free()
          return n
        }),
      Contestant(
        name: "C by hand, malloc per string",
        work: {
          let n = bytes(message, hand_decode_owned)
          hand_free_owned()
          return n
        }),
      Contestant(name: "Swift", work: { succeed { try Records(xdr: message) }.items.count }),
    ]
  ),
  (
    "decode \(recordCount) records, borrowed, and free",
    [
      Contestant(
        name: "C by hand, strings left in place",
        work: {
          let n = bytes(message, hand_decode_in_place)
          hand_free_in_place()
          return n
        }),
      Contestant(name: "Swift, XDRSlice", work: { succeed { try RecordsBorrowed(xdr: message) }.items.count }),
    ]
  ),
  (
    "encode \(numberCount) ints",
    [
      Contestant(name: "libtirpc", work: { tirpc_encode_numbers(out, 1 << 20) }),
      Contestant(name: "C by hand", work: { hand_encode_numbers(out, 1 << 20) }),
      Contestant(name: "Swift", work: { succeed { try numbers.xdrEncoded() }.count }),
    ]
  ),
  (
    "decode \(numberCount) ints, and free",
    [
      Contestant(
        name: "libtirpc",
        work: {
          let n = bytes(numbersMessage, tirpc_decode_numbers)
          tirpc_free_numbers()
          return n
        }),
      Contestant(
        name: "C by hand",
        work: {
          let n = bytes(numbersMessage, hand_decode_numbers)
          hand_free_numbers()
          return n
        }),
      Contestant(name: "Swift", work: { succeed { try Numbers(xdr: numbersMessage) }.items.count }),
    ]
  ),
]

// The messages that the references' encoders encode.
_ = bytes(message, tirpc_decode)
_ = bytes(message, hand_decode_owned)
_ = bytes(numbersMessage, tirpc_decode_numbers)
_ = bytes(numbersMessage, hand_decode_numbers)

/// For profiling: a second argument takes one group alone, a third one contestant of it.
let only = CommandLine.arguments.dropFirst(2).first.flatMap { Int($0) }
if let only, groups.indices.contains(only), let one = CommandLine.arguments.dropFirst(3).first.flatMap({ Int($0) }) {
  groups[only].1 = groups[only].1.indices.contains(one) ? [groups[only].1[one]] : []
}

for group in groups.indices where only == nil || only == group {
  for round in -5..<rounds {
    for index in groups[group].1.indices {
      let start = nanoseconds()
      let result = groups[group].1[index].work()
      let time = nanoseconds() - start
      check(result > 0, "\(groups[group].1[index].name) failed")
      if round >= 0 { groups[group].1[index].times.append(time) }
    }
  }
  if group == 0 {
    // The decoders that follow replace what these had.
    tirpc_free()
    hand_free_owned()
  } else if group == 3 {
    tirpc_free_numbers()
    hand_free_numbers()
  }
}

func shown(_ nanoseconds: UInt64) -> String {
  let tenths = (nanoseconds + 50) / 100
  return "\(tenths / 10).\(tenths % 10)"
}

print("| | minimum, µs | median, µs |")
print("| --- | --- | --- |")
for (title, contestants) in groups where contestants.allSatisfy({ !$0.times.isEmpty }) {
  print("| **\(title)** | | |")
  for contestant in contestants {
    let sorted = contestant.times.sorted()
    print("| \(contestant.name) | \(shown(sorted[0])) | \(shown(sorted[sorted.count / 2])) |")
  }
}
