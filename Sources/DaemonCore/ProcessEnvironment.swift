internal import Layout
internal import LinuxSystem

/// What spawned programs get of our environment: nothing but a path and, in debug builds, the tests' crash points.
enum ProcessEnvironment {
  static let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  static let forControllers: [String] = {
    var variables = [path]
    #if LODGE_CRASHPOINTS
      if let point = OwnProcess.variable(EnvironmentName.controllerCrashPoint) {
        variables.append("\(EnvironmentName.crashPoint)=\(point)")
      }
    #endif
    return variables
  }()
}
