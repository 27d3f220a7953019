internal import Layout
internal import LinuxSystem

/// The part of our environment that spawned programs get: a path, the topics of traces that are on and, in debug builds,
/// the tests' crash points.
enum ProcessEnvironment {
  static let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  static var forControllers: [String] {
    var variables = [path]
    if let topics = Trace.variable { variables.append(topics) }
    #if LODGE_CRASHPOINTS
      if let point = OwnProcess.variable(EnvironmentName.controllerCrashPoint) {
        variables.append("\(EnvironmentName.crashPoint)=\(point)")
      }
    #endif
    return variables
  }
}
