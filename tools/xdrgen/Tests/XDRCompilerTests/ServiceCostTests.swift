import Foundation
import Testing
import XDRCompiler

/// The cost of a function with many awaits grows with the square of their number in the Swift compiler.
@Suite struct ServiceCostTests {
  static func program(_ count: Int) -> String {
    let procedures = (0..<count).map { "int BIG_P\($0)(int) = \($0);" }.joined(separator: "\n")
    return "program BIG_PROGRAM { version BIG_V1 {\n\(procedures)\n} = 1; } = 0x20000001;"
  }

  @Test(arguments: [1, 16, 17, 300, 1000]) func noFunctionOfTheDispatcherHasManyAwaits(count: Int) throws {
    let text = swift(ServiceCostTests.program(count))
    let start = try #require(text.range(of: "func dispatchBig")).lowerBound
    let end = try #require(text.range(of: "/// Calls Big.")).lowerBound
    var awaits: [Int] = []
    for line in text[start..<end].split(separator: "\n") {
      if line.contains("func ") { awaits.append(0) }
      if line.contains("await") { awaits[awaits.count - 1] += 1 }
    }
    #expect(awaits.max() ?? 0 <= max(16, (count + 15) / 16))
    // Each procedure is served by one function, and reached from one place.
    for index in 0..<count {
      #expect(text[start..<end].split(separator: "serveBig\(index)(").count == 2, "\(index)")
      #expect(text[start..<end].contains("serveBig\(index)<Service: BigService>("), "\(index)")
    }
  }
}
