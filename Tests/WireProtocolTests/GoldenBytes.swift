import WireProtocol
import XDR

/// The wire, word by word. Each is held against what the generated code writes, against what it makes of it, and against
/// protocol/README.md, which explains the words.
enum GoldenBytes {
  // MARK: Every program

  static let helloCall = words(
    "0000002c",  // length: 44, itself included
    "20000001 00000002 00000000",  // admin, version 2, procedure 0
    "00000000 00000000 00000000",  // call, serial 0, ok
    "00000009 6c6f6467 6520312e 30000000")  // client: 9 bytes "lodge 1.0", padding

  static let helloReply = words(
    "00000048",  // length: 72
    "20000001 00000002 00000000",  // echoes the call
    "00000001 00000000 00000000",  // reply, the call's serial, ok
    "0000000a 6c6f6467 65642031 2e300000",  // server: "lodged 1.0"
    "00000001 00000002",  // one version: 2
    "00000001 0000000c 6576656e 74732e74 69636b73")  // one feature: "events.ticks"

  static let startCall = words(
    "00000038",  // length: 56
    "20000001 00000002 00000003",  // admin, version 2, GUEST_START
    "00000000 00000007 00000000",  // call, serial 7, ok
    "00000001 10111213 14151617 18191a1b 1c1d1e1f",  // a request id is there: 16 bytes
    "00000003 77656200")  // name: 3 bytes "web", padding

  static let subscribeReply = words(
    "00000038",  // length: 56
    "20000001 00000002 0000000c",  // admin, version 2, EVENTS_SUBSCRIBE
    "00000001 00000008 00000000",  // reply, serial 8, ok
    "00000002",  // subscription 2
    "00000000 00000029",  // after 41
    "00000000 00000001",  // oldest 1
    "00000000 0000002a")  // newest 42

  static let voidReply = words(
    "0000001c",  // length: 28, a header and nothing else
    "20000001 00000002 00000002",  // admin, version 2, GUEST_REMOVE
    "00000001 00000009 00000000")  // reply, serial 9, ok

  static let errorReply = words(
    "0000005c",  // length: 92
    "20000001 00000002 00000003",  // GUEST_START
    "00000001 00000007 00000001",  // reply, serial 7, error
    "0000000b",  // code 11: startFailed
    "00000018 73746172 74207765 623a206d 6f756e74 202f7072 6f633a20",  // message, 24 bytes
    "00000000",  // hint: empty
    "00000001 00000001",  // errno is there: 1, EPERM
    "00000001 0000000b 6d6f756e 74202f70 726f6300")  // step is there: "mount /proc"

  static let ping = words(
    "0000001c",  // length: 28
    "6b656570 00000001 00000001",  // "keep", version 1, PING
    "00000002 00000000 00000000")  // event, no serial, ok

  static let pong = words(
    "0000001c",
    "6b656570 00000001 00000002",  // "keep", version 1, PONG
    "00000002 00000000 00000000")

  static let streamData = words(
    "0000001f",  // length: 31; no length word inside and no padding behind
    "20000001 00000002 0000000b",  // program, version, procedure of the call
    "00000003 00000007 00000002",  // stream, the call's serial, continue
    "616263")  // the bytes

  static let streamEnd = words(
    "0000001c",
    "20000001 00000002 0000000b",
    "00000003 00000007 00000000")  // stream, the call's serial, ok: no more comes

  static let callWithDescriptors = words(
    "0000002c",  // length: 44; the descriptors' own bytes are not in it
    "20000001 00000002 00000008",
    "00000004 00000007 00000000",  // call with descriptors, serial 7, ok
    "00000002",  // two descriptors come after the frame
    "00000003 77656200",  // the arguments as ever: "web"
    "00000000")  // and the rest of them

  // MARK: Admin

