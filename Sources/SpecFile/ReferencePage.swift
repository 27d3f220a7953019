extension ReferenceRow {
  /// The rows as a Markdown table, for `docs/guest-spec.md` and its test.
  public static func markdown(_ rows: [ReferenceRow]) -> String {
    var page = "| key | value | default | meaning |\n| --- | --- | --- | --- |\n"
    for row in rows {
      let value = row.allowed.isEmpty ? row.type : "\(row.type): \(row.allowed)"
      page += "| `\(row.path)` | \(value) | \(row.defaultText) | \(row.meaning) |\n"
    }
    return page
  }
}
