import Glibc

/// Lines for the daemon's log: the controller's standard error.
struct ControllerLog {
  let guest: String

  func note(_ text: String) {
    var line = "lodge-controller: \(guest): \(text)\n"
    line.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
  }
}
