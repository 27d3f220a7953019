import Glibc
import LinuxSystem

/// A client that does what it should not: sends without reading, stops in the middle, leaves at any moment. Never waits.
public final class HostileClient {
  private let socket: OwnedFD
  private var backlog: ArraySlice<UInt8> = []
  public private(set) var isClosed = false

  /// Nil where the daemon takes no more connections for now.
  public init?(to path: String, as user: UInt32) {
    guard let socket = try? asUser(user, { try UnixSocket.connect(to: path) }) else { return nil }
    self.socket = socket
    guard fcntl(socket.rawValue, F_SETFL, O_NONBLOCK) == 0 else { return nil }
  }

  /// Whether everything given to `push` is with the kernel.
  public var isIdle: Bool { backlog.isEmpty }

  /// Sends as much as the socket takes, what was left over before first.
  public func push(_ bytes: [UInt8] = []) {
    guard !isClosed else { return }
    if backlog.isEmpty { backlog = bytes[...] }
    while !backlog.isEmpty {
      guard let sent = try? backlog.withUnsafeBytes({ try UnixSocket.send($0, to: socket.rawValue) as Int?? }) else {
        isClosed = true
        return
      }
      guard let count = sent else { return }
      backlog = backlog.dropFirst(count)
    }
  }

  public func pushDescriptor(_ number: Int32) {
    if (try? DescriptorPassing.send(number, to: socket.rawValue)) == nil { isClosed = true }
  }

  /// Reads what is there and throws it away; the number of bytes.
  @discardableResult
  public func drain() -> Int {
    var total = 0
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while !isClosed {
      let received = try? buffer.withUnsafeMutableBytes { try UnixSocket.receive(into: $0, from: socket.rawValue) }
      switch received {
      case .bytes(let count): total += count
      case .wouldBlock: return total
      case .end, nil: isClosed = true
      }
    }
    return total
  }

  public func close() {
    isClosed = true
    socket.close()
  }
}

/// A client that behaves, and how long it waits for `list` meanwhile.
public final class Neighbour: @unchecked Sendable {
  private let path: String
  private let user: UInt32
  private var thread: Task<[Int64], any Error>?
  private let isStopped = Flag()

  private final class Flag: @unchecked Sendable {
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var value = false
    init() { pthread_mutex_init(lock, nil) }
    var isSet: Bool {
      pthread_mutex_lock(lock)
      defer { pthread_mutex_unlock(lock) }
      return value
    }
    func set() {
      pthread_mutex_lock(lock)
      value = true
      pthread_mutex_unlock(lock)
    }
  }

  public init(to path: String, as user: UInt32) {
    self.path = path
    self.user = user
  }

  /// Begins to ask, every two milliseconds.
  public func begin() {
    let (path, user, stopped) = (path, user, isStopped)
    thread = Task.detached {
      try await onOwnThread {
        let connection = try asUser(user) { try RawConnection(to: path) }
        var nanoseconds: [Int64] = []
        var serial: UInt32 = 0
        while !stopped.isSet {
          serial += 1
          let start = Clock.bootNanoseconds
          try connection.send(
            RawConnection.frame(procedure: 7, serial: serial, payload: [UInt8](repeating: 0, count: 16)))
          guard let reply = try connection.receive(seconds: 30), reply.status == 0 else {
            throw TooLate(description: "the neighbour's list was not answered")
          }
          nanoseconds.append(Clock.bootNanoseconds - start)
          usleep(2000)
        }
        return nanoseconds
      }
    }
  }

  /// Milliseconds: median, 99th percentile, worst.
  public func end() async throws -> (median: Double, p99: Double, worst: Double, count: Int) {
    isStopped.set()
    let times = try await thread?.value.sorted() ?? []
    guard let worst = times.last else { throw TooLate(description: "the neighbour never got to ask") }
    func at(_ part: Double) -> Double { Double(times[min(times.count - 1, Int(Double(times.count) * part))]) / 1e6 }
    return (at(0.5), at(0.99), Double(worst) / 1e6, times.count)
  }
}
