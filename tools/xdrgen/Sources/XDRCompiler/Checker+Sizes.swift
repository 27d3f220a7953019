// The contents of types: depth, cycles, lists, sizes on the wire, and forbidden combinations.

extension Checker {
  func checkTypes() {
    let numbers = Dictionary(uniqueKeysWithValues: model.types.enumerated().map { (ObjectIdentifier($1), $0) })
    checkAliases(numbers)
    checkUnions()
    checkGrowables()
    findLists(numbers)
    let references = model.types.map { type in
      edges(of: type, numbers) { $0.allDefinitions }
    }
    let components = stronglyConnectedComponents(references)
    for (number, component) in components.enumerated() {
      guard component.count > 1 || references[component[0]].contains(component[0]) else { continue }
      for index in component {
        model.types[index].isRecursive = true
        model.types[index].cycle = number
      }
    }
    checkDepth(components, references)
    computeSizes(components)
    checkGrowableBounds()
    guard !diagnostics.hasErrors else { return }
    box(numbers)
    checkElements()
    checkMessages()
  }

  private func edges(
    of type: TypeDefinition, _ numbers: [ObjectIdentifier: Int], _ reached: (WireType) -> [TypeDefinition]
  ) -> [Int] {
    var result: [Int] = []
    for (index, part) in type.parts.enumerated() {
      // The link of a list is followed by a loop: it is no recursion.
      if let list = type.list, index == list.link { continue }
      result += reached(part).compactMap { numbers[ObjectIdentifier($0)] }
    }
    return result
  }

  /// Typedefs that lead back to themselves mean nothing.
  private func checkAliases(_ numbers: [ObjectIdentifier: Int]) {
    let edges = model.types.map { type -> [Int] in
      guard case .alias(let target) = type.body else { return [] }
      return target.allDefinitions.compactMap { numbers[ObjectIdentifier($0)] }.filter {
        if case .alias = model.types[$0].body { true } else { false }
      }
    }
    var depth = [Int](repeating: 0, count: edges.count)
    for component in stronglyConnectedComponents(edges) {
      guard component.count > 1 || edges[component[0]].contains(component[0]) else {
        // Back ends follow typedefs by a loop with an end.
        let index = component[0]
        depth[index] = (edges[index].map { depth[$0] }.max() ?? 0) + 1
        if depth[index] == 1000 {
          diagnostics.error(
            .nestingTooDeep, "more than 1000 typedefs on the way to a type", at: model.types[index].range)
          model.types[index].body = .alias(.scalar(.int))
          depth[index] = 0
        }
        continue
      }
      let first = model.types[component[0]]
      diagnostics.error(
        .infiniteType, "the typedef '\(first.name)' leads back to itself", at: first.range,
        notes: component.dropFirst().prefix(5).map {
          .init(message: "by way of '\(model.types[$0].name)'", range: model.types[$0].range)
        })
      // Something harmless in its place, so that the rest can be checked.
      for index in component { model.types[index].body = .alias(.scalar(.int)) }
    }
  }

  // MARK: Depth

  /// Most types on the way from one down into its parts, whatever leads there. Values are freed, compared and walked
  /// through by recursion, here and in generated code: the stack bounds what can be.
  static let depthLimit = 500

  /// Cuts chains that are too long, so that not even freeing the model goes down them.
  private func checkDepth(_ components: [[Int]], _ references: [[Int]]) {
    var depths = [Int](repeating: 0, count: references.count)
    var isReported = false
    for component in components {
      let members = Set(component)
      var depth = 0
      for index in component {
        for next in references[index] where !members.contains(next) { depth = max(depth, depths[next]) }
      }
      depth += 1
      if depth > Checker.depthLimit {
        let type = model.types[component[0]]
        if !isReported {
          diagnostics.error(
            .nestingTooDeep, "'\(type.name)' has more than \(Checker.depthLimit) types within each other",
            at: type.range)
        }
        isReported = true
        for index in component { model.types[index].body = .alias(.scalar(.int)) }
        depth = 0
      }
      for index in component { depths[index] = depth }
    }
  }

