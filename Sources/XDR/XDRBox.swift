/// Holds a value of a type that contains itself: a tree's branch.
public indirect enum XDRBox<Value: Sendable & Hashable>: Sendable, Hashable {
  case empty
  case full(Value)

  @inlinable
  public init(_ value: Value?) {
    if let value { self = .full(value) } else { self = .empty }
  }

  @inlinable public var value: Value? {
    if case .full(let value) = self { value } else { nil }
  }
}
