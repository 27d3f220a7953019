import LinuxSystem
import NIOCore
import RPC

/// Gives the connections of one event loop their turns, so that no burst of input, however many connections it comes over,
/// keeps the loop for longer than about a millisecond.
///
/// A read brings thousands of small frames, and an epoll_wait(2) brings hundreds of reads. What they have in them is
/// looked at in slices, in turn by user and connection; then the loop looks at its sockets and timers again. A connection
/// that waits for its turn is not read. Touched on the event loop only.
final class ConnectionTurns: @unchecked Sendable {
  /// Frames of one connection in one slice.
  static let slice = 16

  private let eventLoop: any EventLoop
  private var turns = TurnQueue<RPCServerConnection>()
  private var isPumping = false
  private var poll: NextPoll?

  init(eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
    let poll = NextPoll(on: eventLoop) { [weak self] in self?.resume() }
    poll.open()
    self.poll = poll
  }

  deinit { poll?.close() }

  private static var now: UInt64 { NIODeadline.now().uptimeNanoseconds }

  /// The connection has something to do: at once if nothing else waits and there is time, otherwise when it is its turn.
  func take(_ connection: RPCServerConnection) {
    let start = Self.now
    guard turns.mayBegin(at: start) else {
      wait(connection)
      return resumeLater()
    }
    serve(connection, from: start)
    if !turns.isEmpty { pump() }
  }

  private func serve(_ connection: RPCServerConnection, from start: UInt64) {
    connection.isWaitingForTurn = false
    let hasMore = connection.takeTurn(frames: Self.slice)
    turns.worked(from: start, to: Self.now)
    if hasMore { wait(connection) }
  }

  private func wait(_ connection: RPCServerConnection) {
    guard !connection.isWaitingForTurn else { return }
    connection.isWaitingForTurn = true
    turns.append(connection, user: connection.peer.uid, connection: connection.id)
  }

  private func pump() {
    guard !isPumping else { return }
    isPumping = true
    while true {
      let start = Self.now
      guard let connection = turns.next(at: start) else { break }
      serve(connection, from: start)
    }
    isPumping = false
    if !turns.isEmpty { resumeLater() }
  }

  private func resumeLater() {
    if !isPumping { poll?.ask() }
  }

  private func resume() {
    turns.renew()
    pump()
  }
}
