import Guest
import SpecKeys

/// An element of an XML file, with the place where it stands.
struct XMLElement: Hashable {
  var name: String
  var attributes: [String: String]
  var children: [XMLElement] = []
  /// Its text without that of its children, and without blanks at its ends.
  var text = ""
  var position: Position

  func first(_ name: String) -> XMLElement? { children.first { $0.name == name } }
  func all(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }
}

/// Reads the part of XML 1.0 that files of settings use: elements, attributes, text, CDATA, comments, and the five named
/// entities with those of numbers.
///
/// A document type declaration is refused: entities of a file's own multiply what a small file costs, and name other
/// files. Namespaces are kept as a part of names.
struct XMLReader {
  static let maximumBytes = 1 << 20
  static let maximumDepth = 32
  static let maximumElements = 20_000

  private let scalars: [Unicode.Scalar]
  private let file: String
  private var index = 0
  private var line = 1
  private var column = 1
  private var elements = 0

  /// - Throws: the first thing that is wrong, with its place.
  static func read(_ bytes: [UInt8], file: String) throws(SpecFileError) -> XMLElement {
    var reader = XMLReader(scalars: [], file: file)
    guard bytes.count <= maximumBytes else {
      throw reader.fault("the file has \(bytes.count) bytes; at most \(maximumBytes) are allowed")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw reader.fault("the file is not UTF-8") }
    reader = XMLReader(scalars: Array(text.unicodeScalars), file: file)
    if reader.scalars.first == "\u{FEFF}" { reader.index = 1 }
    try reader.skipProlog()
    let root = try reader.element(depth: 1)
    try reader.skipProlog()
    guard reader.isAtEnd else { throw reader.fault("more text behind the element <\(root.name)>") }
    return root
  }

  private init(scalars: [Unicode.Scalar], file: String) {
    self.scalars = scalars
    self.file = file
  }

  private var isAtEnd: Bool { index >= scalars.count }
  private var current: Unicode.Scalar? { isAtEnd ? nil : scalars[index] }
  private var position: Position { Position(line: line, column: column) }

  private func fault(_ message: String, at place: Position? = nil) -> SpecFileError {
    SpecFileError([Diagnostic(file: file, position: place ?? position, key: "", message: message)])
  }

  private mutating func advance() {
    if scalars[index] == "\n" {
      line += 1
      column = 1
    } else {
      column += 1
    }
    index += 1
  }

  private func isNext(_ text: String) -> Bool {
    var place = index
    for scalar in text.unicodeScalars {
      guard place < scalars.count, scalars[place] == scalar else { return false }
      place += 1
    }
    return true
  }

  private mutating func take(_ text: String) -> Bool {
    guard isNext(text) else { return false }
    for _ in text.unicodeScalars { advance() }
    return true
  }

  /// The text before `end`, which is passed over.
  private mutating func upTo(_ end: String, of noun: String) throws(SpecFileError) -> String {
    let start = position
    var found = String.UnicodeScalarView()
    while !take(end) {
      guard let scalar = current else { throw fault("\(noun) has no end", at: start) }
      found.append(scalar)
      advance()
    }
    return String(found)
  }

  private mutating func skipSpace() {
    while let scalar = current, Self.isSpace(scalar) { advance() }
  }

