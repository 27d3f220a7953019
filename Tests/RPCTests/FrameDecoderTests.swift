import RPC
import Testing

@Suite struct FrameDecoderTests {
  static let frames: [[UInt8]] = [
    GoldenFrameTests.call, GoldenFrameTests.ping, GoldenFrameTests.streamData, GoldenFrameTests.error,
    GoldenFrameTests.streamEnd, GoldenFrameTests.event,
  ]

  private func decode(_ pieces: [ArraySlice<UInt8>]) throws -> [Frame] {
    var decoder = FrameDecoder()
    var frames: [Frame] = []
    for piece in pieces {
      decoder.receive(Array(piece), at: 0)
      while let frame = try decoder.next() { frames.append(frame) }
      #expect(decoder.bufferedBytes < 76, "more is kept than one frame")
    }
    #expect(decoder.isBetweenFrames)
    return frames
  }

  private func bytes(_ frames: [Frame]) -> [[UInt8]] {
    frames.map {
      RPCTests.frame(
        program: $0.header.program, version: $0.header.version, procedure: $0.header.procedure,
        type: $0.header.type.rawValue, serial: $0.header.serial, status: $0.header.status.rawValue,
        payload: Array($0.payload))
    }
  }

  @Test(arguments: 1...80) func anySliceSizeYieldsTheSameFrames(size: Int) throws {
    let all = Self.frames.flatMap { $0 }
    let pieces = stride(from: 0, to: all.count, by: size).map { all[$0..<min($0 + size, all.count)] }
    #expect(bytes(try decode(pieces)) == Self.frames)
  }

  @Test func anyTwoCutsYieldTheSameFrames() throws {
    let all = Self.frames.flatMap { $0 }
    for first in 0...all.count {
      for last in stride(from: first, through: all.count, by: 7) {
        let pieces = [all[..<first], all[first..<last], all[last...]].filter { !$0.isEmpty }
        #expect(bytes(try decode(pieces)) == Self.frames, "cut at \(first) and \(last)")
      }
    }
  }

  @Test(arguments: [0, 1, 3, 4, 27, 4_194_305, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] as [UInt32])
  func aBadLengthIsRefusedAtItsFourthByte(length: UInt32) {
    var decoder = FrameDecoder()
    let bytes = (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) }
    decoder.receive(Array(bytes[..<3]), at: 0)
    #expect(throws: Never.self) { try decoder.next() }
    decoder.receive(Array(bytes[3...]), at: 0)
    #expect(throws: FrameError.badLength(length, limit: 4_194_304)) { try decoder.next() }
    #expect(throws: FrameError.badLength(length, limit: 4_194_304), "and stays refused") { try decoder.next() }
    #expect(decoder.bufferedBytes == 0)
  }

  @Test func theLongestFrameIsTaken() throws {
    var decoder = FrameDecoder()
    decoder.receive(frame(procedure: 1, payload: [UInt8](repeating: 7, count: 4_194_304 - 28)), at: 0)
    #expect(try decoder.next()?.payload.count == 4_194_276)
  }

  @Test func aClaimedLengthReservesNothing() throws {
    var decoder = FrameDecoder()
    decoder.receive([0, 0x40, 0, 0], at: 0)
    #expect(try decoder.next() == nil)
    #expect(decoder.bufferedBytes == 4)
  }

  @Test func typeAndStatusAreCheckedBeforeThePayloadIsThere() {
    var decoder = FrameDecoder()
    decoder.receive(Array(frame(procedure: 1, type: 6, payload: [0, 0, 0, 0]).prefix(28)), at: 0)
    #expect(throws: FrameError.unknownType(6)) { try decoder.next() }
    var other = FrameDecoder()
    other.receive(Array(frame(procedure: 1, status: 3, payload: [0, 0, 0, 0]).prefix(28)), at: 0)
    #expect(throws: FrameError.unknownStatus(3)) { try other.next() }
  }

  @Test func theClockOfAFrameStartsWithItsFirstByteAndOnlyThen() throws {
    var decoder = FrameDecoder()
    decoder.receive(GoldenFrameTests.call, at: 5)
    _ = try decoder.next()
    _ = try decoder.next()
    #expect(decoder.unfinishedSince == nil)
    decoder.receive([0], at: 7)
    _ = try decoder.next()
    decoder.receive([0], at: 9)
    _ = try decoder.next()
    #expect(decoder.unfinishedSince == 7)
  }

  // MARK: Descriptors

  @Test func descriptorsWaitForTheirBytes() throws {
    var decoder = FrameDecoder(acceptsDescriptors: true)
    decoder.receive(GoldenFrameTests.callWithDescriptors, at: 0)
    #expect(try decoder.next() == nil)
    decoder.receive([0], descriptors: [5], at: 0)
    #expect(try decoder.next() == nil)
    #expect(!decoder.isBetweenFrames)
    decoder.receive([0], descriptors: [6], at: 0)
    let frame = try #require(try decoder.next())
    #expect(frame.descriptors == [5, 6])
    #expect(decoder.takeUnclaimed().isEmpty)
  }

  @Test func missingDescriptorsAreAnError() throws {
    var decoder = FrameDecoder(acceptsDescriptors: true)
    decoder.receive(GoldenFrameTests.callWithDescriptors + [0, 0], descriptors: [5], at: 0)
    #expect(throws: FrameError.wrongDescriptors(expected: 2, got: 1)) { try decoder.next() }
    #expect(decoder.takeUnclaimed() == [5], "to be closed")
  }

  @Test func descriptorsThatNobodyAnnouncedAreAnError() throws {
    var decoder = FrameDecoder(acceptsDescriptors: true)
    decoder.receive(GoldenFrameTests.call, descriptors: [5], at: 0)
    #expect(try decoder.next() != nil)
    #expect(throws: FrameError.wrongDescriptors(expected: 0, got: 1)) { try decoder.next() }
    var half = FrameDecoder(acceptsDescriptors: true)
    half.receive([0, 0], descriptors: [5], at: 0)
    #expect(throws: FrameError.wrongDescriptors(expected: 0, got: 1)) { try half.next() }
  }

  @Test func tooManyDescriptorsAreRefusedBeforeTheyCome() {
    var decoder = FrameDecoder(acceptsDescriptors: true)
    decoder.receive(frame(procedure: 1, type: 4, payload: [0, 0, 0, 33]), at: 0)
    #expect(throws: FrameError.tooManyDescriptors(33)) { try decoder.next() }
  }

  @Test func aReaderThatTakesNoneSkipsTheirBytes() throws {
    var decoder = FrameDecoder()
    decoder.receive(GoldenFrameTests.callWithDescriptors + [0, 0] + GoldenFrameTests.call, at: 0)
    let first = try #require(try decoder.next())
    #expect(first.descriptorCount == 2)
    #expect(first.descriptors.isEmpty)
    #expect(try decoder.next()?.header.type == .call)
  }
}
