internal import LinuxSystem
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Wakes readers when a console log was written to, or its guest has changed. They poll only where the kernel gives no
/// inotify instance, of which a user has few (inotify(7), max_user_instances).
final class LogChanges: Sendable {
  private let watches = Mutex<[String: [ObjectIdentifier: LogWatch]]>([:])
  private let eventLoop: any EventLoop
  private let makeInotify: @Sendable () throws -> Inotify

  init(eventLoop: any EventLoop, makeInotify: @escaping @Sendable () throws -> Inotify = { try Inotify() }) {
    self.eventLoop = eventLoop
    self.makeInotify = makeInotify
  }

  /// Watches a log until `end` is called. What happens from now on is counted.
  func watch(_ path: String) async throws -> LogWatch {
    let watch = LogWatch(path: path, changes: self)
    watches.withLock { $0[path, default: [:]][ObjectIdentifier(watch)] = watch }
    do {
      let inotify = try makeInotify()
      try inotify.watch(path, for: [.modified, .names, .gone])
      // The channel reads and throws away what inotify(7) says: that it says something is all that counts.
      let channel = try await NIOPipeBootstrap(group: eventLoop)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(ChangeHandler(watch: watch))
          }
        }
        .takingOwnershipOfDescriptor(input: inotify.release()).get()
      watch.opened(channel)
    } catch {
      watch.looksAgain()
    }
    return watch
  }

  /// Reports a change from elsewhere: the guest's run has ended.
  func changed(_ path: String) {
    for watch in watches.withLock({ Array(($0[path] ?? [:]).values) }) { watch.changed() }
  }

  fileprivate func remove(_ watch: LogWatch) {
    watches.withLock { watches in
      watches[watch.path]?[ObjectIdentifier(watch)] = nil
      if watches[watch.path]?.isEmpty == true { watches[watch.path] = nil }
    }
  }
}

/// One reader's eye on one log.
final class LogWatch: Sendable {
  private struct State {
    var count: UInt64 = 0
    var waiting: CheckedContinuation<Void, Never>?
    var channel: (any Channel)?
    var hasEnded = false
    /// Writes wake nothing: it has to look at the file again and again.
    var isUnwatched = false
  }

  /// How long a log that cannot be watched is left alone.
  static let pauseMillis: Int64 = 250

  let path: String
  private let changes: LogChanges
  private let state = Mutex(State())

  init(path: String, changes: LogChanges) {
    self.path = path
    self.changes = changes
  }

  /// Rises with every change.
  var count: UInt64 { state.withLock { $0.count } }

  func changed() {
    let waiting = state.withLock { state in
      state.count += 1
      defer { state.waiting = nil }
      return state.waiting
    }
    waiting?.resume()
  }

  /// Suspends until there is a change after `seen`, the time is up, or the caller's task is cancelled; of a log that cannot be
  /// watched, until it is time to look at it. One caller at a time.
  func wait(after seen: UInt64, until deadline: NIODeadline, on eventLoop: any EventLoop) async {
    let isUnwatched = state.withLock { $0.isUnwatched }
    let end = isUnwatched ? min(deadline, .now() + .milliseconds(Self.pauseMillis)) : deadline
    let timer = eventLoop.scheduleTask(deadline: end) { self.changed() }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isLate = state.withLock { state in
          guard state.count == seen else { return true }
          state.waiting = continuation
          return false
        }
        if isLate { continuation.resume() }
      }
    } onCancel: {
      // A change of its own: a wait that has not begun yet sees that the count is another.
      changed()
    }
    timer.cancel()
  }

  func end() {
    changes.remove(self)
    let channel = state.withLock { state in
      state.hasEnded = true
      defer { state.channel = nil }
      return state.channel
    }
    channel?.close(promise: nil)
  }

  fileprivate func looksAgain() { state.withLock { $0.isUnwatched = true } }

  fileprivate func opened(_ channel: any Channel) {
    let isLate = state.withLock { state in
      if !state.hasEnded { state.channel = channel }
      return state.hasEnded
    }
    if isLate { channel.close(promise: nil) }
  }
}

private final class ChangeHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let watch: LogWatch

  init(watch: LogWatch) { self.watch = watch }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { watch.changed() }
}
