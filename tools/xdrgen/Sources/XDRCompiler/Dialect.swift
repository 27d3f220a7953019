/// Forms outside RFC 4506, RFC 5531 and rpcgen that public files use, each with a switch.
public struct Dialect: OptionSet, Sendable, Hashable {
  public let rawValue: Int

  public init(rawValue: Int) { self.rawValue = rawValue }

  /// `namespace name { ... }` (Stellar, xdrpp)
  public static let namespaces = Dialect(rawValue: 1)
  /// `struct *name { ... }` defines an optional type (RFC 1057, RFC 1833)
  public static let pointerStructs = Dialect(rawValue: 2)
  /// `T *name<>`: an array of optionals (dart-oncrpc)
  public static let pointerArrays = Dialect(rawValue: 4)
  /// `1'000'000`, `1_000_000` (goxdr)
  public static let digitSeparators = Dialect(rawValue: 8)
  /// `string s;` is `string s<>;` (xdrzcc). Off unless asked for: it hides a missing bound.
  public static let bareStrings = Dialect(rawValue: 16)
  /// A name after an inline `struct`, `enum` or `union` names the type too, for the whole file, as in C.
  public static let taggedInlineTypes = Dialect(rawValue: 32)
  /// `enum { A, B };` defines constants, as in C.
  public static let namelessEnums = Dialect(rawValue: 64)
  /// `package "path";`, which says nothing to us, and `import "name.x";`, an include (buildbarn/go-xdr).
  public static let packages = Dialect(rawValue: 128)
  /// `pragma header nlm4;` and its like: instructions to the Linux kernel's xdrgen on generating C.
  public static let pragmas = Dialect(rawValue: 256)

  /// All forms that conflict with no other.
  public static let standard: Dialect = [
    .namespaces, .pointerStructs, .pointerArrays, .digitSeparators, .taggedInlineTypes, .namelessEnums,
    .packages, .pragmas,
  ]
  public static let all: Dialect = [.standard, .bareStrings]

  /// For the command line.
  public static let names: [(String, Dialect)] = [
    ("namespaces", .namespaces), ("pointer-structs", .pointerStructs), ("pointer-arrays", .pointerArrays),
    ("digit-separators", .digitSeparators), ("bare-strings", .bareStrings),
    ("tagged-inline-types", .taggedInlineTypes), ("nameless-enums", .namelessEnums), ("packages", .packages),
    ("pragmas", .pragmas),
  ]
}
