extension ReferenceRow {
  /// The rows as a Markdown table, for `docs/guest-spec.md` and its test.
  public static func markdown(_ rows: [ReferenceRow]) -> String {
    var page = "| key | value | default | meaning |\n| --- | --- | --- | --- |\n"
    for row in rows {
      let value = row.allowed.isEmpty ? row.type : "\(row.type): \(row.allowed)"
      let needs = row.traits.feature.map { "; needs `\($0)` of the host" } ?? ""
      page += "| `\(row.path)` | \(value) | \(row.defaultText) | \(row.meaning)\(needs) |\n"
    }
    return page
  }
}
