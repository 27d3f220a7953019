public import Layout
public import LinuxSystem

extension DaemonPaths {
  /// An instance of its own in a folder that a person has named, relative or through links: the same names for the same
  /// folder, since its cgroups are called after it.
  ///
  /// - Parameter folder: it and those above it may be missing; then they are made later, as what their names say.
  public init(inFolder folder: String) throws(SystemError) {
    var known = folder.split(separator: "/").map(String.init)
    var missing: [String] = []
    let start = folder.hasPrefix("/") ? "/" : "./"
    // A link that leads to nothing is there, and an error.
    while let last = known.last, !Files.exists(start + known.joined(separator: "/")) {
      missing.insert(last, at: 0)
      known.removeLast()
    }
    let real = try Files.realPath(start + known.joined(separator: "/"))
    self.init(under: missing.reduce(real == "/" ? "" : real) { $0 + "/" + $1 })
  }
}
