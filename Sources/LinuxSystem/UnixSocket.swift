import CLinuxSystem
import Glibc

/// The process at the other end of a Unix socket, as the kernel recorded it at connect(2) or socketpair(2); unix(7).
public struct PeerCredentials: Equatable, Hashable, Sendable {
  public var pid: Int32
  public var uid: UInt32
  public var gid: UInt32
  /// Supplementary groups, as they were when it connected.
  public var groups: [UInt32]

  public init(pid: Int32, uid: UInt32, gid: UInt32, groups: [UInt32] = []) {
    self.pid = pid
    self.uid = uid
    self.gid = gid
    self.groups = groups
  }

  /// Asks the kernel about a connected socket.
  public init(of socket: Int32) throws(SystemError) {
    var peer = ls_peer()
    try check("read peer credentials", on: "fd \(socket)") { ls_peer(socket, &peer) }
    self.init(pid: peer.pid, uid: peer.uid, gid: peer.gid, groups: PeerCredentials.groups(of: socket))
  }

  /// SO_PEERGROUPS, unix(7); empty on kernels before 4.13, which lack it.
  private static func groups(of socket: Int32) -> [UInt32] {
    let option: Int32 = 59
    var groups = [UInt32](repeating: 0, count: 64)
    for _ in 0..<2 {
      var size = socklen_t(groups.count * MemoryLayout<UInt32>.stride)
      if getsockopt(socket, SOL_SOCKET, option, &groups, &size) == 0 {
        return Array(groups.prefix(Int(size) / MemoryLayout<UInt32>.stride))
      }
      // Too small: the kernel has said how much it takes.
      guard errno == ERANGE else { return [] }
      groups = [UInt32](repeating: 0, count: Int(size) / MemoryLayout<UInt32>.stride)
    }
    return []
  }
}

/// The result of one receive.
public enum Received: Equatable, Sendable {
  /// So many bytes, at least one.
  case bytes(Int)
  /// Nothing now; wait until readable.
  case wouldBlock
  /// The peer will send no more, and everything it sent has been read.
  case end
}

/// Unix stream sockets. Paths only: an abstract address has no owner and is reachable from every guest that shares the
/// host's network (CVE-2020-15257).
public enum UnixSocket {
  /// The longest path an address holds; longer ones are reached through /proc/self/fd.
  static let longestPath = 107

  /// A listening socket at `path`, nonblocking, with exactly these permissions from the first moment on.
  ///
  /// A socket left there by a process that is gone is replaced; any other kind of file is an error. The caller holds
  /// the lock that makes it the only one who listens there.
  public static func listen(
    at path: String, mode: UInt32, group: UInt32? = nil, backlog: Int32 = 128
  ) throws(SystemError) -> OwnedFD {
    let socket = OwnedFD(adopting: try check("create socket", on: path) { ls_unix_socket() })
    var info = stat()
    if lstat(path, &info) == 0 {
      guard info.st_mode & S_IFMT == S_IFSOCK else { throw SystemError("listen on", on: path, errno: EEXIST) }
      try check("remove old socket", on: path) { unlink(path) }
    }
    // bind(2) gives the file the socket's own mode less the umask, so there is no moment with wider permissions.
    try check("set mode of", on: path) { fchmod(socket.rawValue, 0o600) }
    try withAddress(path) { address throws(SystemError) in
      try check("bind", on: path) { ls_unix_bind(socket.rawValue, address) }
    }
    if let group { try check("set group of", on: path) { chown(path, uid_t.max, group) } }
    try check("set mode of", on: path) { chmod(path, mode) }
    try check("listen on", on: path) { Glibc.listen(socket.rawValue, backlog) }
    try socket.setNonblocking(true)
    return socket
  }