  // MARK: Lists

  /// A struct whose last field is an optional of itself, and that reaches itself in no other way, is a list.
  private func findLists(_ numbers: [ObjectIdentifier: Int]) {
    for type in model.types {
      guard case .structure(let fields) = type.body else { continue }
      // Fields can follow the last one of a growable, so that it is no link.
      let isShaped = fields.count > 1 && type.growable == nil && fields.last.map { isLink($0.type, to: type) } == true
      if type.annotations.isList, !isShaped, type.growable == nil {
        diagnostics.error(
          .invalidAnnotation, "'\(type.name)' is no list: its last field is not an optional '\(type.name)'",
          at: type.range)
      }
      if isShaped, !type.annotations.isTree { type.list = ListShape(link: fields.count - 1) }
    }
    // Without their links lists are on no cycle. One that still is gets its link back, which may close others.
    while true {
      let references = model.types.map { type in edges(of: type, numbers) { $0.allDefinitions } }
      var isStable = true
      for component in stronglyConnectedComponents(references)
      where component.count > 1 || references[component[0]].contains(component[0]) {
        for type in component.map({ model.types[$0] }) where type.list != nil {
          type.list = nil
          isStable = false
          if type.annotations.isList {
            diagnostics.error(
              .invalidAnnotation, "'\(type.name)' reaches itself by another field too: it is a tree, not a list",
              at: type.range)
          }
        }
      }
      if isStable { return }
    }
  }

  private func isLink(_ type: WireType, to node: TypeDefinition) -> Bool {
    switch type.resolved {
    case .optional(let target): return target.definition === node
    // `node next<1>` is an optional by another spelling: the same bytes.
    case .array(let target, let bound): return bound.value == 1 && !bound.isUnbounded && target.definition === node
    default: return false
    }
  }

  // MARK: Sizes

  /// Everything a component reaches is done before it; inside a component values settle by repetition.
  private func computeSizes(_ components: [[Int]]) {
    let infinite = Int.max
    for component in components {
      let types = component.map { model.types[$0] }
      for type in types { type.minimumSize = infinite }
      var changed = true
      while changed {
        changed = false
        for type in types {
          let size = minimum(of: type)
          if size != type.minimumSize {
            type.minimumSize = size
            changed = true
          }
        }
      }
      for type in types where type.minimumSize == infinite {
        diagnostics.error(
          .infiniteType, "every value of '\(type.name)' would contain another one, without end", at: type.range,
          hint: "make a way out: an optional (*), an array of variable length (<>) or a void arm")
        type.minimumSize = 0
      }
      for type in types where type.minimumSize == hugeSize {
        diagnostics.error(.tooLarge, "no message can hold a value of '\(type.name)'", at: type.range)
      }
      let isCyclic = types[0].isRecursive
      for type in types {
        if let growable = type.growable {
          type.maximumSize = growable.maximumBody.map { 4 + $0 }
        } else {
          type.maximumSize = isCyclic || type.list != nil ? nil : maximum(of: type)
        }
      }
    }
  }

  private func minimum(of type: TypeDefinition) -> Int {
    switch type.body {
    case .enumeration: return 4
    case .alias(let target): return target.minimumSize
    case .structure(let fields):
      var sum = type.growable == nil ? 0 : 4
      for field in fields where field.defaultValue == nil { sum = saturatingAdd(sum, field.type.minimumSize) }
      return sum
    case .union(let union):
      let arms = union.arms + (union.defaultArm.map { [$0] } ?? [])
      let least = arms.map(\.type.minimumSize).min() ?? 0
      return saturatingAdd(union.discriminant.minimumSize, least)
    }
  }

