/// Why a message could not be decoded, or a value not be encoded: the reason, the byte it happened at, and the
/// way to the field.
///
/// One word in size, so that a throwing decoder pays nothing for it while all goes well. The path is put
/// together while the error travels outwards.
public struct XDRError: Error, Hashable, Sendable {
  /// The rule that was broken. Closed: a decoder refuses for one of these reasons and no other.
  public enum Reason: Hashable, Sendable {
    /// The message ends before the item does.
    case truncated(needed: Int, remaining: Int)
    /// Bytes are left after the last item of the message.
    case trailingBytes(Int)
    /// A bool or the flag of an optional is neither 0 nor 1 (RFC 4506 sections 4.4 and 4.19).
    case invalidBool(UInt32)
    /// The value is not declared in the enum, and the enum is not marked open.
    case unknownValue(Int64, of: String)
    /// The union has neither an arm nor a default for this discriminant.
    case unknownDiscriminant(Int64, of: String)
    /// A `char` or `short` whose word holds more than the type can.
    case outOfRange(Int64, of: String)
    /// A length or count above the bound in the `.x` (encoding or decoding).
    case tooLong(count: Int, limit: Int)
    /// A fixed array or fixed opaque that does not have its one legal count (encoding).
    case wrongCount(Int, expected: Int)
    /// A count that the rest of the message cannot hold, found before anything was allocated for it.
    case countBeyondMessage(count: Int, remaining: Int)
    /// A padding byte that is not zero (RFC 4506 section 3).
    case dirtyPadding
    /// A string that is not UTF-8.
    case invalidUTF8
    /// A string with a NUL inside, which C peers would cut short.
    case containsNUL
    /// Values nested deeper than the limit.
    case tooDeep(limit: Int)
    /// The decoded value would need more memory than the limit.
    case tooMuchMemory(limit: Int)
  }

  /// One step of the way from the message to the field.
  public enum PathPiece: Hashable, Sendable {
    case field(String)
    case index(Int)
  }

  /// The way inwards. A level further out costs one link, so that a message nested as deep as it may be is not
  /// dearer to refuse than to read.
  final class Way: Sendable {
    let piece: PathPiece
    let rest: Way?

    init(_ piece: PathPiece, _ rest: Way?) {
      self.piece = piece
      self.rest = rest
    }
  }

  final class Storage: Sendable {
    let reason: Reason
    let offset: Int
    let way: Way?

    init(_ reason: Reason, offset: Int, way: Way?) {
      self.reason = reason
      self.offset = offset
      self.way = way
    }
  }

  let storage: Storage

  private init(storage: Storage) { self.storage = storage }

  public init(_ reason: Reason, offset: Int, path: [PathPiece] = []) {
    var way: Way?
    for piece in path.reversed() { way = Way(piece, way) }
    storage = Storage(reason, offset: offset, way: way)
  }

  public var reason: Reason { storage.reason }

  /// Bytes from the start of the message to the item that was wrong.
  public var offset: Int { storage.offset }

  /// From the outermost field to the innermost.
  public var path: [PathPiece] {
    var path: [PathPiece] = []
    var way = storage.way
    while let step = way {
      path.append(step.piece)
      way = step.rest
    }
    return path
  }

  public static func == (one: XDRError, other: XDRError) -> Bool {
    one.reason == other.reason && one.offset == other.offset && one.path == other.path
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(reason)
    hasher.combine(offset)
    hasher.combine(path)
  }
}

extension XDRError {
  /// The same error, seen from one level further out.
  @inline(never)
  public func inside(field: String) -> XDRError {
    inside(.field(field))
  }

  /// The same error, seen from the array that holds the item.
  @inline(never)
  public func inside(index: Int) -> XDRError {
    inside(.index(index))
  }

  private func inside(_ piece: PathPiece) -> XDRError {
    XDRError(storage: Storage(reason, offset: offset, way: Way(piece, storage.way)))
  }

  /// For generated code, which counts its fields: `names` is a table made only when something went wrong.
  @inline(never)
  public func inside(_ names: @autoclosure () -> [String], _ field: Int) -> XDRError {
    let names = names()
    return names.indices.contains(field) ? inside(field: names[field]) : self
  }

  /// `args.disks[3].source`; empty for an error of the message as a whole.
  public var pathDescription: String {
    var text = ""
    for piece in path {
      switch piece {
      case .field(let name):
        if !text.isEmpty { text += "." }
        text += name
      case .index(let index):
        text += "[\(index)]"
      }
    }
    return text
  }
}

extension XDRError: CustomStringConvertible {
  /// `args.disks[3].source: string is not UTF-8 (byte 40)`
  public var description: String {
    let path = pathDescription
    return "\(path.isEmpty ? "" : path + ": ")\(reason.description) (byte \(offset))"
  }
}

extension XDRError.Reason: CustomStringConvertible {
  public var description: String {
    switch self {
    case .truncated(let needed, let remaining):
      "message ends early: \(needed) bytes needed, \(remaining) there"
    case .trailingBytes(let count): "\(count) bytes too many after the message"
    case .invalidBool(let value): "a flag must be 0 or 1, not \(value)"
    case .unknownValue(let value, let type): "\(value) is not a value of \(type)"
    case .unknownDiscriminant(let value, let type): "\(type) has no arm for \(value)"
    case .outOfRange(let value, let type): "\(value) does not fit \(type)"
    case .tooLong(let count, let limit): "length \(count) is above the limit of \(limit)"
    case .wrongCount(let count, let expected): "\(count) elements where exactly \(expected) belong"
    case .countBeyondMessage(let count, let remaining):
      "\(count) elements cannot be in the remaining \(remaining) bytes"
    case .dirtyPadding: "padding bytes are not zero"
    case .invalidUTF8: "string is not UTF-8"
    case .containsNUL: "string has a NUL byte inside"
    case .tooDeep(let limit): "nested deeper than \(limit) levels"
    case .tooMuchMemory(let limit): "decoded value would take more than \(limit) bytes of memory"
    }
  }
}
