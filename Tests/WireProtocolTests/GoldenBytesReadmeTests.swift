import Glibc
import Testing

/// The bytes that protocol/README.md explains are the bytes that the other tests hold the code to.
@Suite struct GoldenBytesReadmeTests {
  private static let known: [String: [UInt8]] = [
    "startCall": GoldenBytes.startCall, "subscribeReply": GoldenBytes.subscribeReply,
    "errorReply": GoldenBytes.errorReply, "tick": GoldenBytes.tick, "ping": GoldenBytes.ping,
    "pong": GoldenBytes.pong, "streamData": GoldenBytes.streamData, "streamEnd": GoldenBytes.streamEnd,
    "callWithDescriptors": GoldenBytes.callWithDescriptors, "exitEvent": GoldenBytes.exitEvent,
  ]

  /// Fenced blocks by name: of each line, the words in front of the explanation.
  private func blocks(_ text: String) -> [String: [UInt8]] {
    var blocks: [String: [UInt8]] = [:]
    var name: String?
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```golden ") {
        name = String(line.dropFirst("```golden ".count))
      } else if line.hasPrefix("```") {
        name = nil
      } else if let name {
        let words = line.split(separator: " ").prefix { word in
          word.count.isMultiple(of: 2) && word.count <= 8 && word.allSatisfy(\.isHexDigit)
        }
        blocks[name, default: []] += words.flatMap { GoldenBytes.bytes(String($0)) }
      }
    }
    return blocks
  }

  private func readme() throws -> String {
    let folder = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let descriptor = open("/\(folder)/protocol/README.md", O_RDONLY)
    try #require(descriptor >= 0, "protocol/README.md cannot be opened")
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = read(descriptor, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
  }

  @Test func everyBlockOfTheReadmeIsWhatItSays() throws {
    let blocks = blocks(try readme())
    #expect(Set(blocks.keys) == Set(Self.known.keys))
    for (name, bytes) in blocks { #expect(bytes == Self.known[name], "\(name)") }
  }
}
