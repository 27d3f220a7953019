// Another tool's description of containers on standard input, spec files on standard output: `lodge convert` runs it.
//
// A program of its own, because it reads text that others have written: what it is led to do, it does as the user nobody, with
// nothing but its three descriptors, and within limits of time and memory.

import ForeignSpecs
import Glibc
import SpecFile

/// Gives up what a reader of text does not need.
func confine() {
  for (resource, most) in [(RLIMIT_CPU, 10), (RLIMIT_AS, 1 << 30), (RLIMIT_CORE, 0)] {
    var limit = rlimit(rlim_cur: rlim_t(most), rlim_max: rlim_t(most))
    setrlimit(__rlimit_resource_t(resource.rawValue), &limit)
  }
  guard chdir("/") == 0 else { refuse("change to /: \(String(cString: strerror(errno)))") }
  guard getuid() == 0 || geteuid() == 0 else { return }
  // Groups before the user: without the capability they stay (setgroups(2)). Of root both set the saved ids, too.
  guard setgroups(0, nil) == 0, setgid(65534) == 0, setuid(65534) == 0, getuid() == 65534, geteuid() == 65534,
    getegid() == 65534, setuid(0) != 0
  else { refuse("give up the rights of root: \(String(cString: strerror(errno)))") }
}

func refuse(_ message: String, status: Int32 = 1) -> Never {
  write("lodge: convert: \(message)\n", to: 2)
  exit(status)
}

func write(_ text: String, to descriptor: Int32) {
  var rest = Array(text.utf8)[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    if count < 0 {
      if errno == EINTR { continue }
      exit(1)
    }
    rest = rest.dropFirst(count)
  }
}

/// Standard input up to one byte more than any reader takes.
func input() -> [UInt8] {
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 65_536)
  while bytes.count <= 1 << 20 {
    let count = read(0, &chunk, chunk.count)
    if count < 0 {
      if errno == EINTR { continue }
      refuse("read: \(String(cString: strerror(errno)))")
    }
    if count == 0 { break }
    bytes += chunk[..<count]
  }
  return bytes
}

confine()
var options: [String: String] = [:]
var words = CommandLine.arguments.dropFirst()
while let option = words.popFirst() {
  guard ["--from", "--file", "--folder"].contains(option), let value = words.popFirst() else {
    refuse("usage: lodge-convert [--from compose|podman|libvirt] [--file NAME] [--folder DIR] < FILE", status: 64)
  }
  options[option] = value
}
let file = options["--file"] ?? "-"
var source: Conversion.Source?
if let word = options["--from"] {
  source = Conversion.Source(rawValue: word)
  if source == nil { refuse("--from: expected compose, podman or libvirt, found \"\(word)\"", status: 64) }
}
do throws(SpecFileError) {
  let result = try Conversion(input(), file: file, source: source, folder: options["--folder"])
  write(result.lines(file: file).map { $0 + "\n" }.joined(), to: 2)
  write(result.yaml, to: 1)
} catch {
  write(error.diagnostics.map { "lodge: convert: \($0)\n" }.joined(), to: 2)
  exit(64)
}
