internal import Logging
internal import NIOCore
internal import Supervision

/// The log for lines that any local user can cause. All of them are written here: `LineBudget` decides how many.
///
/// Lines of level debug and below are not counted: who turns those on wants each of them. Used on the event loop.
final class ClientLog: @unchecked Sendable {
  private let logger: Logger
  private let eventLoop: any EventLoop
  private var budget: LineBudget

  init(_ logger: Logger, eventLoop: any EventLoop, bounds: LineBudget.Bounds = .init()) {
    self.logger = logger
    self.eventLoop = eventLoop
    budget = LineBudget(bounds)
  }

  /// Writes a line, or counts it.
  ///
  /// - Parameter user: the user that caused it; nil where that is not known.
  func write(
    _ level: Logger.Level, _ message: @autoclosure () -> Logger.Message, user: UInt32?,
    _ metadata: @autoclosure () -> Logger.Metadata = [:]
  ) {
    eventLoop.preconditionInEventLoop()
    guard level > .debug else { return logger.log(level: level, message(), metadata: metadata()) }
    guard level >= logger.logLevel else { return }
    switch budget.admit(user.map { .user($0) } ?? .others, at: NIODeadline.now().uptimeNanoseconds) {
    case .write: logger.log(level: level, message(), metadata: metadata())
    case .count(let closeAt):
      guard let closeAt else { return }
      _ = eventLoop.scheduleTask(deadline: .uptimeNanoseconds(closeAt)) { [self] in close() }
    }
  }

  private func close() {
    let all = budget.close(at: NIODeadline.now().uptimeNanoseconds)
    for omitted in all.prefix(Self.told) {
      switch omitted.author {
      case .user(let user): logger.warning("and \(omitted.lines) more lines because of user \(user) in the last minute")
      case .others: logger.warning("and \(omitted.lines) more lines because of other users in the last minute")
      }
    }
    if all.count > Self.told {
      let lines = all.dropFirst(Self.told).reduce(0) { $0 + $1.lines }
      logger.warning(
        "and \(lines) more lines because of \(all.count - Self.told) further users in the last minute")
    }
  }

  /// Users that are told one by one.
  private static let told = 10
}