  private func maximum(of type: TypeDefinition) -> Int? {
    switch type.body {
    case .enumeration: return 4
    case .alias(let target): return target.maximumSize
    case .structure(let fields):
      var sum = 0
      for field in fields {
        guard let size = field.type.maximumSize else { return nil }
        sum = saturatingAdd(sum, size)
      }
      return sum >= hugeSize ? nil : sum
    case .union(let union):
      var most = 0
      for arm in union.arms + (union.defaultArm.map { [$0] } ?? []) {
        guard let size = arm.type.maximumSize else { return nil }
        most = max(most, size)
      }
      guard let discriminant = union.discriminant.maximumSize else { return nil }
      let sum = saturatingAdd(discriminant, most)
      return sum >= hugeSize ? nil : sum
    }
  }

  // MARK: Boxes

  /// A Swift struct cannot contain itself. In every cycle of types that hold each other in place, optionals and
  /// arms are stored through a reference; a cycle without either has no end and was refused.
  private func box(_ numbers: [ObjectIdentifier: Int]) {
    let inPlace = model.types.map { type in edges(of: type, numbers) { $0.definitionsInPlace } }
    var componentOf = [Int](repeating: -1, count: inPlace.count)
    for (number, component) in stronglyConnectedComponents(inPlace).enumerated() {
      for index in component { componentOf[index] = number }
    }
    for (index, type) in model.types.enumerated() {
      func returns(_ part: WireType) -> Bool {
        part.definitionsInPlace.contains { definition in
          numbers[ObjectIdentifier(definition)].map { componentOf[$0] == componentOf[index] } ?? false
        }
      }
      switch type.body {
      case .structure(var fields):
        for (position, field) in fields.enumerated() {
          guard position != type.list?.link, case .optional = field.type.resolved, returns(field.type) else { continue }
          fields[position].isBoxed = true
        }
        type.body = .structure(fields)
      case .union(var union):
        for (position, arm) in union.arms.enumerated() where returns(arm.type) {
          union.arms[position].isBoxed = true
        }
        if let arm = union.defaultArm, returns(arm.type) { union.defaultArm?.isBoxed = true }
        type.body = .union(union)
      default: break
      }
    }
  }

  // MARK: Elements and messages

  /// An element without width makes four bytes stand for four billion values.
  private func checkElements() {
    for type in model.types {
      for (part, range) in type.partsWithRanges {
        checkElements(part, at: range)
      }
    }
    for program in model.programs {
      for procedure in program.versions.flatMap(\.procedures) {
        for argument in procedure.arguments { checkElements(argument.type, at: argument.range) }
        checkElements(procedure.result, at: procedure.range)
      }
    }
  }

  private func checkElements(_ type: WireType, at range: SourceRange) {
    switch type {
    case .array(let element, _):
      if element.minimumSize == 0 {
        diagnostics.error(
          .zeroWidthElement, "the elements of this array can take no bytes at all on the wire", at: range,
          hint: "a few bytes could claim four billion of them; give the element a size above 0")
      }
      checkElements(element, at: range)
    case .fixedArray(let element, let count):
      if element.minimumSize == 0, count.value > 1024 {
        diagnostics.error(
          .zeroWidthElement, "\(count.value) elements that can take no bytes at all on the wire", at: range)
      }
      checkElements(element, at: range)
    case .optional(let inner): checkElements(inner, at: range)
    default: break
    }
  }

  /// Messages that could be larger than a frame, where a limit was given.
  private func checkMessages() {
    guard let limit = options.messageLimit else { return }
    for program in model.programs {
      for procedure in program.versions.flatMap(\.procedures) {
        var arguments: Int? = 0
        for argument in procedure.arguments {
          arguments = arguments.flatMap { sum in argument.type.maximumSize.map { saturatingAdd(sum, $0) } }
        }
        report(arguments, "the arguments", procedure, limit)
        report(procedure.result.maximumSize, procedure.isEvent ? "the event" : "the result", procedure, limit)
      }
    }
  }

