import Layout

/// Where the daemon listens.
struct Endpoint: Equatable {
  var socket: String
  /// The read-only socket beside it; nil where the path was given and so is what it is.
  var readOnlySocket: String?

  /// `-c` wins over LODGE_CONNECT, that over LODGE_ROOT (the folder given to `lodged --root`).
  static func find(option: String?, environment: [String: String]) throws(Failure) -> Endpoint {
    func nonEmpty(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    if let option { return try parse(option, "--connect") }
    if let variable = nonEmpty(EnvironmentName.connect) { return try parse(variable, EnvironmentName.connect) }
    let paths = DaemonPaths(root: environment[EnvironmentName.root])
    return Endpoint(socket: paths.socket, readOnlySocket: paths.readOnlySocket)
  }

  private static func parse(_ uri: String, _ source: String) throws(Failure) -> Endpoint {
    var path = uri
    if uri.hasPrefix("unix://") {
      path = String(uri.dropFirst("unix://".count))
    } else if let scheme = uri.firstIndex(of: ":"), uri[scheme...].hasPrefix("://") {
      throw Failure(
        .notSupported, code: "notSupported", "\(source): \(uri[..<scheme]) is not supported; unix:///PATH is")
    }
    guard !path.isEmpty else { throw .usage("\(source): expected unix:///PATH, found \"\(uri)\"") }
    return Endpoint(socket: path, readOnlySocket: DaemonPaths.readOnlySocket(beside: path))
  }
}
