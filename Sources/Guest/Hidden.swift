// Data that people who may only look do not see: they hold passwords and what programs print. Everything else of a guest
// is for everybody who may see the guest at all.

extension GuestSpec {
  /// Stands for a value that is hidden.
  public static let hidden = "(hidden)"

  /// Without the values of environment variables and the arguments of commands. Names, and the program itself, stay.
  public var withoutSecrets: GuestSpec {
    var spec = self
    spec.command = command.enumerated().map { $0.offset == 0 ? $0.element : GuestSpec.hidden }
    for index in spec.environment.indices { spec.environment[index].value = GuestSpec.hidden }
    return spec
  }
}

extension RunRecord {
  /// Without the last lines of the console.
  public var withoutSecrets: RunRecord {
    var record = self
    record.ended.logTail = []
    return record
  }
}