  private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar == " " || scalar == "\t" || scalar == "\n" || scalar == "\r"
  }

  /// The declaration, comments and instructions around the root.
  private mutating func skipProlog() throws(SpecFileError) {
    while true {
      skipSpace()
      if take("<?") {
        _ = try upTo("?>", of: "an instruction")
      } else if take("<!--") {
        _ = try upTo("-->", of: "a comment")
      } else if isNext("<!") {
        throw fault("a document type declaration is not read")
      } else {
        return
      }
    }
  }

  private mutating func name() throws(SpecFileError) -> String {
    var found = String.UnicodeScalarView()
    while let scalar = current, Self.isName(scalar) {
      found.append(scalar)
      advance()
    }
    guard !found.isEmpty, found.count <= 256 else { throw fault("expected a name") }
    return String(found)
  }

  private static func isName(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "_", "-", ".", ":": true
    case _: scalar.value >= 0x80 && scalar.properties.isAlphabetic
    }
  }

  private mutating func element(depth: Int) throws(SpecFileError) -> XMLElement {
    let start = position
    guard take("<") else { throw fault("expected an element") }
    guard depth <= Self.maximumDepth else { throw fault("elements are nested deeper than \(Self.maximumDepth)") }
    elements += 1
    guard elements <= Self.maximumElements else { throw fault("more than \(Self.maximumElements) elements") }
    var element = XMLElement(name: try name(), attributes: [:], position: start)
    while true {
      let hadSpace = current.map(Self.isSpace) ?? false
      skipSpace()
      if take("/>") { return element }
      if take(">") { break }
      guard hadSpace else { throw fault("expected > in <\(element.name)>") }
      let place = position
      let key = try name()
      skipSpace()
      guard take("=") else { throw fault("expected = after the attribute \(key)") }
      skipSpace()
      guard let quote = current, quote == "\"" || quote == "'" else { throw fault("expected a quoted value of \(key)") }
      advance()
      var value = ""
      while current != quote {
        guard let scalar = current, scalar != "<" else { throw fault("the value of \(key) has no end", at: place) }
        value.unicodeScalars.append(try scalar == "&" ? reference() : plain())
      }
      advance()
      guard element.attributes.updateValue(value, forKey: key) == nil else {
        throw fault("the attribute \(key) stands twice", at: place)
      }
    }
    try content(of: &element, depth: depth)
    return element
  }

  private mutating func content(of element: inout XMLElement, depth: Int) throws(SpecFileError) {
    var text = ""
    while true {
      guard let scalar = current else { throw fault("<\(element.name)> has no end", at: element.position) }
      if take("</") {
        let end = try name()
        skipSpace()
        guard end == element.name else { throw fault("</\(end)> where </\(element.name)> belongs") }
        guard take(">") else { throw fault("expected > in </\(end)>") }
        element.text = Self.trimmed(text)
        return
      }
      if take("<!--") {
        _ = try upTo("-->", of: "a comment")
      } else if take("<![CDATA[") {
        text += try upTo("]]>", of: "CDATA")
      } else if take("<?") {
        _ = try upTo("?>", of: "an instruction")
      } else if scalar == "<" {
        element.children.append(try self.element(depth: depth + 1))
      } else {
        text.unicodeScalars.append(try scalar == "&" ? reference() : plain())
      }
    }
  }

  private mutating func plain() throws(SpecFileError) -> Unicode.Scalar {
    let scalar = scalars[index]
    guard scalar.value >= 0x20 || Self.isSpace(scalar) else { throw fault("a control character") }
    advance()
    return scalar
  }

  private mutating func reference() throws(SpecFileError) -> Unicode.Scalar {
    let start = position
    advance()
    var name = ""
    while let scalar = current, scalar != ";", name.utf8.count < 10 {
      name.unicodeScalars.append(scalar)
      advance()
    }
    guard take(";") else { throw fault("an entity without its ;", at: start) }
    let named: [String: Unicode.Scalar] = ["amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'"]
    if let scalar = named[name] { return scalar }
    let digits = name.dropFirst(name.hasPrefix("#x") ? 2 : 1)
    guard name.hasPrefix("#"), digits.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
      let number = UInt32(digits, radix: name.hasPrefix("#x") ? 16 : 10), let scalar = Unicode.Scalar(number),
      scalar.value >= 0x20 || Self.isSpace(scalar)
    else { throw fault("the entity &\(Visible.text(name, limit: 20)); is not known", at: start) }
    return scalar
  }

  private static func trimmed(_ text: String) -> String {
    let scalars = text.unicodeScalars.drop(while: isSpace)
    var end = scalars.endIndex
    while end > scalars.startIndex, isSpace(scalars[scalars.index(before: end)]) { end = scalars.index(before: end) }
    return String(String.UnicodeScalarView(scalars[..<end]))
  }
}
