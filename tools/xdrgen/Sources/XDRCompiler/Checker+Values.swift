// Constants: their values, and the sizes, labels and numbers made from them.

extension Checker {
  /// The value of a constant or enumerator, worked out on first use so that order does not matter.
  func value(of name: String, depth: Int = 0) -> Int128? {
    switch name {
    case "TRUE": return 1
    case "FALSE": return 0
    default: break
    }
    guard let (symbol, range) = symbols[name] else { return nil }
    switch values[name] {
    case .known(let value): return value
    case .unknown: return nil
    case .inProgress:
      diagnostics.error(.circularConstant, "'\(name)' is defined by itself", at: range)
      values[name] = .unknown
      return nil
    case nil: break
    }
    guard depth < 200 else {
      diagnostics.error(.circularConstant, "'\(name)' depends on more than 200 other constants", at: range)
      values[name] = .unknown
      return nil
    }
    values[name] = .inProgress
    var result: Int128?
    switch symbol {
    case .constant(let index): result = evaluate(constantSyntax[index].value, depth: depth + 1)
    case .enumerator(let enumeration, let index): result = enumeratorValue(enumeration, index, depth: depth + 1)
    case .type, .program: break
    }
    if case .unknown? = values[name] { return nil }
    values[name] = result.map { .known($0) } ?? .unknown
    return result
  }

  func enumeratorValue(_ enumeration: String, _ index: Int, depth: Int) -> Int128? {
    // Of two enums with one name, which is reported, only the later one's values are here.
    guard let enumerators = enumSyntax[enumeration]?.enumerators, index < enumerators.count else { return nil }
    // Values are asked for in order, so the one before is nearly always known.
    if index > 0, enumerators[index].value == nil, case .known(let value)? = values[enumerators[index - 1].name.text] {
      return value + 1
    }
    // An implicit value counts on from the nearest explicit one: found by a loop, since enums can be long.
    var base = index
    while base > 0, enumerators[base].value == nil { base -= 1 }
    guard let syntax = enumerators[base].value else { return Int128(index) }
    guard let start = evaluate(syntax, depth: depth) else { return nil }
    return start + Int128(index - base)
  }

  /// Reports what it cannot evaluate.
  func evaluate(_ syntax: ValueSyntax, depth: Int = 0) -> Int128? {
    switch syntax.kind {
    case .number(let value), .character(let value): return value
    case .invalid: return nil
    case .tooWide:
      diagnostics.error(.invalidNumber, "'\(sources.text(syntax.range))' is wider than 64 bits", at: syntax.range)
      return nil
    case .string:
      diagnostics.error(.wrongKind, "a number is needed here, not a string", at: syntax.range)
      return nil
    case .name(let name):
      if symbols[name] == nil, !["TRUE", "FALSE"].contains(name) {
        if let number = procedureNumbers[name] { return procedureNumber(name, number, at: syntax.range, depth) }
        if let value = valueOutsideSchema(name, at: syntax.range) { return value }
        reportUnknown(name, at: syntax.range, what: "constant") {
          switch $0 {
          case .constant, .enumerator: true
          default: false
          }
        }
        return nil
      }
      guard let entry = symbols[name] else { return value(of: name) }
      if case .type = entry.symbol {
        diagnostics.error(
          .wrongKind, "'\(name)' is a type, and a constant is needed here", at: syntax.range,
          notes: [.init(message: "defined here", range: entry.range)])
        return nil
      }
      if case .program = entry.symbol {
        diagnostics.error(.wrongKind, "'\(name)' is a program, and a constant is needed here", at: syntax.range)
        return nil
      }
      return value(of: name, depth: depth)
    }
  }

  /// A procedure where a constant is needed: rpcgen defines its name as its number (RFC 1833's own file counts on it).
  private func procedureNumber(_ name: String, _ number: ValueSyntax, at range: SourceRange, _ depth: Int) -> Int128? {
    guard depth < 200, number.range != range else {
      diagnostics.error(.circularConstant, "'\(name)' is defined by itself", at: range)
      return nil
    }
    guard let value = evaluate(number, depth: depth + 1) else { return nil }
    if reportedProcedures.insert(name).inserted {
      diagnostics.warning(
        .dialect, "'\(name)' is a procedure, and a constant is needed here", at: range,
        notes: [.init(message: "its number is taken", range: number.range)])
    }
    return value
  }

