internal import Guest

/// How numbers with a unit are written: for people, or for programs.
public enum NumberStyle: Sendable {
  /// `512M`, `10s`.
  case human
  /// Bytes, seconds.
  case plain
}

/// How a value is written as one text: in a setting of the wire, and behind `--set KEY=`.
public enum ValueForm: Sendable {
  /// The text itself, whatever it looks like.
  case text
  /// One word or number, as a file has it without quotes.
  case word
  /// A list or a mapping, as JSON (RFC 8259).
  case structured
}

/// The words of the reference and the JSON Schema about a type of value.
struct ValueDocument: Sendable {
  var name: String
  var allowed: String
  var unit: String
  var jsonSchema: DataValue
  var rows: [ReferenceRow] = []
}

/// A type of value: how it is read and checked, written, and what the reference says of it.
///
/// The words about it are made when they are asked for: a program that only reads and writes values, one for each guest
/// among them, does not pay for them.
public struct ValueKind<Value: Sendable>: Sendable {
  let document: @Sendable () -> ValueDocument
  public var form: ValueForm
  /// Nil after a report to the problems.
  public var read: @Sendable (Node, inout Problems) -> Value?
  public var write: @Sendable (Value, NumberStyle) -> DataValue

  public init(
    _ name: @escaping @autoclosure @Sendable () -> String, allowed: @escaping @autoclosure @Sendable () -> String = "",
    form: ValueForm, unit: String = "", jsonSchema: @escaping @autoclosure @Sendable () -> DataValue,
    read: @escaping @Sendable (Node, inout Problems) -> Value?,
    write: @escaping @Sendable (Value, NumberStyle) -> DataValue
  ) {
    self.init(form: form, read: read, write: write) {
      ValueDocument(name: name(), allowed: allowed(), unit: unit, jsonSchema: jsonSchema())
    }
  }

  init(
    form: ValueForm, read: @escaping @Sendable (Node, inout Problems) -> Value?,
    write: @escaping @Sendable (Value, NumberStyle) -> DataValue, document: @escaping @Sendable () -> ValueDocument
  ) {
    self.form = form
    self.read = read
    self.write = write
    self.document = document
  }

  /// The reference's name for it, for example "size".
  public var name: String { document().name }
  /// A JSON Schema of it.
  public var jsonSchema: DataValue { document().jsonSchema }

  /// The same value with other words about it.
  func documented(_ change: @escaping @Sendable (inout ValueDocument) -> Void) -> ValueKind {
    ValueKind(form: form, read: read, write: write) { [document] in
      var changed = document()
      change(&changed)
      return changed
    }
  }
}

// MARK: Scalars

