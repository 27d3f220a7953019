public import Guest
internal import SpecKeys
public import WireProtocol

// A spec crosses as settings: the table of keys turns it into texts and back, and checks every bound.

extension Wire.GuestSettings {
  public init(_ spec: GuestSpec) {
    self.init(list: spec.settings.map { .init(key: $0.key, value: $0.value) })
  }

  /// For the database: with what only a newer version knows.
  init(stored spec: GuestSpec) {
    self.init(list: spec.storedSettings.map { .init(key: $0.key, value: $0.value) })
  }
}

extension GuestSpec {
  /// Makes the table of keys now, and not when the first spec is read: a third of a millisecond.
  public static func prepareSettings() { _ = GuestKeys.table }

  /// - Parameter checkingRules: false for a spec that an older version has taken already: a rule that came later does not
  ///   make what is stored unreadable.
  /// - Throws: `notSupported` for a key that this version does not know, by its name; `invalidArgument` for everything
  ///   else that is wrong.
  public init(_ wire: Wire.GuestSettings, checkingRules: Bool = true) throws(GuestError) {
    try self.init(settings: wire.list.map { Setting($0.key, $0.value) }, checkingRules: checkingRules)
  }
}

extension GuestSpec {
  /// As the database has it. Rules that came later are not checked, and settings of a newer version are kept.
  init(stored wire: Wire.GuestSettings) throws(GuestError) {
    try self.init(stored: wire.list.map { Setting($0.key, $0.value) })
  }
}

extension Wire.Label {
  public init(_ label: Label) { self.init(key: label.key, value: label.value) }
}

extension Label {
  public init(_ wire: Wire.Label) { self.init(wire.key, wire.value) }
}
