public import Guest

/// Asks for one thing: who it is, what it may do, and the connection that the answer goes to.
public struct Caller: Sendable {
  public let actor: Actor
  /// Its right on everything, and its grants on some guests.
  public let access: Access
  /// Subscriptions and waits that it begins end with this.
  public let scope: any CallerScope
  /// The right that this needs, and its name for messages.
  public let needed: Right
  public let procedure: String

  public init(actor: Actor, access: Access, scope: any CallerScope, needed: Right, procedure: String) {
    self.actor = actor
    self.access = access
    self.scope = scope
    self.needed = needed
    self.procedure = procedure
  }

  /// Refuses what needs a right that the caller has on other guests only.
  public func check(_ guest: GuestName, _ labels: [Label]) throws(GuestError) {
    let right = access.right(on: guest, labels)
    guard right >= needed else {
      throw GuestError(
        .denied,
        "\(guest): needs the right to \(needed), and this user has "
          + "\(right.held) (\(procedure))",
        hint: "grants in lodged.yaml give rights on guests")
    }
  }

  /// Refuses what is about no guest in particular, or about the daemon, unless the caller has the right on everything.
  public func checkEverything() throws(GuestError) {
    guard access.base >= needed else {
      throw GuestError(
        .denied,
        "needs the right to \(needed) everything, and this user has it on some guests only (\(procedure))",
        hint: "root has it, and groupRight in lodged.yaml gives it to a group")
    }
  }
}

/// The connection of a caller, as far as what it has begun is concerned.
public protocol CallerScope: AnyObject, Sendable {
  /// Of the connection; not used again while the daemon runs.
  var id: UInt64 { get }
  var user: UInt32 { get }
  /// Subscriptions that it has now.
  var subscriptions: Int { get }
  /// Whether it takes more events. When it does again, `DaemonOperations.drained` is called.
  var hasRoom: Bool { get }

  /// Counts a subscription against the quotas of the user.
  ///
  /// - Parameter end: called at most once, when the connection ends; not after `release`.
  /// - Returns: gives the place back.
  /// - Throws: `cancelled` where the connection has ended, `limitReached` where its user has enough.
  func registerSubscription(
    end: @escaping @Sendable () -> Void
  ) throws(GuestError) -> @Sendable () -> Void

  /// Sends to a subscription of this connection. Takes anything, also without room.
  func send(_ delivery: EventDelivery, to subscription: UInt32)
  /// Ends the connection at once.
  func close(reason: String)
}

/// A request that is carried out once, however often it is sent.
public struct RequestIdentity: Sendable, Hashable {
  public let id: RequestID
  /// Of the procedure and its arguments: the same id with another digest is a conflict.
  public let digest: UInt64

  public init(id: RequestID, digest: UInt64) {
    self.id = id
    self.digest = digest
  }
}
