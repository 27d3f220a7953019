import Glibc
import Testing

@testable import LinuxSystem

struct UnixSocketTests {
  /// Folder names that make the path short, one byte too long for an address, and much too long.
  @Test(arguments: [1, 80, 200]) func aPathOfAnyLengthCanBeListenedOnAndConnectedTo(length: Int) throws {
    let folder = try ScratchFolder()
    let path = folder(String(repeating: "x", count: length) + "/s")
    try Files.makeDirectories(Files.parent(of: path))
    let listener = try UnixSocket.listen(at: path, mode: 0o700)
    #expect(try UnixSocket.accept(on: listener.rawValue) == nil)
    let client = try UnixSocket.connect(to: path)
    let server = try #require(try UnixSocket.accept(on: listener.rawValue))
    let peer = try PeerCredentials(of: server.rawValue)
    #expect(peer == PeerCredentials(pid: getpid(), uid: getuid(), gid: getgid()))
    #expect(try send([1, 2], to: client) == 2)
    #expect(try receive(from: server) == [1, 2])
    #expect(try receive(from: server) == nil)
  }

  @Test func theFileHasTheModeAsked() throws {
    let folder = try ScratchFolder()
    let socket = try UnixSocket.listen(at: folder("s"), mode: 0o660, group: getgid())
    var info = stat()
    #expect(stat(folder("s"), &info) == 0)
    #expect(info.st_mode & 0o7777 == 0o660)
    #expect(socket.rawValue >= 0)
  }

  @Test func aDeadSocketIsReplacedAndAnotherFileIsNot() throws {
    let folder = try ScratchFolder()
    try UnixSocket.listen(at: folder("s"), mode: 0o600).close()
    try UnixSocket.listen(at: folder("s"), mode: 0o600).close()
    try Files.writeAtomically([1], to: folder("file"))
    #expect(throws: SystemError("listen on", on: folder("file"), errno: EEXIST)) {
      try UnixSocket.listen(at: folder("file"), mode: 0o600)
    }
    #expect(try Files.read(folder("file")) == [1])
  }

  @Test func drainedMeansReadByThePeer() throws {
    let (a, b) = try UnixSocket.pair()
    #expect(try UnixSocket.isDrained(a.rawValue))
    #expect(try send([1, 2, 3], to: a) == 3)
    #expect(try UnixSocket.isDrained(a.rawValue) == false)
    #expect(try receive(from: b) == [1, 2, 3])
    #expect(try UnixSocket.isDrained(a.rawValue))
  }

  @Test func sendToAGonePeerIsAnErrorAndNoSignal() throws {
    let (a, b) = try UnixSocket.pair()
    b.close()
    #expect(throws: SystemError.self) { try send([1], to: a) }
  }
}

struct DescriptorPassingTests {
  @Test func oneByteAndOneDescriptorEach() throws {
    let (a, b) = try UnixSocket.pair()
    let (read, write) = try UnixSocket.pair()
    #expect(try DescriptorPassing.send(write.rawValue, to: a.rawValue))
    #expect(try DescriptorPassing.send(read.rawValue, to: a.rawValue))
    var bytes = [UInt8](repeating: 0xff, count: 8)
    for _ in 0..<2 {
      let (received, descriptors, truncated) = try bytes.withUnsafeMutableBytes {
        try DescriptorPassing.receive(into: $0, from: b.rawValue)
      }
      #expect(received == .bytes(1))
      #expect(bytes[0] == 0)
      #expect(descriptors.count == 1)
      #expect(!truncated)
      #expect(fcntl(descriptors[0].rawValue, F_GETFD) & FD_CLOEXEC != 0)
    }
  }

  @Test func unwantedDescriptorsAreClosedAndTold() throws {
    let (a, b) = try UnixSocket.pair()
    let (ours, theirs) = try UnixSocket.pair()
    #expect(try DescriptorPassing.send(theirs.rawValue, to: a.rawValue))
    theirs.close()
    var bytes = [UInt8](repeating: 0, count: 8)
    let (received, descriptors, truncated) = try bytes.withUnsafeMutableBytes {
      try DescriptorPassing.receive(into: $0, from: b.rawValue, room: 0)
    }
    #expect(received == .bytes(1))
    #expect(descriptors.isEmpty)
    #expect(truncated)
    // The other end has no holder any more.
    #expect(try receiveEnd(from: ours))
  }
}

struct EpollTests {
  @Test func readyDescriptorsAreToldByToken() throws {
    let epoll = try Epoll()
    let (a, b) = try UnixSocket.pair()
    try epoll.add(b.rawValue, [.readable], token: 0xdead_beef_0000_0001)
    var events: [ReadyEvent] = []
    try epoll.wait(nanoseconds: 0) { events.append($0) }
    #expect(events.isEmpty)
    #expect(try send([1], to: a) == 1)
    try epoll.wait(nanoseconds: nil) { events.append($0) }
    #expect(events == [ReadyEvent(token: 0xdead_beef_0000_0001, readiness: .readable)])
    try epoll.modify(b.rawValue, [.readable, .writable], token: 2)
    events = []
    try epoll.wait(nanoseconds: nil) { events.append($0) }
    #expect(events == [ReadyEvent(token: 2, readiness: [.readable, .writable])])
    a.close()
    events = []
    try epoll.wait(nanoseconds: nil) { events.append($0) }
    #expect(events.first?.readiness.contains([.readable, .hangup]) == true)
    try epoll.remove(b.rawValue)
    events = []
    try epoll.wait(nanoseconds: 0) { events.append($0) }
    #expect(events.isEmpty)
  }

  @Test func aTimeoutWaitsThatLongAndNoLess() throws {
    let epoll = try Epoll()
    let start = Clock.bootNanoseconds
    try epoll.wait(nanoseconds: 3_000_000) { _ in }
    #expect(Clock.bootNanoseconds - start >= 3_000_000)
  }
}

private func send(_ bytes: [UInt8], to fd: OwnedFD) throws -> Int? {
  try bytes.withUnsafeBytes { try UnixSocket.send($0, to: fd.rawValue) }
}

/// The bytes that are there; nil when there are none.
private func receive(from fd: OwnedFD) throws -> [UInt8]? {
  var bytes = [UInt8](repeating: 0, count: 64)
  switch try bytes.withUnsafeMutableBytes({ try UnixSocket.receive(into: $0, from: fd.rawValue) }) {
  case .bytes(let count): return Array(bytes[..<count])
  case .wouldBlock: return nil
  case .end: return []
  }
}

private func receiveEnd(from fd: OwnedFD) throws -> Bool { try receive(from: fd) == [] }
