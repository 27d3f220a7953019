/// The candidate that `word` was most likely meant to be, for "did you mean".
///
/// - Returns: the candidate with the fewest slips (a letter missing, added, changed, or two swapped), if these are few
///   for the word's length; otherwise nil.
public func nearest(to word: String, in candidates: [String]) -> String? {
  // A hostile key may be a megabyte long, and the table below is quadratic.
  guard word.utf8.count <= 64 else { return nil }
  let lower = word.lowercased()
  if let same = candidates.first(where: { $0.lowercased() == lower }) { return same }
  let allowed = max(1, min(3, word.utf8.count / 3))
  var best: (candidate: String, slips: Int)?
  for candidate in candidates {
    let slips = distance(Array(lower.utf8), Array(candidate.lowercased().utf8))
    if slips <= allowed, slips < best?.slips ?? .max { best = (candidate, slips) }
  }
  if let best { return best.candidate }
  // An abbreviation, if it can only mean one.
  let longer = candidates.filter { lower.utf8.count >= 3 && $0.lowercased().hasPrefix(lower) }
  return longer.count == 1 ? longer[0] : nil
}

/// The number of slips between two words (optimal string alignment distance).
private func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
  var rows = [Array(0...right.count)]
  for i in 0..<left.count {
    var row = [i + 1]
    for j in 0..<right.count {
      var cost = min(row[j] + 1, rows[i][j + 1] + 1, rows[i][j] + (left[i] == right[j] ? 0 : 1))
      if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
        cost = min(cost, rows[i - 1][j - 1] + 1)
      }
      row.append(cost)
    }
    rows.append(row)
  }
  return rows[left.count][right.count]
}