  /// Constants of Sun's RPC headers and of RFC 5531, which files of that family count on.
  private static let headerConstants: [String: Int128] = [
    "MAXNETNAMELEN": 255, "MAX_NETOBJ_SZ": 1024, "MAX_AUTH_BYTES": 400, "MAX_MACHINE_NAME": 255, "NGRPS": 16,
    "AUTH_NONE": 0, "AUTH_NULL": 0, "AUTH_SYS": 1, "AUTH_UNIX": 1, "AUTH_SHORT": 2, "AUTH_DH": 3, "AUTH_DES": 3,
    "AUTH_KERB": 4, "AUTH_RSA": 5, "RPCSEC_GSS": 6,
  ]

  /// A value that C would know from a `%#define` or a header.
  private func valueOutsideSchema(_ name: String, at range: SourceRange) -> Int128? {
    if let tokens = passthroughMacros[name] {
      // Names that C would know and nothing here does make no 0: the constant is not known then.
      var expression = ConditionParser(tokens: tokens, macros: passthroughMacros, knows: { self.value(of: $0) })
      if let value = expression.parse() {
        if reportedPassthroughs.insert(name).inserted {
          diagnostics.warning(
            .passthroughConstant, "'\(name)' is known only from a % line, and taken as \(value)", at: range,
            hint: "a const would be known to every XDR compiler")
        }
        return value
      }
    }
    return options.definesCTypes ? Checker.headerConstants[name] : nil
  }

  func reportUnknown(_ name: String, at range: SourceRange, what: String, _ fits: (Symbol) -> Bool) {
    let candidates = symbols.filter { fits($0.value.symbol) }.map(\.key)
    // A hundred thousand candidates take long to compare, and hold no misspelled name worth a suggestion.
    let near = candidates.count < 5000 ? nearest(name, among: candidates) : nil
    // The name may be C's: of a header that only a % line mentions.
    let hint =
      near != nil || !filesWithHeaders.contains(range.file)
      ? nil
      : what == "constant"
        ? "headers that % lines include are not read; -D \(name)=VALUE gives it a value"
        : "headers that % lines include are not read; give the .x file that defines it as another input"
    diagnostics.error(
      .unknownName, "there is no \(what) '\(name)'", at: range,
      notes: near.flatMap { name in symbols[name].map { [.init(message: "'\(name)' is defined here", range: $0.range)] }
      }
        ?? [],
      fix: near.map { .init(range: range, replacement: $0) }, hint: hint)
  }

  /// A size in brackets: 0 to 2^32-1.
  func bound(_ syntax: ValueSyntax?) -> Bound {
    guard let syntax else { return Bound(value: .max, isUnbounded: true, spelling: "") }
    let spelling = sources.text(syntax.range)
    guard let value = evaluate(syntax) else { return Bound(value: 1, isUnbounded: false, spelling: spelling) }
    guard let size = UInt32(exactly: value) else {
      diagnostics.error(
        .valueOutOfRange, "a size must be between 0 and 4294967295, not \(value)", at: syntax.range,
        hint: value < 0 ? nil : "lengths are 32 bits wide (RFC 4506 section 4.13)")
      return Bound(value: 1, isUnbounded: false, spelling: spelling)
    }
    if case .character = syntax.kind {
      diagnostics.error(.wrongKind, "a size must be a number, not a character", at: syntax.range)
    }
    return Bound(value: size, isUnbounded: false, spelling: spelling)
  }

  /// A program, version or procedure number.
  func number(_ syntax: ValueSyntax, _ what: String) -> UInt32? {
    guard let value = evaluate(syntax) else { return nil }
    guard let number = UInt32(exactly: value) else {
      diagnostics.error(
        .invalidNumberRange, "a \(what) number must be between 0 and 4294967295, not \(value)", at: syntax.range)
      return nil
    }
    return number
  }
}
