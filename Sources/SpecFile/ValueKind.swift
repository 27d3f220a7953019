import Guest

/// How numbers with a unit are written: for people, or for programs.
public enum NumberStyle: Sendable {
  /// `512M`, `10s`.
  case human
  /// Bytes, seconds.
  case plain
}

/// A type of value in a file: how it is read and checked, written, and what the reference says of it.
public struct ValueKind<Value: Sendable>: Sendable {
  /// What the reference calls it, for example "size".
  public var name: String
  /// Its bounds as a sentence's end, for example "1M to 1P"; empty if any value goes.
  public var allowed: String
  /// Nil after a report to the problems.
  public var read: @Sendable (Node, inout Problems) -> Value?
  public var write: @Sendable (Value, NumberStyle) -> DataValue
  /// Keys inside it, for the reference; their paths are relative to this value.
  public var rows: [ReferenceRow] = []

  public init(
    _ name: String, allowed: String = "", read: @escaping @Sendable (Node, inout Problems) -> Value?,
    write: @escaping @Sendable (Value, NumberStyle) -> DataValue
  ) {
    self.name = name
    self.allowed = allowed
    self.read = read
    self.write = write
  }
}

// MARK: Scalars

extension ValueKind where Value == String {
  /// Any scalar, taken as it was written: `8080` and `true` are text here.
  public static func text(_ name: String = "text", allowed: String = "", maximumBytes: Int) -> ValueKind {
    ValueKind(name, allowed: allowed) { node, problems in
      guard let text = node.text else {
        problems.report(
          node.position,
          node.isNull
            ? "a value is missing; write \"\" for an empty one" : "expected \(name), found \(node.kindDescription)")
        return nil
      }
      guard text.utf8.count <= maximumBytes else {
        problems.report(node.position, "\(text.utf8.count) bytes long; at most \(maximumBytes) are allowed")
        return nil
      }
      return text
    } write: { value, _ in
      .text(value)
    }
  }
}

extension ValueKind where Value == Bool {
  public static var bool: ValueKind {
    ValueKind("true or false") { node, problems in
      if case .scalar(let text, isPlain: true) = node.content {
        if text == "true" { return true }
        if text == "false" { return false }
      }
      problems.report(node.position, "expected true or false, found \(node.kindDescription)")
      return nil
    } write: { value, _ in
      .bool(value)
    }
  }
}

extension ValueKind where Value: FixedWidthInteger {
  public static func integer(_ name: String = "number", in range: ClosedRange<Value>) -> ValueKind {
    let allowed = "\(range.lowerBound) to \(range.upperBound)"
    return ValueKind(name, allowed: allowed) { node, problems in
      guard let number = node.text.flatMap({ Value($0) }) ?? node.text.flatMap(tooLarge) else {
        problems.report(node.position, "expected a whole number, found \(node.kindDescription)")
        return nil
      }
      guard range.contains(number) else {
        problems.report(node.position, "\(node.text ?? "") is out of bounds: \(allowed) is allowed")
        return nil
      }
      return number
    } write: { value, _ in
      Int64(exactly: value).map { .integer($0) } ?? .unsigned(UInt64(value))
    }

    // Digits that do not fit are a number out of bounds, not something else than a number.
    @Sendable func tooLarge(_ text: String) -> Value? {
      !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        && range.upperBound < Value.max ? Value.max : nil
    }
  }
}

extension ValueKind where Value == UInt64 {
  /// Bytes, as `Quantity.bytes` reads them.
  public static func size(in range: ClosedRange<UInt64>) -> ValueKind {
    quantity(
      "size", in: range, example: "512M", parse: { Quantity.bytes($0) }, show: { Quantity.text(bytes: $0) },
      plain: { .unsigned($0) })
  }

  /// Milliseconds, as `Quantity.milliseconds` reads them.
  public static func duration(in range: ClosedRange<UInt64>) -> ValueKind {
    quantity(
      "duration", in: range, example: "10s", parse: { Quantity.milliseconds($0) },
      show: { Quantity.text(milliseconds: $0) }, plain: { .decimal(Double($0) / 1000) })
  }

  /// Thousandths, as `Quantity.thousandths` reads them.
  public static func thousandths(_ name: String, in range: ClosedRange<UInt64>) -> ValueKind {
    quantity(
      name, in: range, example: "1.5", parse: { Quantity.thousandths($0) }, show: { Quantity.text(thousandths: $0) },
      plain: { .decimal(Double($0) / 1000) }, human: { .decimal(Double($0) / 1000) })
  }