extension ValueKind where Value == String {
  /// Any scalar, taken as it was written: `8080` and `true` are text here.
  ///
  /// - Parameter check: what is wrong with a text of an allowed length; nil if it is sound.
  public static func text(
    _ name: String = "text", allowed: String = "", maximumBytes: Int, allowsEmpty: Bool = true,
    check: @escaping @Sendable (String) -> String? = { _ in nil }
  ) -> ValueKind {
    ValueKind(
      name, allowed: allowed, form: .text,
      jsonSchema: .members([
        "type": .list([.text("string"), .text("number"), .text("boolean")]), "maxLength": .integer(Int64(maximumBytes)),
        "minLength": allowsEmpty ? nil : .integer(1),
      ])
    ) { node, problems in
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
      let problem =
        text.isEmpty && !allowsEmpty
        ? "it is empty" : text.utf8.contains(0) ? "it contains a NUL byte" : check(text)
      if let problem {
        problems.report(node.position, problem)
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
    ValueKind("true or false", form: .word, jsonSchema: .members(["type": .text("boolean")])) { node, problems in
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
    return ValueKind(
      name, allowed: allowed(), form: .word,
      jsonSchema: .members([
        "type": .text("integer"), "minimum": number(range.lowerBound), "maximum": number(range.upperBound),
      ])
    ) { node, problems in
      guard let number = node.text.flatMap({ Value($0) }) ?? node.text.flatMap(tooLarge) else {
        problems.report(node.position, "expected a whole number, found \(node.kindDescription)")
        return nil
      }
      guard range.contains(number) else {
        problems.report(node.position, "\(node.text ?? "") is out of bounds: \(allowed()) is allowed")
        return nil
      }
      return number
    } write: { value, _ in
      number(value)
    }

    @Sendable func allowed() -> String { "\(range.lowerBound) to \(range.upperBound)" }

    @Sendable func number(_ value: Value) -> DataValue {
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
      "size", in: range, unit: "bytes", example: "512M", parse: { Quantity.bytes($0) },
      show: { Quantity.text(bytes: $0) },
      plain: { .unsigned($0) })
  }

  /// Milliseconds, as `Quantity.milliseconds` reads them.
  public static func duration(in range: ClosedRange<UInt64>) -> ValueKind {
    quantity(
      "duration", in: range, unit: "seconds", example: "10s", parse: { Quantity.milliseconds($0) },
      show: { Quantity.text(milliseconds: $0) }, plain: { .decimal(Double($0) / 1000) })
  }

  /// Thousandths, as `Quantity.thousandths` reads them.
  public static func thousandths(
    _ name: String, unit: String = "", in range: ClosedRange<UInt64>
  ) -> ValueKind {
    quantity(
      name, in: range, unit: unit, example: "1.5", parse: { Quantity.thousandths($0) },
      show: { Quantity.text(thousandths: $0) },
      plain: { .decimal(Double($0) / 1000) }, human: { .decimal(Double($0) / 1000) })
  }

  private static func quantity(
    _ name: String, in range: ClosedRange<UInt64>, unit: String, example: String,
    parse: @escaping @Sendable (String) -> UInt64?, show: @escaping @Sendable (UInt64) -> String,
    plain: @escaping @Sendable (UInt64) -> DataValue, human: (@Sendable (UInt64) -> DataValue)? = nil
  ) -> ValueKind {
    return ValueKind(
      name, allowed: allowed(), form: .word, unit: unit,
      jsonSchema: .members([
        "anyOf": .list([
          .members(["type": .text("number"), "minimum": plain(range.lowerBound), "maximum": plain(range.upperBound)]),
          .members(["type": .text("string"), "pattern": .text("^[0-9]"), "examples": .list([.text(example)])]),
        ])
      ])
    ) { node, problems in
      guard let text = node.text, let value = parse(text) else {
        problems.report(
          node.position, "expected a \(name) such as \(example), found \(node.kindDescription)")
        return nil
      }
      guard range.contains(value) else {
        problems.report(node.position, "\(text) is out of bounds: \(allowed()) is allowed")
        return nil
      }
      return value
    } write: { value, style in
      switch style {
      case .plain: plain(value)
      case .human: human?(value) ?? .text(show(value))
      }
    }

    @Sendable func allowed() -> String { "\(show(range.lowerBound)) to \(show(range.upperBound))" }
  }
}

extension ValueKind {
  /// One of a few words.
  public static func choice(_ words: KeyValuePairs<String, Value>) -> ValueKind where Value: Equatable {
    let table = words.map { ($0.key, $0.value) }
    let names = table.map(\.0)
    return ValueKind(
      names.joined(separator: ", "), form: .word, jsonSchema: .members(["enum": .list(names.map { .text($0) })])
    ) { node, problems in
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
    ValueKind<Value?>(
      form: form, read: { [read] node, problems in read(node, &problems).map { .some($0) } },
      write: { [write] value, style in value.map { write($0, style) } ?? .null }, document: document)
  }

  /// The same, with an answer to values as another tool writes them.
  ///
  /// - Parameter foreign: the value in the form that it has here; nil for a text that no other tool has.
  func answering(_ foreign: @escaping @Sendable (String) -> String?) -> ValueKind {
    var kind = self
    kind.read = { [read] node, problems in
      guard let text = node.text, let answer = foreign(text) else { return read(node, &problems) }
      // A text may be a value here, too.
      var scratch = Problems(file: "")
      if let value = read(node, &scratch) { return value }
      problems.report(node.position, "found \(node.kindDescription); write \(Visible.text(answer, limit: 200))")
      return nil
    }
    return kind
  }

  // MARK: Compounds

  /// A list of at most `maximum` values.
  public static func list<Element>(
    _ name: String, of element: ValueKind<Element>, maximum: Int
  ) -> ValueKind where Value == [Element] {
    ValueKind<[Element]>(
      name, allowed: "at most \(maximum)", form: .structured,
      jsonSchema: .members([
        "type": .text("array"), "items": element.jsonSchema, "maxItems": .integer(Int64(maximum)),
      ])
    ) { node, problems in
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
    .documented { $0.rows = element.document().rows.map { $0.below("[]") } }
  }

  /// A mapping from names to values, kept in the order of the file.
  ///
  /// - Parameter checkName: what is wrong with a name; nil if it is sound.
  public static func table<Element>(
    _ name: String, of element: ValueKind<Element>, maximum: Int,
    checkName: @escaping @Sendable (String) -> String? = { _ in nil },
    make: @escaping @Sendable (String, Element) -> Value.Element,
    split: @escaping @Sendable (Value.Element) -> (String, Element)
  ) -> ValueKind where Value: RangeReplaceableCollection, Value.Element: Sendable {
    ValueKind(
      name, allowed: "at most \(maximum)", form: .structured,
      jsonSchema: .members([
        "type": .text("object"), "additionalProperties": element.jsonSchema, "maxProperties": .integer(Int64(maximum)),
      ])
    ) { node, problems in
      guard case .mapping(let entries) = node.content else {
        // compose has lists of NAME=value.
        var form = ""
        if case .sequence(let items) = node.content, let pair = items.first?.text.flatMap(ForeignValues.pair) {
          form = "; write \(Visible.text(pair, limit: 80))"
        }
        problems.report(node.position, "expected a mapping (NAME: value), found \(node.kindDescription)\(form)")
        return nil
      }
      guard entries.count <= maximum else {
        problems.report(node.position, "\(entries.count) entries; at most \(maximum) are allowed")
        return nil
      }
      var result = Value()
      var isSound = true
      var names: Set<String> = []
      for entry in entries {
        let value = problems.within(Visible.text(entry.key, limit: 40), entry.value.position) { problems -> Element? in
          let problem = names.insert(entry.key).inserted ? checkName(entry.key) : "it is given twice"
          if let problem { problems.report(entry.keyPosition, problem) }
          let value = element.read(entry.value, &problems)
          return problem == nil ? value : nil
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
  ///   - isShort: whether a node is written the short way.
  ///   - writeShort: gives the short form of the values that have one.
  public func orShort(
    _ name: String, jsonSchema short: @escaping @autoclosure @Sendable () -> DataValue,
    isShort: @escaping @Sendable (Node) -> Bool,
    read readShort: @escaping @Sendable (Node, inout Problems) -> Value?,
    write writeShort: @escaping @Sendable (Value, NumberStyle) -> DataValue?
  ) -> ValueKind {
    ValueKind(
      form: form,
      read: { [read] node, problems in isShort(node) ? readShort(node, &problems) : read(node, &problems) },
      write: { [write] value, style in writeShort(value, style) ?? write(value, style) }, document: document
    )
    .documented {
      $0.name = name
      $0.jsonSchema = .members(["anyOf": .list([short(), $0.jsonSchema])])
    }
  }
}
