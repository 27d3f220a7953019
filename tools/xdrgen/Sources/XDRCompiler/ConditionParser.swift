/// The constant expression of an `#if`: integers, `defined`, macros, the operators of C. Names that are not macros
/// count as 0, as in C.
struct ConditionParser {
  private var tokens: [Token]
  private let macros: [String: [Token]]
  private var index = 0
  private var depth = 0
  /// Names that may still be looked up: macros that double at each step must not take for ever.
  private var budget = 1000
  private(set) var problem: String?
  private(set) var problemRange: SourceRange?

  /// For expressions of C that are no conditions: the values of names that are not macros, of which none is 0 unseen.
  private let knows: ((String) -> Int128?)?

  init(tokens: [Token], macros: [String: [Token]], knows: ((String) -> Int128?)? = nil) {
    self.tokens = tokens
    self.macros = macros
    self.knows = knows
  }

  mutating func parse() -> Int128? {
    guard !tokens.isEmpty else { return nil }
    let value = ternary()
    if problem == nil, index < tokens.count { fail("\(tokens[index].described) is not expected in a condition") }
    return problem == nil ? value : nil
  }

  private mutating func fail(_ message: String) {
    guard problem == nil else { return }
    problem = message
    problemRange = index < tokens.count ? tokens[index].range : tokens.last?.range
    index = tokens.count
  }

  /// Takes an operator, whose signs must follow one another without a gap.
  private mutating func take(_ signs: String) -> Bool {
    let count = signs.utf8.count
    guard index + count <= tokens.count else { return false }
    for (offset, sign) in signs.enumerated() {
      guard tokens[index + offset].is(sign) else { return false }
      if offset > 0, tokens[index + offset].range.lower != tokens[index + offset - 1].range.upper { return false }
    }
    // `<` must not eat half of `<<` or `<=`.
    if count == 1, index + 1 < tokens.count, tokens[index + 1].range.lower == tokens[index].range.upper {
      let next = tokens[index + 1]
      if "<>".contains(signs), next.is(Character(signs)) || next.is("=") { return false }
      if "&|".contains(signs), next.is(Character(signs)) { return false }
      if signs == "!", next.is("=") { return false }
    }
    index += count
    return true
  }

  private mutating func ternary() -> Int128 {
    depth += 1
    defer { depth -= 1 }
    guard depth < 100 else {
      fail("the condition is nested too deeply")
      return 0
    }
    let condition = binary(0)
    guard take("?") else { return condition }
    let yes = ternary()
    guard take(":") else {
      fail("':' is missing in the condition")
      return 0
    }
    let no = ternary()
    return condition != 0 ? yes : no
  }

  private static let levels: [[String]] = [
    ["||"], ["&&"], ["|"], ["^"], ["&"], ["==", "!="], ["<=", ">=", "<", ">"], ["<<", ">>"], ["+", "-"],
    ["*", "/", "%"],
  ]

  private mutating func binary(_ level: Int) -> Int128 {
    guard level < ConditionParser.levels.count else { return unary() }
    var left = binary(level + 1)
    next: while true {
      for sign in ConditionParser.levels[level] where take(sign) {
        let right = binary(level + 1)
        left = apply(sign, left, right)
        continue next
      }
      return left
    }
  }

  private mutating func apply(_ sign: String, _ left: Int128, _ right: Int128) -> Int128 {
    switch sign {
    case "||": return left != 0 || right != 0 ? 1 : 0
    case "&&": return left != 0 && right != 0 ? 1 : 0
    case "|": return left | right
    case "^": return left ^ right
    case "&": return left & right
    case "==": return left == right ? 1 : 0
    case "!=": return left != right ? 1 : 0
    case "<=": return left <= right ? 1 : 0
    case ">=": return left >= right ? 1 : 0
    case "<": return left < right ? 1 : 0
    case ">": return left > right ? 1 : 0
    case "<<": return (0..<64).contains(right) ? wrap(left << right) : 0
    case ">>": return (0..<64).contains(right) ? left >> right : 0
    case "+": return wrap(left + right)
    case "-": return wrap(left - right)
    case "*": return wrap(left.multipliedReportingOverflow(by: right).partialValue)
    default:
      guard right != 0 else {
        fail("division by zero in the condition")
        return 0
      }
      return sign == "/" ? left / right : left % right
    }
  }

  /// As intmax_t would: 64 bits.
  private func wrap(_ value: Int128) -> Int128 { Int128(Int64(truncatingIfNeeded: value)) }

  private mutating func unary() -> Int128 {
    depth += 1
    defer { depth -= 1 }
    guard depth < 100 else {
      fail("the condition is nested too deeply")
      return 0
    }
    if take("!") { return unary() == 0 ? 1 : 0 }
    if take("-") { return wrap(-unary()) }
    if take("+") { return unary() }
    if take("~") { return wrap(~unary()) }
    if take("(") {
      let value = ternary()
      if !take(")") { fail("')' is missing in the condition") }
      return value
    }
    guard index < tokens.count else {
      fail("the condition ends early")
      return 0
    }
    let token = tokens[index]
    index += 1
    switch token.kind {
    case .number:
      if case .value(let value, _) = NumberValue.parse(token.text) { return wrap(value) }
      index -= 1
      fail("'\(token.text)' is not a number")
      return 0
    case .identifier where token.text == "defined":
      let parenthesised = take("(")
      guard index < tokens.count, tokens[index].kind == .identifier else {
        fail("'defined' needs a name")
        return 0
      }
      let name = tokens[index].text
      index += 1
      if parenthesised, !take(")") { fail("')' is missing after 'defined'") }
      return macros[name] != nil ? 1 : 0
    case .identifier:
      return value(of: token.text, hidden: [])
    default:
      index -= 1
      fail("\(token.described) is not expected in a condition")
      return 0
    }
  }

  private mutating func value(of name: String, hidden: Set<String>) -> Int128 {
    budget -= 1
    guard budget > 0 else {
      fail("the condition's macros lead too far")
      return 0
    }
    guard hidden.count < 64 else {
      fail("macros of more than 64 levels")
      return 0
    }
    guard !hidden.contains(name), let tokens = macros[name], let first = tokens.first else {
      if let knows {
        if let value = knows(name) { return value }
        fail("'\(name)' is not known")
      }
      return 0
    }
    if tokens.count == 1, first.kind == .number, case .value(let value, _) = NumberValue.parse(first.text) {
      return value
    }
    if tokens.count == 1, first.kind == .identifier { return value(of: first.text, hidden: hidden.union([name])) }
    var inner = ConditionParser(tokens: tokens, macros: macros.filter { $0.key != name }, knows: knows)
    inner.budget = budget
    inner.depth = depth
    let value = inner.parse()
    budget = inner.budget
    if value == nil, let problem = inner.problem { fail(problem) }
    return value ?? 0
  }
}
