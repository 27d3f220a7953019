/// A unified diff with three lines of context; empty when the texts are the same.
public func unifiedDiff(old: String, new: String, oldName: String, newName: String) -> String {
  let a = old.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  let b = new.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  guard a != b else { return "" }
  let difference = b.difference(from: a)
  var removed = Set<Int>()
  var inserted = Set<Int>()
  for change in difference {
    switch change {
    case .remove(let offset, _, _): removed.insert(offset)
    case .insert(let offset, _, _): inserted.insert(offset)
    }
  }
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
