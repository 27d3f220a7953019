/// A fault of a file's syntax in words for the person who wrote it.
///
/// libyaml says what its scanner had expected ("did not find expected key"). The reader of a message has written
/// something, and wants to know which slip it was.
struct YAMLFault {
  /// libyaml's `problem`.
  var problem: String
  /// libyaml's `context`: what was being read when it came.
  var context: String?

  /// The fault and, where there is a usual reason, its cure.
  var words: String {
    switch problem {
    case "could not find expected ':'":
      "a key without a colon: write KEY: VALUE, with a space after the colon"
    case "did not find expected key":
      "this line does not belong to the mapping around it: is it indented as its neighbours are?"
    case "did not find expected '-' indicator":
      "this line does not belong to the list around it: is it indented as its neighbours are?"
    case "mapping values are not allowed in this context":
      "a colon where no key can stand: does the line above lack one? Text with a colon and a space in it needs quotes"
    case "block sequence entries are not allowed in this context":
      "an entry of a list (-) where none can stand: begin the list on a line of its own"
    case "mapping keys are not allowed in this context": "a key where none can stand: begin it on a line of its own"
    case "found character that cannot start any token":
      "a value cannot begin with this character: spaces and not tabs indent a line, and text with it needs quotes"
    case "found a tab character that violates indentation",
      "found a tab character where an indentation space is expected":
      "a tab indents this line; use spaces"
    case "did not find expected ',' or ']'": "a list in brackets does not end: a comma or ] is missing"
    case "did not find expected ',' or '}'": "a mapping in braces does not end: a comma or } is missing"
    case "did not find expected node content": "a value is missing here, or this character cannot begin one"
    case "found unexpected end of stream": "the file ends inside of quotes"
    case "found unexpected document indicator": "a line of three hyphens or points inside of quotes"
    case "found unknown escape character":
      "in double quotes a backslash begins an escape, and this one does not exist: write \\\\ for a backslash"
    case "did not find expected hexdecimal number", "found invalid Unicode character escape code":
      "an escape that names no character: \\x, \\u and \\U take 2, 4 and 8 hexadecimal digits"
    case "found unexpected ':'": "a colon inside of text in brackets or braces: it needs quotes"
    case "did not find expected comment or line break":
      "only the end of the line or a comment can stand behind | and >"
    case "found an indentation indicator equal to 0": "| and > take an indentation of 1 to 9"
    case "did not find expected alphabetic or numeric character":
      "& and * begin anchors and aliases, which are not supported: text that begins with one needs quotes"
    case "found undefined tag handle", "did not find expected tag URI", "did not find expected '!'",
      "did not find expected whitespace or line break", "did not find the expected '>'",
      "did not find URI escaped octet", "found an incorrect leading UTF-8 octet",
      "found an incorrect trailing UTF-8 octet":
      "! begins a tag, which is not supported: text that begins with it needs quotes"
    case "did not find expected <document start>":
      "something follows the end of the document: two values stand side by side"
    case "found unknown directive name", "found duplicate %YAML directive", "found duplicate %TAG directive",
      "found incompatible YAML document", "could not find expected directive name",
      "found unexpected non-alphabetical character", "did not find expected version number",
      "did not find expected digit or '.' character", "found extremely long version number",
      "did not find expected whitespace":
      "% begins a directive, which is not supported: text that begins with it needs quotes"
    case "control characters are not allowed": "a control character; in double quotes it is written \\xNN"
    case "invalid leading UTF-8 octet", "incomplete UTF-8 octet sequence", "invalid trailing UTF-8 octet",
      "invalid length of a UTF-8 sequence", "invalid Unicode character":
      "bytes that are not UTF-8; save the file as UTF-8"
    case "input is too long": "the file is too long"
    default: Self.fallback
    }
  }

  /// For a problem that is not known, of a later libyaml.
  static let fallback = "it is not valid YAML here"

  /// The thing that was being read, for the line where it begins; nil where that is of no help.
  var place: String? {
    switch context {
    case "while parsing a block mapping", "while parsing a flow mapping": "the mapping"
    case "while parsing a block collection", "while parsing a flow sequence": "the list"
    case "while scanning a quoted scalar": "the text in quotes"
    case "while scanning a simple key": "the key"
    default: nil
    }
  }
}
