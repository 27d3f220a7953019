import Glibc
public import Guest
import GuestWire
import Layout
import NIOCore
import RPC
import RPCNIO
import WireProtocol
import XDR

/// A client of the Lodge daemon.
///
/// ```swift
/// let lodge = try await LodgeClient.connect()
/// let web = try GuestName("web")
/// try await lodge.create(web, GuestSpec(rootfs: Rootfs(path: "/srv/web"), command: ["/sbin/init"]))
/// let events = try await lodge.subscribe()  // before the start, so that no event of it is missed
/// let run = try await lodge.start(web)
/// for try await case .event(let entry) in events where entry.event.run == run {
///   guard let end = entry.event.ended else { continue }
///   print("\(web) ended: \(end.cause)")
///   break
/// }
/// ```
///
/// `wait(for:until:timeout:)` gives the end of one run without following the journal.
///
/// May be used from anywhere, by many tasks at once: calls share one connection, and above 32 that wait for their reply
/// further ones. Cancelling a task gives its call up, here and in the daemon; an order that was given by it stands. Every
/// method throws `GuestError`, whose `code` is for programs and whose `message` is for people. A lost connection is made
/// again by the next call; a call that was under way when it was lost is sent once more where doing it twice is the same as
/// doing it once, under the same request id.
public final class LodgeClient: Sendable {
  /// How to reach the daemon, and how long to wait for it.
  public struct Options: Sendable {
    /// The daemon's socket.
    public var socket: String
    /// This client's name in the daemon's list of clients; at most 128 bytes.
    public var name: String
    /// For each call but those that wait for something to happen.
    public var callTimeout: Duration
    /// How long a call goes on trying to reach a daemon that it had reached before, for example one that is being
    /// restarted.
    public var patience: Duration

    public init(
      socket: String = Options.defaultSocket, name: String = "LodgeClient \(LodgeVersion.current)",
      callTimeout: Duration = .seconds(60), patience: Duration = .seconds(10)
    ) {
      self.socket = socket
      self.name = name
      self.callTimeout = callTimeout
      self.patience = patience
    }

    /// The socket of the daemon of `lodged --root FOLDER`.
    public static func socket(under folder: String) -> String { DaemonPaths(under: folder).socket }

    /// That of the folder in `LODGE_ROOT`, or of the system's daemon.
    public static var defaultSocket: String {
      DaemonPaths(root: getenv(EnvironmentName.root).map { String(cString: $0) }).socket
    }
  }

  public let options: Options
  /// The daemon's name and version, for example `lodged 1.0`.
  public let server: String
  /// Features of the daemon beyond the first version of its protocol.
  public let features: Set<String>

  private let link: DaemonLink

  private init(_ link: DaemonLink, options: Options, hello: Wire.HelloReply) {
    self.link = link
    self.options = options
    server = hello.server
    features = Set(hello.features)
  }

  /// Connects to the daemon and asks what it can do.
  public static func connect(_ options: Options = Options()) async throws(GuestError) -> LodgeClient {
    let link = DaemonLink(options)
    let hello = try await link.open()
    guard hello.versions.contains(Admin.version) else {
      link.close()
      throw GuestError(
        .notSupported,
        "\(hello.server) speaks versions \(hello.versions) of the protocol, this client \(Admin.version)",
        hint: "install the client and the daemon from one release")
    }
    return LodgeClient(link, options: options, hello: hello)
  }

  /// Closes the connection; calls under way fail. A later call connects again.
  public func close() { link.close() }

  // MARK: Calls

  func call<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: Procedure.Args
  ) async throws(GuestError) -> Procedure.Reply where Procedure.Program == Admin {
    try await link.call(procedure, timeout: TimeAmount(options.callTimeout)) { args }
  }

  /// A call whose reply comes when something has happened.
  func wait<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: Procedure.Args
  ) async throws(GuestError) -> Procedure.Reply where Procedure.Program == Admin {
    try await link.call(procedure, timeout: nil) { args }
  }

  /// The same, with arguments that are taken anew for each time that the call is sent.
  func wait<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: () -> Procedure.Args
  ) async throws(GuestError) -> Procedure.Reply where Procedure.Program == Admin {
    try await link.call(procedure, timeout: nil, args)
  }

  /// Makes sending a request again harmless.
  func newRequest() -> [UInt8] {
    var random = SystemRandomNumberGenerator()
    return (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
  }
}
