import Testing
import XDRCompiler

/// The output of `--check`: right for any change, and quick for large ones.
@Suite struct DiffTests {
  /// Applies a unified diff, as patch does.
  static func patched(_ old: String, _ diff: String) -> String? {
    var lines = old.split(separator: "\n", omittingEmptySubsequences: false)[...]
    var result: [Substring] = []
    var taken = 0
    for line in diff.split(separator: "\n", omittingEmptySubsequences: false).dropFirst(2).dropLast() {
      if line.hasPrefix("@@") {
        guard let start = line.dropFirst(4).split(separator: ",").first.flatMap({ Int($0) }) else { return nil }
        while taken < start - 1, let next = lines.popFirst() {
          result.append(next)
          taken += 1
        }
        continue
      }
      let text = line.dropFirst()
      if line.hasPrefix("+") {
        result.append(text)
        continue
      }
      guard lines.popFirst() == text else { return nil }
      taken += 1
      if line.hasPrefix(" ") { result.append(text) }
    }
    return (result + lines).joined(separator: "\n")
  }

  @Test func whatItSaysMakesTheNewTextOfTheOld() {
    var source = SystemRandomNumberGenerator()
    for round in 0..<200 {
      // Short texts are compared in full, long ones by way of their unique lines.
      let count = round % 4 == 0 ? 3000 : Int.random(in: 0..<60, using: &source)
      let words = round % 3 == 0 ? 5 : 100_000
      let old = (0..<count).map { _ in "line \(Int.random(in: 0..<words, using: &source))" }
      var new = old
      for _ in 0..<Int.random(in: 0..<20, using: &source) {
        let at = Int.random(in: 0...new.count, using: &source)
        switch Int.random(in: 0..<3, using: &source) {
        case 0: new.insert("new \(at)", at: at)
        case 1 where at < new.count: new.remove(at: at)
        default: new.reverse(at..<min(new.count, at + 4))
        }
      }
      let (a, b) = (old.joined(separator: "\n"), new.joined(separator: "\n"))
      let diff = unifiedDiff(old: a, new: b, oldName: "a", newName: "b")
      guard a != b else {
        #expect(diff.isEmpty)
        continue
      }
      #expect(DiffTests.patched(a, diff) == b, "round \(round)")
    }
  }

  @Test func smallChangesOfLargeTextsStaySmall() {
    let old = (0..<20_000).map { "line \($0)" }
    var new = old
    for at in stride(from: 0, to: 20_000, by: 1000) { new[at] = "changed" }
    let diff = unifiedDiff(
      old: old.joined(separator: "\n"), new: new.joined(separator: "\n"), oldName: "a", newName: "b")
    #expect(diff.split(separator: "\n").count { $0.hasPrefix("+") } == 21)
  }

  /// All lines differ, or nearly all: 14,000 took over a minute.
  @Test(arguments: [1, 2, 7]) func theCostIsBounded(kept: Int) {
    let old = (0..<30_000).map { "old \($0)" }
    let new = (0..<30_000).map { $0 % 1000 < kept ? "old \($0)" : "new \($0 % 50)" }
    let clock = ContinuousClock()
    let (a, b) = (old.joined(separator: "\n"), new.joined(separator: "\n"))
    let time = clock.measure { #expect(!unifiedDiff(old: a, new: b, oldName: "a", newName: "b").isEmpty) }
    #expect(time < .seconds(20))
  }
}

extension Array {
  fileprivate mutating func reverse(_ range: Range<Int>) { replaceSubrange(range, with: self[range].reversed()) }
}