  private func report(_ size: Int?, _ what: String, _ procedure: ProcedureDefinition, _ limit: Int) {
    guard size == nil || size! > limit else { return }
    let most = size.map { "up to \($0) bytes" } ?? "any number of bytes"
    diagnostics.warning(
      .messageTooLarge, "\(what) of '\(procedure.name)' can take \(most); a message holds \(limit)",
      at: procedure.range)
  }
}

/// More than any message could hold: sums and products stop here. `Int.max` itself means without end.
let hugeSize = 1 << 62

func saturatingAdd(_ one: Int, _ other: Int) -> Int {
  if one == .max || other == .max { return .max }
  let (sum, overflow) = one.addingReportingOverflow(other)
  return overflow ? hugeSize : min(sum, hugeSize)
}

func saturatingMultiply(_ one: Int, _ other: Int) -> Int {
  if one == .max || other == .max { return .max }
  let (product, overflow) = one.multipliedReportingOverflow(by: other)
  return overflow ? hugeSize : min(product, hugeSize)
}

extension TypeDefinition {
  /// The types that make this one up, in order.
  var parts: [WireType] { partsWithRanges.map(\.0) }

  var partsWithRanges: [(WireType, SourceRange)] {
    switch body {
    case .enumeration: return []
    case .alias(let target): return [(target, range)]
    case .structure(let fields): return fields.map { ($0.type, $0.range) }
    case .union(let union):
      let arms = union.arms + (union.defaultArm.map { [$0] } ?? [])
      return [(union.discriminant, range)] + arms.map { ($0.type, $0.range) }
    }
  }
}

extension WireType {
  /// Every definition that is named in it.
  var allDefinitions: [TypeDefinition] {
    switch self {
    case .named(let definition): [definition]
    case .fixedArray(let element, _), .array(let element, _), .optional(let element): element.allDefinitions
    default: []
    }
  }

  /// Definitions whose Swift values would be stored inside a value of this type; arrays keep theirs elsewhere.
  var definitionsInPlace: [TypeDefinition] {
    switch self {
    case .named(let definition): [definition]
    case .optional(let inner):
      // A pointer to a list node is an array of nodes.
      inner.definition?.list != nil ? [] : inner.definitionsInPlace
    default: []
    }
  }

  /// Bytes on the wire, at least. Int.max while a cycle is being worked out.
  public var minimumSize: Int {
    switch self {
    case .void: 0
    case .scalar(let scalar): scalar.size
    case .string, .opaque, .array, .optional: 4
    case .fixedOpaque(let count): paddedSize(Int(count.value))
    case .fixedArray(let element, let count):
      count.value == 0 ? 0 : saturatingMultiply(element.minimumSize, Int(count.value))
    case .named(let definition): definition.minimumSize
    }
  }

  /// Bytes on the wire, at most; nil without a limit.
  public var maximumSize: Int? {
    switch self {
    case .void: return 0
    case .scalar(let scalar): return scalar.size
    case .string(let bound), .opaque(let bound): return bound.isUnbounded ? nil : 4 + paddedSize(Int(bound.value))
    case .fixedOpaque(let count): return paddedSize(Int(count.value))
    case .fixedArray(let element, let count):
      guard count.value > 0 else { return 0 }
      guard let size = element.maximumSize else { return nil }
      let product = saturatingMultiply(size, Int(count.value))
      return product >= hugeSize ? nil : product
    case .array(let element, let bound):
      if bound.value == 0 { return 4 }
      guard !bound.isUnbounded, let size = element.maximumSize else { return nil }
      let sum = saturatingAdd(4, saturatingMultiply(size, Int(bound.value)))
      return sum >= hugeSize ? nil : sum
    case .optional(let inner): return inner.maximumSize.map { saturatingAdd(4, $0) }
    case .named(let definition): return definition.maximumSize
    }
  }

  public var isFixedSize: Bool { maximumSize == minimumSize }
}

func paddedSize(_ count: Int) -> Int { (count + 3) & ~3 }
