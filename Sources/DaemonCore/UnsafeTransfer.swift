/// Carries a value that is not Sendable from the event loop to a thread that does not touch it, and back.
struct UnsafeTransfer<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}