  /// A connected socket, blocking.
  ///
  /// Waits while the listener's queue of connections is full: without end, or for `timeoutMicroseconds`, after which
  /// the error is EAGAIN.
  public static func connect(to path: String, timeoutMicroseconds: Int? = nil) throws(SystemError) -> OwnedFD {
    let socket = OwnedFD(adopting: try check("create socket", on: path) { ls_unix_socket() })
    if let timeoutMicroseconds { try setSendTimeout(socket, timeoutMicroseconds, path) }
    defer { if timeoutMicroseconds != nil { try? setSendTimeout(socket, 0, path) } }
    try withAddress(path) { address throws(SystemError) in
      try check("connect to", on: path) { ls_unix_connect(socket.rawValue, address) }
    }
    return socket
  }

  /// SO_SNDTIMEO, which connect(2) obeys on Unix sockets; 0 is none.
  private static func setSendTimeout(_ socket: OwnedFD, _ microseconds: Int, _ path: String) throws(SystemError) {
    var time = timeval(tv_sec: microseconds / 1_000_000, tv_usec: microseconds % 1_000_000)
    try check("set timeout of", on: path) {
      setsockopt(socket.rawValue, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }
  }

  /// The next connection, nonblocking; nil when there is none or the peer has given up already.
  public static func accept(on listener: Int32) throws(SystemError) -> OwnedFD? {
    while true {
      let fd = ls_accept(listener)
      if fd >= 0 { return OwnedFD(adopting: fd) }
      switch errno {
      case EINTR: continue
      case EAGAIN, ECONNABORTED: return nil
      default: throw .last("accept", on: "fd \(listener)")
      }
    }
  }

  /// Two connected sockets, blocking, close-on-exec.
  public static func pair() throws(SystemError) -> (OwnedFD, OwnedFD) {
    var fds: (Int32, Int32) = (-1, -1)
    try check("socketpair") {
      withUnsafeMutablePointer(to: &fds) {
        $0.withMemoryRebound(to: Int32.self, capacity: 2) { ls_unix_socketpair($0) }
      }
    }
    return (OwnedFD(adopting: fds.0), OwnedFD(adopting: fds.1))
  }

  /// Whether the peer has read all that was sent (SIOCOUTQ is 0). What "write returned" does not say.
  public static func isDrained(_ socket: Int32) throws(SystemError) -> Bool {
    var bytes: Int32 = 0
    try check("read queue of", on: "fd \(socket)") { ls_unsent(socket, &bytes) }
    return bytes == 0
  }

  /// Sends what fits without waiting (on a nonblocking socket); nil when nothing does. Never raises SIGPIPE.
  public static func send(_ bytes: UnsafeRawBufferPointer, to socket: Int32) throws(SystemError) -> Int? {
    while true {
      let sent = ls_send(socket, bytes.baseAddress, bytes.count)
      if sent >= 0 { return sent }
      switch errno {
      case EINTR: continue
      case EAGAIN: return nil
      default: throw .last("send", on: "fd \(socket)")
      }
    }
  }

  /// Receives what is there. Descriptors that come along are closed by the kernel; see `receiveWithDescriptors`.
  public static func receive(
    into buffer: UnsafeMutableRawBufferPointer, from socket: Int32
  ) throws(SystemError) -> Received {
    while true {
      let got = ls_recv(socket, buffer.baseAddress, buffer.count)
      if got > 0 { return .bytes(got) }
      if got == 0 { return .end }
      switch errno {
      case EINTR: continue
      case EAGAIN: return .wouldBlock
      default: throw .last("receive", on: "fd \(socket)")
      }
    }
  }

  /// Runs `body` with an address for `path`, whatever its length.
  private static func withAddress(
    _ path: String, _ body: (String) throws(SystemError) -> Void
  ) throws(SystemError) {
    if path.utf8.count <= longestPath { return try body(path) }
    let folder: Substring
    let name: Substring
    if let slash = path.lastIndex(of: "/") {
      folder = slash == path.startIndex ? "/" : path[..<slash]
      name = path[path.index(after: slash)...]
    } else {
      folder = "."
      name = path[...]
    }
    let directory = OwnedFD(
      adopting: try check("open", on: String(folder)) {
        ls_open(AT_FDCWD, String(folder), LS_O_PATH | O_DIRECTORY | O_CLOEXEC, 0)
      })
    try body("/proc/self/fd/\(directory.rawValue)/\(name)")
  }
}
