internal import LinuxSystem

/// What spawned programs get of our environment: nothing but a path and, in debug builds, the tests' crash points.
enum ProcessEnvironment {
  static let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  static let forControllers: [String] = {
    var variables = [path]
    #if LODGE_CRASHPOINTS
      if let point = OwnProcess.variable("LODGE_CONTROLLER_CRASHPOINT") {
        variables.append("LODGE_CRASHPOINT=" + point)
      }
    #endif
    return variables
  }()
}
