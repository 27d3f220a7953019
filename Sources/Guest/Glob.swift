/// A pattern for names as in glob(7): `*`, `?`, `[a-z]`, `[!a-z]`. Matching takes time in proportion to the product of
/// the lengths at most, whatever the pattern.
public struct Glob: Sendable, Hashable {
  private enum Piece: Sendable, Hashable {
    case exactly(Unicode.Scalar)
    case any
    case many
    case among([ClosedRange<Unicode.Scalar>], inverted: Bool)
  }

  private let pieces: [Piece]
  public let pattern: String

  public init(_ pattern: String) {
    self.pattern = pattern
    var pieces: [Piece] = []
    let scalars = Array(pattern.unicodeScalars)
    var index = 0
    while index < scalars.count {
      switch scalars[index] {
      case "*": if pieces.last != .many { pieces.append(.many) }
      case "?": pieces.append(.any)
      case "[":
        if let (piece, end) = Self.bracket(scalars, from: index + 1) {
          pieces.append(piece)
          index = end
        } else {
          pieces.append(.exactly("["))
        }
      case let scalar: pieces.append(.exactly(scalar))
      }
      index += 1
    }
    self.pieces = pieces
  }

  /// True if the text has none of the special characters, so that it means one name.
  public static func isPlain(_ text: String) -> Bool { !text.contains { $0 == "*" || $0 == "?" || $0 == "[" } }

  public func matches(_ text: String) -> Bool {
    let scalars = Array(text.unicodeScalars)
    var piece = 0
    var index = 0
    var retry: (piece: Int, index: Int)?
    while index < scalars.count {
      if piece < pieces.count, case .many = pieces[piece] {
        retry = (piece + 1, index)
        piece += 1
      } else if piece < pieces.count, Self.takes(pieces[piece], scalars[index]) {
        piece += 1
        index += 1
      } else if let last = retry {
        retry = (last.piece, last.index + 1)
        piece = last.piece
        index = last.index + 1
      } else {
        return false
      }
    }
    while piece < pieces.count, case .many = pieces[piece] { piece += 1 }
    return piece == pieces.count
  }

  private static func takes(_ piece: Piece, _ scalar: Unicode.Scalar) -> Bool {
    switch piece {
    case .exactly(let wanted): wanted == scalar
    case .any: true
    case .many: false
    case .among(let ranges, let inverted): ranges.contains { $0.contains(scalar) } != inverted
    }
  }

  /// The set that begins after `[`, and the index of its `]`; nil if it is not closed.
  private static func bracket(_ scalars: [Unicode.Scalar], from start: Int) -> (Piece, Int)? {
    var index = start
    var inverted = false
    if index < scalars.count, scalars[index] == "!" || scalars[index] == "^" {
      inverted = true
      index += 1
    }
    var ranges: [ClosedRange<Unicode.Scalar>] = []
    let first = index
    while index < scalars.count {
      if scalars[index] == "]", index > first { return (.among(ranges, inverted: inverted), index) }
      if index + 2 < scalars.count, scalars[index + 1] == "-", scalars[index + 2] != "]" {
        let (low, high) = (scalars[index], scalars[index + 2])
        if low <= high { ranges.append(low...high) }
        index += 3
      } else {
        ranges.append(scalars[index]...scalars[index])
        index += 1
      }
    }
    return nil
  }
}
