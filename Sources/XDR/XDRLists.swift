// Linked lists (RFC 4506 section 4.19): nodes one after the other, a flag of 1 before each, 0 at the end. They are
// arrays here and are read and written by a loop, so that no list is too long for the stack.

extension XDRReader {
  /// `node *x` where node's last field is `node *next`. `Node` reads itself without the link.
  @inlinable
  public mutating func readList<Node: XDRDecodable>(of type: Node.Type = Node.self) throws(XDRError) -> [Node] {
    var nodes: [Node] = []
    while try readBool() {
      // No count comes first: each node pays for itself before it is read.
      try charge(1, stride: MemoryLayout<Node>.stride)
      try append(to: &nodes)
    }
    return nodes
  }

  /// A node by value: at least one.
  @inlinable
  public mutating func readNonEmptyList<Node: XDRDecodable>(of type: Node.Type = Node.self) throws(XDRError) -> [Node] {
    var nodes: [Node] = []
    repeat {
      try charge(1, stride: MemoryLayout<Node>.stride)
      try append(to: &nodes)
    } while try readBool()
    return nodes
  }

  @inlinable
  mutating func append<Node: XDRDecodable>(to nodes: inout [Node]) throws(XDRError) {
    do throws(XDRError) {
      nodes.append(try Node(from: &self))
    } catch {
      throw error.inside(index: nodes.count)
    }
  }
}

extension XDRWriter {
  @inlinable
  public mutating func writeList<Node: XDRCodable>(_ nodes: [Node]) throws(XDRError) {
    let nodes = nodes.inPlace
    var index = 0
    while index < nodes.count {
      writeUInt32(1)
      do throws(XDRError) { try nodes[index].encode(into: &self) } catch { throw error.inside(index: index) }
      index &+= 1
    }
    writeUInt32(0)
  }

  @inlinable
  public mutating func writeNonEmptyList<Node: XDRCodable>(_ nodes: [Node]) throws(XDRError) {
    guard !nodes.isEmpty else { throw failure(.wrongCount(0, expected: 1)) }
    let nodes = nodes.inPlace
    var index = 0
    while index < nodes.count {
      if index > 0 { writeUInt32(1) }
      do throws(XDRError) { try nodes[index].encode(into: &self) } catch { throw error.inside(index: index) }
      index &+= 1
    }
    writeUInt32(0)
  }

  // MARK: Sizes, for generated code

  @inlinable
  public static func listSize<Node: XDRCodable>(_ nodes: [Node]) -> Int {
    arraySize(nodes) { 4 &+ $0.xdrSize }
  }

  @inlinable
  public static func arraySize<Element>(_ elements: [Element], _ size: (Element) -> Int) -> Int {
    let elements = elements.inPlace
    var sum = 0
    var index = 0
    while index < elements.count {
      sum += elements[index].size(size)
      index &+= 1
    }
    return sum
  }

  @inlinable
  public static func optionalSize<Value>(_ value: Value?, _ size: (Value) -> Int) -> Int {
    if let value { size(value) } else { 0 }
  }
}
