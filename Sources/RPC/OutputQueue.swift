/// Bytes on their way out, with the places where descriptors go between them.
///
/// A driver asks for the next step, performs as much of it as the socket takes, and says what was done.
public struct OutputQueue: Sendable {
  public enum Step: Sendable, Hashable {
    /// Nothing to send.
    case idle
    /// So many bytes of `bytes` come next.
    case bytes(Int)
    /// One descriptor comes next, with a byte of its own.
    case descriptor(Int32)
  }

  private var storage: [UInt8] = []
  private var head = 0
  /// Positions in the whole output, so that they hold while bytes leave at the front.
  private(set) var queued: UInt64 = 0
  private(set) var sent: UInt64 = 0
  private var descriptors: [(after: UInt64, number: Int32)] = []

  public init() {}

  /// Bytes given to the queue and not reported as sent.
  public var count: Int { Int(queued - sent) }
  public var isEmpty: Bool { queued == sent && descriptors.isEmpty }

  /// Descriptors that are still to be sent.
  var descriptorCount: Int { descriptors.count }

  /// Bytes that were taken away but not yet reported as sent.
  private var inTransit: Int { count - (storage.count - head) }

  mutating func append(_ frame: [UInt8]) {
    queued += UInt64(frame.count)
    if head == storage.count {
      storage = frame
      head = 0
    } else {
      if head > 64 * 1024 { compact() }
      storage.append(contentsOf: frame)
    }
  }

  /// Descriptors that belong behind everything appended so far.
  mutating func append(descriptors numbers: [Int32]) {
    for number in numbers { descriptors.append((after: queued, number: number)) }
  }

  mutating func removeAll() {
    storage = []
    head = 0
    queued = sent
    descriptors = []
  }

  // MARK: For a driver that writes from the queue

  public var next: Step {
    let bytes = storage.count - head
    guard let first = descriptors.first else { return bytes == 0 ? .idle : .bytes(bytes) }
    let before = Int(first.after - sent)
    if before == 0 { return .descriptor(first.number) }
    return bytes == 0 ? .idle : .bytes(min(before, bytes))
  }

  /// The bytes of `.bytes`, and perhaps more behind them.
  public var bytes: ArraySlice<UInt8> { storage[head...] }

  /// The first `count` bytes have been written.
  public mutating func sentBytes(_ count: Int) {
    head += count
    sent += UInt64(count)
    if head == storage.count {
      storage = []
      head = 0
    }
  }

  /// The descriptor of `.descriptor` has been sent.
  public mutating func sentDescriptor() {
    descriptors.removeFirst()
  }

  // MARK: For a driver that hands bytes on and hears later that they were sent

  /// Takes all bytes up to the next descriptor away; they count as queued until `transmitted` says otherwise.
  public mutating func take() -> [UInt8] {
    guard case .bytes(let count) = handOut else { return [] }
    if head == 0, count == storage.count {
      defer { storage = [] }
      return storage
    }
    defer {
      head += count
      if head == storage.count {
        storage = []
        head = 0
      }
    }
    return Array(storage[head..<(head + count)])
  }

  /// So many of the bytes taken away are with the kernel.
  public mutating func transmitted(_ count: Int) {
    sent += UInt64(count)
  }

  private var handOut: Step {
    let bytes = storage.count - head
    guard let first = descriptors.first else { return bytes == 0 ? .idle : .bytes(bytes) }
    let before = Int(first.after - sent) - inTransit
    return before <= 0 || bytes == 0 ? .idle : .bytes(min(before, bytes))
  }

  private mutating func compact() {
    storage.removeSubrange(0..<head)
    head = 0
  }
}