  private static func quantity(
    _ name: String, in range: ClosedRange<UInt64>, example: String,
    parse: @escaping @Sendable (String) -> UInt64?, show: @escaping @Sendable (UInt64) -> String,
    plain: @escaping @Sendable (UInt64) -> DataValue, human: (@Sendable (UInt64) -> DataValue)? = nil
  ) -> ValueKind {
    let allowed = "\(show(range.lowerBound)) to \(show(range.upperBound))"
    return ValueKind(name, allowed: allowed) { node, problems in
      guard let text = node.text, let value = parse(text) else {
        problems.report(
          node.position, "expected a \(name) such as \(example), found \(node.kindDescription)")
        return nil
      }
      guard range.contains(value) else {
        problems.report(node.position, "\(text) is out of bounds: \(allowed) is allowed")
        return nil
      }
      return value
    } write: { value, style in
      style == .plain ? plain(value) : human?(value) ?? .text(show(value))
    }
  }
}

extension ValueKind {
  /// One of a few words.
  public static func choice(_ words: KeyValuePairs<String, Value>) -> ValueKind where Value: Equatable {
    let table = words.map { ($0.key, $0.value) }
    let names = table.map(\.0)
    return ValueKind(names.joined(separator: ", ")) { node, problems in
      guard let text = node.text, let found = table.first(where: { $0.0 == text }) else {
        let suggestion = node.text.flatMap { nearest(to: $0, in: names) }
        problems.report(
          node.position,
          "expected one of \(names.joined(separator: ", ")), found \(node.kindDescription)"
            + (suggestion.map { " (did you mean \"\($0)\"?)" } ?? ""))
        return nil
      }
      return found.1
    } write: { value, _ in
      .text(table.first { $0.1 == value }?.0 ?? "")
    }
  }

  /// The same with nil beside it, for a key whose absence has a meaning of its own.
  public var optional: ValueKind<Value?> {
    var kind = ValueKind<Value?>(name, allowed: allowed) { [read] node, problems in
      read(node, &problems).map { .some($0) }
    } write: { [write] value, style in
      value.map { write($0, style) } ?? .null
    }
    kind.rows = rows
    return kind
  }

  // MARK: Compounds

  /// A list of at most `maximum` values.
  public static func list<Element>(
    _ name: String, of element: ValueKind<Element>, maximum: Int
  ) -> ValueKind where Value == [Element] {
    var kind = ValueKind<[Element]>(name, allowed: "at most \(maximum)") { node, problems in
      guard case .sequence(let items) = node.content else {
        problems.report(node.position, "expected a list, found \(node.kindDescription)")
        return nil
      }
      guard items.count <= maximum else {
        problems.report(node.position, "\(items.count) entries; at most \(maximum) are allowed")
        return nil
      }
      let values = items.enumerated().map { index, item in
        problems.at(index, item.position) { problems in element.read(item, &problems) }
      }
      let sound = values.compactMap { $0 }
      return sound.count == values.count ? sound : nil
    } write: { values, style in
      .list(values.map { element.write($0, style) })
    }
    kind.rows = element.rows.map { $0.below("[]") }
    return kind
  }

  /// A mapping from names to values, kept in the order of the file.
  public static func table<Element>(
    _ name: String, of element: ValueKind<Element>, maximum: Int,
    make: @escaping @Sendable (String, Element) -> Value.Element,
    split: @escaping @Sendable (Value.Element) -> (String, Element)
  ) -> ValueKind where Value: RangeReplaceableCollection, Value.Element: Sendable {
    ValueKind(name, allowed: "at most \(maximum)") { node, problems in
      guard case .mapping(let entries) = node.content else {
        problems.report(node.position, "expected a mapping (NAME: value), found \(node.kindDescription)")
        return nil
      }
      guard entries.count <= maximum else {
        problems.report(node.position, "\(entries.count) entries; at most \(maximum) are allowed")
        return nil
      }
      var result = Value()
      var isSound = true
      for entry in entries {
        let value = problems.within(Visible.text(entry.key, limit: 40), entry.value.position) { problems in
          element.read(entry.value, &problems)
        }
        if let value { result.append(make(entry.key, value)) } else { isSound = false }
      }
      return isSound ? result : nil
    } write: { values, style in
      .object(
        values.map { item in
          let (name, element_) = split(item)
          return DataValue.Member(name, element.write(element_, style))
        })
    }
  }

  /// A value that may also be written in another, shorter way.
  ///
  /// - Parameters:
  ///   - isShort: tells whether a node is written the short way.
  ///   - writeShort: gives the short form of the values that have one.
  public func orShort(
    _ name: String, isShort: @escaping @Sendable (Node) -> Bool,
    read readShort: @escaping @Sendable (Node, inout Problems) -> Value?,
    write writeShort: @escaping @Sendable (Value, NumberStyle) -> DataValue?
  ) -> ValueKind {
    var kind = self
    kind.name = name
    kind.read = { [read] node, problems in
      isShort(node) ? readShort(node, &problems) : read(node, &problems)
    }
    kind.write = { [write] value, style in
      writeShort(value, style) ?? write(value, style)
    }
    return kind
  }
}
