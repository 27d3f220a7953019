/// Where the daemon listens.
struct Endpoint: Equatable {
  var socket: String
  /// The read-only socket beside it; nil where the path was given and so is what it is.
  var readOnlySocket: String?

  static let systemFolder = "/run/lodge"

  /// `-c` wins over LODGE_CONNECT, that over LODGE_ROOT (the folder given to `lodged --root`).
  static func find(option: String?, environment: [String: String]) throws(Failure) -> Endpoint {
    func nonEmpty(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    if let option { return try parse(option, "--connect") }
    if let variable = nonEmpty("LODGE_CONNECT") { return try parse(variable, "LODGE_CONNECT") }
    if let root = nonEmpty("LODGE_ROOT") { return beside(root + "/run") }
    return beside(systemFolder)
  }

  private static func beside(_ folder: String) -> Endpoint {
    Endpoint(socket: folder + "/lodge.sock", readOnlySocket: folder + "/lodge-ro.sock")
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
    let suffix = "/lodge.sock"
    return Endpoint(
      socket: path, readOnlySocket: path.hasSuffix(suffix) ? path.dropLast(suffix.count) + "/lodge-ro.sock" : nil)
  }
}
