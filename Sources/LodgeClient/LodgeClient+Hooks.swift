public import Guest
import WireProtocol
import XDR

/// A program that the daemon runs at events: once for each, whatever crashes meanwhile.
public struct Hook: Sendable, Hashable {
  /// At most 64 bytes.
  public var name: String
  public var selection: EventSelection
  /// An absolute path on the host.
  public var program: String
  /// After it the program is killed and counts as failed.
  public var timeout: Duration
  /// How often a program that failed is run again for the same event.
  public var retries: UInt32
  /// After the program's path; at most 8, of 512 bytes each.
  public var arguments: [String]

  public init(
    _ name: String, program: String, selection: EventSelection = .all, timeout: Duration = .seconds(30),
    retries: UInt32 = 3, arguments: [String] = []
  ) {
    self.name = name
    self.selection = selection
    self.program = program
    self.timeout = timeout
    self.retries = retries
    self.arguments = arguments
  }
}

/// A hook, and how it went so far.
public struct HookStatus: Sendable, Hashable {
  public var hook: Hook
  /// The newest number that it is done with.
  public var position: UInt64
  public var runs: UInt64
  public var failures: UInt64
  /// Empty if nothing went wrong.
  public var lastError: String
}

extension LodgeClient {
  /// Adds a hook for events from now on; the right `admin` is needed.
  ///
  /// - Throws: `GuestError` with code `alreadyExists` if there is one of that name.
  public func add(_ hook: Hook) async throws(GuestError) {
    _ = try await call(
      Admin.HookAdd.self,
      .init(
        name: hook.name, filter: hook.selection.wire, program: hook.program,
        timeoutMillis: UInt64(max(Self.milliseconds(hook.timeout), 0)), retries: hook.retries,
        arguments: hook.arguments))
  }

  /// Runs a hook's program once, for no event; the right `admin` is needed.
  ///
  /// - Returns: why it failed; nil if it ended with code 0.
  public func testHook(_ name: String) async throws(GuestError) -> String? {
    let reply = try await call(Admin.HookTest.self, .init(name: name))
    return reply.failure.isEmpty ? nil : reply.failure
  }

  /// Removes a hook; the right `admin` is needed.
  public func removeHook(_ name: String) async throws(GuestError) {
    _ = try await call(Admin.HookRemove.self, .init(name: name))
  }

  /// The hooks, by name.
  public func hooks() async throws(GuestError) -> [HookStatus] {
    try await call(Admin.HookList.self, XDRVoid()).hooks.map {
      HookStatus(
        hook: Hook(
          $0.spec.name, program: $0.spec.program, selection: EventSelection($0.spec.filter),
          timeout: .milliseconds(Int64(clamping: $0.spec.timeoutMillis)), retries: $0.spec.retries,
          arguments: $0.spec.arguments),
        position: $0.position, runs: $0.runs, failures: $0.failures, lastError: $0.lastError)
    }
  }
}
