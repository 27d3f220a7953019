import Glibc
import LinuxSystem
import NIOCore
import NIOPosix
import RPC
import RPCNIO
import Testing
import WireProtocol
import XDR

/// Descriptors in both directions, through a library that cannot pass any.
@Suite(.timeLimit(.minutes(1))) struct DescriptorTests {
  /// A pipe's reading end, with `text` in it.
  private static func pipeHolding(_ text: String) -> OwnedFD {
    var ends: [Int32] = [0, 0]
    pipe(&ends)
    let writing = OwnedFD(adopting: ends[1])
    writing.write(Array(text.utf8))
    return OwnedFD(adopting: ends[0])
  }

  private static func contents(_ descriptor: OwnedFD) -> String {
    var buffer = [UInt8](repeating: 0, count: 100)
    let count = read(descriptor.rawValue, &buffer, buffer.count)
    return String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
  }

  /// Reads what came with a call and answers with pipes that hold the same, in reverse.
  private static let swapping = ToyService { call, connection in
    let came = call.descriptors.map { OwnedFD(adopting: $0) }
    guard let note = try? call.decode(Toy.Echo.self) else { return }
    let answers = came.reversed().map { pipeHolding(contents($0) + "!") }
    if answers.isEmpty {
      connection.reply(call, Toy.Echo.self, note)
    } else {
      connection.reply(call, Toy.Echo.self, note, descriptors: answers)
    }
  }

  @Test func theyArriveWithTheirMessagesInOrder() async throws {
    var configuration = ClientSession.Configuration()
    configuration.acceptsDescriptors = true
    try await withServer(Self.swapping, session: toySession { $0.acceptsDescriptors = true }) { bench in
      let client = try await bench.connect(configuration)
      let answers = Recorder<(Int, Result<Toy.Note, RPCCallError>, [String])>()
      client.eventLoop.execute {
        for number in 0..<60 {
          // With and without descriptors, small and larger than one read.
          let count = [0, 1, 3, 32][number % 4]
          let note = Toy.Note(String(repeating: "x", count: number % 5 == 0 ? 100_000 : number) + "\(number)")
          let descriptors = (0..<count).map { Self.pipeHolding("\(number).\($0)") }
          client.call(Toy.Echo.self, note, descriptors: descriptors) { result, came in
            answers.add((number, result, came.map(Self.contents)))
          }
        }
      }
      for (number, result, texts) in await answers.wait(count: 60) {
        let count = [0, 1, 3, 32][number % 4]
        #expect(try result.get().text.hasSuffix("\(number)"))
        #expect(texts == (0..<count).reversed().map { "\(number).\($0)!" })
      }
    }
  }

  @Test func aServerThatTakesNoneSaysSoAndGoesOn() async throws {
    try await withServer { bench in
      let client = try await bench.connect()
      let results = Recorder<Result<Toy.Note, RPCCallError>>()
      client.call(Toy.Echo.self, "x", descriptors: [Self.pipeHolding("a"), Self.pipeHolding("b")]) { result, _ in
        results.add(result)
      }
      guard case .failure(.remote(let error)) = await results.wait(count: 1)[0] else {
        Issue.record("no error")
        return
      }
      #expect(error.code == .notSupported)
      #expect(try await client.call(Toy.Echo.self, "next") == "next")
    }
  }

  @Test func descriptorsThatNobodyAnnouncedCloseTheConnection() async throws {
    let session = toySession {
      $0.acceptsDescriptors = true
      $0.frameDeadline = 50_000_000
    }
    try await withServer(Self.swapping, session: session) { bench in
      let socket = try bench.raw()
      let pipe = Self.pipeHolding("x")
      // A frame whose first byte carries a descriptor: NIO's own read discards it, the kernel closes it.
      #expect(try DescriptorPassing.send(pipe.rawValue, to: socket.rawValue))
      #expect(await socket.readToEnd() == [])
      await bench.service.facts.wait { $0.contains { $0.isClosed } }
    }
  }
}