  static let event = words(
    "00000174",  // length: 372
    "20000001 00000002 0000000f",  // admin, version 2, EVENT
    "00000002 00000000 00000000",  // event, no serial, ok
    "00000002",  // subscription 2
    "00000002",  // format of the row
    "00000000 0000002a",  // sequence 42
    "00000000 3b9aca00",  // time: 1 s after 1970
    "20212223 24252627 28292a2b 2c2d2e2f",  // boot id
    "00000003",  // type: state
    "00000003 77656200",  // guest: "web"
    "00000001 30313233 34353637 38393a3b 3c3d3e3f",  // a run is there
    "00000005",  // its number: 5
    "00000108",  // the rest can grow: so many bytes
    "00000002 00000000",  // from running to stopped
    "00000000 00000000 00000000",  // by: the guest itself
    "00000000",  // message: empty
    "00000001 000000cc",  // an end is there, of so many bytes
    "0000002c 00000001 00000001",  // its headline, 44 bytes: exited, bad
    "00000001 00000000 00000003 00000000",  // status: code 3
    "00000000 00000000 00000000 00000000 00000000",  // no parts of other kinds, no order at work
    "00000044 00000001 00000001",  // its facts, 68 bytes: recorded, init was executed
    "00000001 00000000 00000003 00000000 00000000",  // status: code 3, reaped
    "00000000 00000000 00000001",  // no failed start, no reboot(2), which was watched
    "00000000 00000000 00000000 00000000",  // memory not known, no orders, no fence
    "00000000 00000000 00000001",  // boots not known, the end was seen
    "00000001 00000000 00000001",  // started at
    "00000000 00000002",  // ended at
    "00000000 00000003",  // length in nanoseconds
    "00000002",  // two measures
    "00000010 6d656d6f 72792e70 65616b42 79746573 00000000 00100000",  // memory.peakBytes: 1 MiB
    "0000000a 6370752e 6d696372 6f730000 00000000 000003e8",  // cpu.micros: 1000
    "00000000",  // no order
    "00000001 00000003 74696500 00000001 61000000",  // one label: tie=a
    "00000000")  // no notice

  static let gap = words(
    "00000030",
    "20000001 00000002 00000010",  // EVENT_GAP
    "00000002 00000000 00000000",
    "00000002 00000000 0000000a 00000000 00000014")  // subscription 2 has lost 10 to 20

  static let tick = words(
    "00000030",
    "20000001 00000002 00000011",  // EVENT_TICK
    "00000002 00000000 00000000",
    "00000002 00000000 0000002a 00000000 3b9aca00")  // subscription 2 has everything up to 42

  // MARK: Controller

  static let controllerStop = words(
    "00000064",
    "20000002 00000002 00000003",  // controller, version 2, STOP
    "00000000 00000001 00000000",  // call, serial 1, ok
    "00000038 00000001 00000000",  // an order of so many bytes: number 1, stop
    "00000001 000003e8 00000539",  // by: user, uid 1000, pid 1337
    "00000000 00000007",  // given at
    "00000000 ffffffff ffffffff 00000000",  // the spec's signal and time, and then by force
    "00000000 00000000 00000000",  // nothing was done for it yet
    "00000000",  // the spec's signal
    "00000000 00002710")  // 10000 ms

  static let launchReply = words(
    "00000030",
    "20000002 00000002 00000001",  // controller, version 2, LAUNCH
    "00000001 00000000 00000000",  // reply, serial 0, ok
    "00001092",  // init's pid: 4242
    "00000000 0001e240",  // its start time: 123456
    "00000000 3b9aca00")  // started at

  static let exitEvent = words(
    "000000f0",  // length: 240
    "20000002 00000002 00000007",  // controller, version 2, EXIT
    "00000002 00000000 00000000",  // event, no serial, ok
    "000000d0",  // a record of so many bytes
    "00000003 77656200",  // guest: "web"
    "30313233 34353637 38393a3b 3c3d3e3f",  // run
    "20212223 24252627 28292a2b 2c2d2e2f",  // boot id
    "00000098",  // an end of so many bytes
    "0000002c 00000002 00000001",  // its headline, 44 bytes: signaled, bad
    "00000001 00000001 0000000b 00000001",  // status: by signal, 11, core dumped
    "00000000 00000000 00000000 00000000 00000000",  // no parts of other kinds, no order at work
    "00000044 00000001 00000001",  // its facts, 68 bytes: recorded, init was executed
    "00000001 00000001 0000000b 00000001 00000000",  // status: by signal, 11, core dumped, reaped
    "00000000 00000000 00000001",  // no failed start, no reboot(2), which was watched
    "00000000 00000000 00000000 00000000",  // memory not known, no orders, no fence
    "00000000 00000000 00000001",  // boots not known, the end was seen
    "00000001 00000000 00000001",  // started at
    "00000000 00000002",  // ended at
    "00000000 00000003",  // length in nanoseconds
    "00000000",  // nothing measured
    "00000001 00000004 62796521")  // one line of the console: "bye!"

  /// Hexadecimal digits to bytes.
  static func words(_ lines: String...) -> [UInt8] { bytes(lines.joined(separator: " ")) }

  static func bytes(_ text: String) -> [UInt8] {
    let digits = text.utf8.compactMap { digit in Character(Unicode.Scalar(digit)).hexDigitValue.map(UInt8.init) }
    return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}
