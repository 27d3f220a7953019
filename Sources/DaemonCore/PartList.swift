internal import Logging
internal import ServiceLifecycle

/// A part of the daemon: it opens before those that need it and closes after them.
protocol DaemonPart: Sendable {
  /// For the log.
  var name: String { get }

  func open() async throws
  /// Called once, after an `open` that succeeded. It gives back what it can, and is limited in time.
  func close() async
}

/// Opens parts in order and closes them in reverse.
struct PartList: Sendable {
  private let parts: [any DaemonPart]
  private let logger: Logger

  init(_ parts: [any DaemonPart], logger: Logger) {
    self.parts = parts
    self.logger = logger
  }

  /// Opens all parts, runs `body`, and closes them. If a part does not open, those before it are closed and its error is
  /// thrown.
  func run(_ body: () async throws -> Void) async throws {
    var opened: [any DaemonPart] = []
    do {
      for part in parts {
        try await part.open()
        opened.append(part)
      }
      try await body()
    } catch {
      await close(opened)
      throw error
    }
    await close(opened)
  }

  private func close(_ opened: [any DaemonPart]) async {
    for part in opened.reversed() {
      logger.debug("closing", metadata: ["part": "\(part.name)"])
      await part.close()
    }
  }
}
