import SpecFile

extension Example {
  /// For tests that run the program and know nothing of its modules.
  func json(of verb: String) -> DataValue {
    .members([
      "verb": .text(verb), "command": .text(command), "given": .list(given.map { .text($0.words) }),
      "exitCode": .integer(Int64(exitCode)), "endless": .bool(isEndless),
    ])
  }
}

extension Example.Precondition {
  /// `running web`.
  public var words: String {
    switch self {
    case .stopped(let name): "stopped \(name)"
    case .running(let name): "running \(name)"
    case .ended(let name): "ended \(name)"
    case .absent(let name): "absent \(name)"
    case .specFile(let name): "specFile \(name)"
    case .foreignFile(let name): "foreignFile \(name)"
    case .hook(let name): "hook \(name)"
    }
  }
}
