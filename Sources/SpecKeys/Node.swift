internal import Guest

/// A value of a YAML or JSON file, with the place where it stands.
///
/// Scalars stay text until a decoder asks for a type: whether `8080` is a number or a text is for its key to say.
public struct Node: Sendable, Hashable {
  public enum Content: Sendable, Hashable {
    /// `isPlain` is true for one written without quotes, so that `null` or `true` may be meant.
    case scalar(String, isPlain: Bool)
    case sequence([Node])
    case mapping([Entry])
  }

  public struct Entry: Sendable, Hashable {
    public var key: String
    public var keyPosition: Position
    public var value: Node

    public init(key: String, keyPosition: Position, value: Node) {
      self.key = key
      self.keyPosition = keyPosition
      self.value = value
    }
  }

  public var position: Position
  public var content: Content

  public init(position: Position, content: Content) {
    self.position = position
    self.content = content
  }

  /// Whether it is YAML's null: nothing at all, `~` or `null`.
  public var isNull: Bool {
    guard case .scalar(let text, isPlain: true) = content else { return false }
    return text.isEmpty || text == "~" || text == "null" || text == "Null" || text == "NULL"
  }

  /// The text of a scalar as it was written; nil for lists, mappings and null.
  public var text: String? {
    guard case .scalar(let text, _) = content, !isNull else { return nil }
    return text
  }

  /// The reader's word for it, for "expected a size, found ...".
  public var kindDescription: String {
    switch content {
    case .scalar: isNull ? "nothing" : "\"\(Visible.text(text ?? "", limit: 60))\""
    case .sequence: "a list"
    case .mapping: "a mapping"
    }
  }
}
