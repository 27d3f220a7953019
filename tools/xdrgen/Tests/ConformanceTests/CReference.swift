import Foundation
import Testing
import XDRCompiler

/// The parts that this machine lacks; tests that need them say so and are skipped.
enum ReferenceTools {
  static let swiftCompiler: String? = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    .map { "\($0)/swiftc" }.first { FileManager.default.isExecutableFile(atPath: $0) }

  static let missing: String? = {
    var missing: [String] = []
    for (file, package) in [("/usr/bin/rpcgen", "rpcsvc-proto"), ("/usr/bin/cpp", "cpp")]
    where !FileManager.default.isExecutableFile(atPath: file) { missing.append(package) }
    if !FileManager.default.fileExists(atPath: "/usr/include/tirpc/rpc/rpc.h") { missing.append("libtirpc-dev") }
    if !FileManager.default.isExecutableFile(atPath: "/usr/bin/cc") { missing.append("gcc") }
    return missing.isEmpty ? nil : "apt-get install \(missing.joined(separator: " "))"
  }()
}

struct ReferenceFailure: Error, CustomStringConvertible {
  var description: String
}

/// A C program made by rpcgen from the same `.x`, fed over a pipe: decodes with libtirpc, encodes again.
final class CReference {
  struct Answer {
    var accepted: Bool
    /// Bytes the decoder took.
    var consumed: Int
    /// The value encoded again.
    var bytes: [UInt8]
  }

  private let folder: URL
  private var indices: [String: UInt32] = [:]

  /// `source` is the path of a `.x` that stock rpcgen takes; files it includes lie beside it.
  init(source: URL, types: [String]) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "xdrgen-reference-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for name in try FileManager.default.contentsOfDirectory(atPath: source.deletingLastPathComponent().path)
    where name.hasSuffix(".x") {
      try FileManager.default.copyItem(
        at: source.deletingLastPathComponent().appending(path: name), to: folder.appending(path: name))
    }
    let name = source.lastPathComponent
    try CReference.run("/usr/bin/rpcgen", ["-N", "-M", "-h", "-o", "schema.h", name], in: folder)
    try CReference.run("/usr/bin/rpcgen", ["-N", "-M", "-c", "-o", "schema_xdr.c", name], in: folder)
    // rpcgen names the header after the .x.
    let header = name.replacingOccurrences(of: ".x", with: ".h")
    if header != "schema.h" {
      try FileManager.default.copyItem(at: folder.appending(path: "schema.h"), to: folder.appending(path: header))
    }
    try harness(types).write(to: folder.appending(path: "harness.c"), atomically: true, encoding: .utf8)
    try CReference.run(
      "/usr/bin/cc",
      ["-O1", "-w", "-I/usr/include/tirpc", "-I.", "-o", "harness", "harness.c", "schema_xdr.c", "-ltirpc"], in: folder)
    for (index, type) in types.enumerated() { indices[type] = UInt32(index) }
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// Many at once: starting a process and passing small messages costs more than the work.
  func recode(_ requests: [(type: String, bytes: [UInt8])]) throws -> [Answer] {
    var data: [UInt8] = []
    for request in requests {
      guard let index = indices[request.type] else {
        throw ReferenceFailure(description: "no type \(request.type) in the harness")
      }
      for word in [index, UInt32(request.bytes.count)] {
        data += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
      }
      data += request.bytes
    }
    let batch = folder.appending(path: "batch-\(UUID().uuidString)")
    let input = batch.appendingPathExtension("in")
    let output = batch.appendingPathExtension("out")
    defer { for file in [input, output] { try? FileManager.default.removeItem(at: file) } }
    try Data(data).write(to: input)
    _ = FileManager.default.createFile(atPath: output.path, contents: nil)
    let process = Process()
    process.executableURL = folder.appending(path: "harness")
    process.standardInput = try FileHandle(forReadingFrom: input)
    process.standardOutput = try FileHandle(forWritingTo: output)
    // libtirpc complains about memory it was refused.
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return try answers([UInt8](try Data(contentsOf: output)), count: requests.count)
  }

  private func answers(_ bytes: [UInt8], count: Int) throws -> [Answer] {
    var result: [Answer] = []
    var at = 0
    func word() -> Int {
      defer { at += 4 }
      return bytes[at..<(at + 4)].reduce(0) { $0 << 8 | Int($1) }
    }
    while result.count < count {
      guard bytes.count - at >= 12 else {
        throw ReferenceFailure(description: "the C harness ended after \(result.count) of \(count) messages")
      }
      let accepted = word() == 1
      let consumed = word()
      let length = word()
      result.append(Answer(accepted: accepted, consumed: consumed, bytes: Array(bytes[at..<(at + length)])))
      at += length
    }
    return result
  }

  static func run(_ path: String, _ arguments: [String], in folder: URL) throws {
    let process = Process()
    let errors = Pipe()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.standardError = errors
    try process.run()
    let text = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw ReferenceFailure(
        description: "\(path) \(arguments.joined(separator: " ")): \(String(decoding: text, as: UTF8.self))")
    }
  }

  private func harness(_ types: [String]) -> String {
    let rows = types.map { "  { (xdrproc_t) xdr_\($0), sizeof(\($0)) }," }.joined(separator: "\n")
    return """
      #include "schema.h"
      #include <arpa/inet.h>
      #include <stdio.h>
      #include <stdlib.h>
      #include <string.h>
      #include <sys/resource.h>
      #include <unistd.h>

      static struct { xdrproc_t proc; size_t size; } types[] = {
      \(rows)
      };
      static char out[1 << 22];

      static void all(int fd, void *p, size_t n, int writing) {
        while (n) {
          ssize_t k = writing ? write(fd, p, n) : read(fd, p, n);
          if (k <= 0) exit(0);
          p = (char *) p + k; n -= k;
        }
      }

      int main(void) {
        /* A length of 2 GiB makes libtirpc allocate that much: let it be refused. */
        struct rlimit limit = { 1u << 30, 1u << 30 };
        setrlimit(RLIMIT_AS, &limit);
        for (;;) {
          uint32_t head[2], reply[3] = { 0, 0, 0 };
          all(0, head, 8, 0);
          uint32_t index = ntohl(head[0]), length = ntohl(head[1]);
          char *in = malloc(length + 1);
          all(0, in, length, 0);
          void *value = calloc(1, types[index].size + 64);
          XDR x;
          xdrmem_create(&x, in, length, XDR_DECODE);
          if (types[index].proc(&x, value)) {
            reply[1] = xdr_getpos(&x);
            XDR y;
            xdrmem_create(&y, out, sizeof out, XDR_ENCODE);
            if (types[index].proc(&y, value)) { reply[0] = 1; reply[2] = xdr_getpos(&y); }
          }
          xdr_free(types[index].proc, value);
          free(value);
          free(in);
          uint32_t net[3] = { htonl(reply[0]), htonl(reply[1]), htonl(reply[2]) };
          all(1, net, 12, 1);
          all(1, out, reply[2], 1);
        }
      }
      """
  }
}
