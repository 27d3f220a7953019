/// A unified diff with three lines of context; empty when the texts are the same.
public func unifiedDiff(old: String, new: String, oldName: String, newName: String) -> String {
  let a = old.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  let b = new.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  guard a != b else { return "" }
  let (removed, inserted) = LineDifference.between(a, b)
  // All lines in order, with where they stand in both texts.
  var lines: [(sign: Character, text: String, a: Int, b: Int)] = []
  var i = 0
  var j = 0
  while i < a.count || j < b.count {
    if i < a.count, removed.contains(i) {
      lines.append(("-", a[i], i, j))
      i += 1
    } else if j < b.count, inserted.contains(j) {
      lines.append(("+", b[j], i, j))
      j += 1
    } else if i < a.count, j < b.count {
      lines.append((" ", a[i], i, j))
      i += 1
      j += 1
    } else {
      break
    }
  }
  var out = "--- \(oldName)\n+++ \(newName)\n"
  let changed = lines.indices.filter { lines[$0].sign != " " }
  var start = 0
  while start < changed.count {
    var end = start
    while end + 1 < changed.count, changed[end + 1] - changed[end] <= 6 { end += 1 }
    let lower = max(0, changed[start] - 3)
    let upper = min(lines.count - 1, changed[end] + 3)
    let hunk = lines[lower...upper]
    let oldCount = hunk.filter { $0.sign != "+" }.count
    let newCount = hunk.filter { $0.sign != "-" }.count
    out += "@@ -\(lines[lower].a + 1),\(oldCount) +\(lines[lower].b + 1),\(newCount) @@\n"
    for line in hunk { out += "\(line.sign)\(line.text)\n" }
    start = end + 1
  }
  return out
}

/// Which lines to take out and to put in. The shortest answer costs the square of what differs: it is looked for between
/// lines that both texts have once and in the same order, and only where little lies between two of these.
enum LineDifference {
  /// Most lines to compare in full at once.
  static let window = 300

  static func between(_ a: [String], _ b: [String]) -> (removed: Set<Int>, inserted: Set<Int>) {
    var head = 0
    while head < a.count, head < b.count, a[head] == b[head] { head += 1 }
    var tail = 0
    while tail < a.count - head, tail < b.count - head, a[a.count - 1 - tail] == b[b.count - 1 - tail] { tail += 1 }
    var removed = Set<Int>()
    var inserted = Set<Int>()
    var (i, j) = (head, head)
    let (endA, endB) = (a.count - tail, b.count - tail)
    for (x, y) in anchors(a, head..<endA, b, head..<endB) + [(endA, endB)] {
      compare(a, i..<x, b, j..<y, &removed, &inserted)
      (i, j) = (x + 1, y + 1)
    }
    return (removed, inserted)
  }

  private static func compare(
    _ a: [String], _ inA: Range<Int>, _ b: [String], _ inB: Range<Int>, _ removed: inout Set<Int>,
    _ inserted: inout Set<Int>
  ) {
    guard inA.count <= window, inB.count <= window else {
      removed.formUnion(inA)
      inserted.formUnion(inB)
      return
    }
    for change in b[inB].difference(from: a[inA]) {
      switch change {
      case .remove(let offset, _, _): removed.insert(inA.lowerBound + offset)
      case .insert(let offset, _, _): inserted.insert(inB.lowerBound + offset)
      }
    }
  }

  /// The longest row of lines that stand once in each, in the order of both.
  private static func anchors(
    _ a: [String], _ inA: Range<Int>, _ b: [String], _ inB: Range<Int>
  ) -> [(Int, Int)] {
    guard inA.count > window || inB.count > window else { return [] }
    func once(_ lines: [String], _ range: Range<Int>) -> [String: Int] {
      var places: [String: Int] = [:]
      for index in range { places[lines[index]] = places[lines[index]] == nil ? index : -1 }
      return places
    }
    let placesInB = once(b, inB)
    let pairs = once(a, inA).values.filter { $0 >= 0 }.sorted().compactMap { index -> (Int, Int)? in
      guard let other = placesInB[a[index]], other >= 0 else { return nil }
      return (index, other)
    }
    // Longest rising row by piles: the last pair of each length, and the pair before each.
    var piles: [Int] = []
    var before = [Int](repeating: -1, count: pairs.count)
    for (number, pair) in pairs.enumerated() {
      var low = 0
      var high = piles.count
      while low < high {
        let middle = (low + high) / 2
        if pairs[piles[middle]].1 < pair.1 { low = middle + 1 } else { high = middle }
      }
      if low > 0 { before[number] = piles[low - 1] }
      if low == piles.count { piles.append(number) } else { piles[low] = number }
    }
    var row: [(Int, Int)] = []
    var next = piles.last ?? -1
    while next >= 0 {
      row.append(pairs[next])
      next = before[next]
    }
    return row.reversed()
  }
}
