import Guest
import SpecFile

/// Values as compose, podman and docker write them.
enum ForeignForms {
  /// The words of a command line as a shell parts them: quotes and backslashes, nothing else.
  ///
  /// - Returns: nil for a quote without its end.
  static func words(_ text: String) -> [String]? {
    var words: [String] = []
    var word: String?
    var quote: Character?
    var isEscaped = false
    for character in text {
      if isEscaped {
        word = (word ?? "") + String(character)
        isEscaped = false
      } else if character == "\\", quote != "'" {
        isEscaped = true
      } else if let open = quote {
        if character == open { quote = nil } else { word = (word ?? "") + String(character) }
      } else if character == "'" || character == "\"" {
        quote = character
        word = word ?? ""
      } else if character.isWhitespace {
        if let done = word { words.append(done) }
        word = nil
      } else {
        word = (word ?? "") + String(character)
      }
    }
    guard quote == nil, !isEscaped else { return nil }
    return words + (word.map { [$0] } ?? [])
  }

  /// A number as one, other text as it is.
  static func plain(_ text: String) -> DataValue {
    if let number = UInt64(text) { return .unsigned(number) }
    if text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }), let number = Double(text) {
      return .decimal(number)
    }
    return .text(text)
  }

  /// A number of bytes with its unit, other text as it is.
  static func size(_ text: String) -> DataValue { .text(UInt64(text).map { Quantity.text(bytes: $0) } ?? text) }

  /// `NET_ADMIN` and `CAP_NET_ADMIN` in the form of a spec.
  static func capability(_ text: String) -> String {
    let lower = text.lowercased()
    return lower.hasPrefix("cap_") ? String(lower.dropFirst("cap_".count)) : lower
  }

  /// `on-failure:5` and the like; nil for a policy that is not known.
  static func restart(_ text: String) -> DataValue? {
    let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
    switch parts.first ?? "" {
    case "", "no": return .text("never")
    case "always", "unless-stopped": return .text("always")
    case "on-failure":
      guard parts.count == 2, let limit = UInt64(parts[1]), limit > 0 else { return .text("onFailure") }
      return .members(["policy": .text("onFailure"), "limit": .unsigned(limit)])
    case _: return nil
    }
  }

  static func boolean(_ text: String) -> Bool? {
    switch text.lowercased() {
    case "true", "yes", "on", "1": true
    case "false", "no", "off", "0": false
    case _: nil
    }
  }
}

extension Draft {
  static let pathHelper = "/usr/bin/env"

  /// Sets the command; a program without a path is looked up in PATH by env(1).
  mutating func setCommand(_ words: [String], from position: Position, _ source: String) {
    guard let program = words.first else { return }
    var words = words
    if !program.hasPrefix("/") {
      words.insert(Self.pathHelper, at: 0)
      note(
        position, source,
        "\"\(Visible.text(program, limit: 60))\" is no absolute path; \(Self.pathHelper) looks it up in PATH")
    }
    set("command", .list(words.map { .text($0) }), from: position, source)
  }

  /// Sets the tree that stands for an image.
  mutating func setTree(ofImage image: String?, isReadOnly: Bool, from position: Position, _ source: String) {
    let path = "/srv/trees/\(name)"
    set(
      "rootfs", .members(["path": .text(path), "mode": .text(isReadOnly ? "readOnly" : "overlay")]), from: position,
      source)
    let shown = image.map { Visible.text($0, limit: 120) } ?? "an image"
    note(
      position, source,
      "\(shown) is an image; unpack it: podman create --name x \(image == nil ? "IMAGE" : shown)"
        + "; mkdir -p \(path); podman export x | tar -x -C \(path)")
  }

  /// Adds a mount in its short form `source:target[:options]`.
  ///
  /// - Parameter folder: for sources that begin with a dot; nil refuses them.
  mutating func addMount(_ text: String, folder: String?, from position: Position, _ source: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.count >= 2 else {
      return leaveOut(
        position, source, "it has no folder of the host; writes to it stay in the tree, or in its overlay")
    }
    let options = parts.count > 2 ? parts[2].split(separator: ",") : []
    addMount(
      from: parts[0], to: parts[1], readOnly: options.contains("ro"), folder: folder, position: position, source)
  }

  mutating func addMount(
    from host: String, to target: String, readOnly: Bool, folder: String?, position: Position, _ source: String
  ) {
    var host = host
    if host == "." || host.hasPrefix("./") || host.hasPrefix("../") {
      guard let folder else { return leaveOut(position, source, "\(Visible.text(host)) is relative to a file") }
      host = Self.joined(folder, host)
    }
    guard host.hasPrefix("/") else {
      return leaveOut(
        position, source, "the volume \(Visible.text(host, limit: 80)) is no folder of the host; make one and name it")
    }
    append(
      "mounts",
      .members([
        "source": .text(host), "target": .text(target), "readOnly": readOnly ? .bool(true) : nil,
      ]), from: position, source)
  }

  /// A path without its dots, from the folder that it is relative to.
  private static func joined(_ folder: String, _ path: String) -> String {
    var parts = folder.split(separator: "/").map(String.init)
    for part in path.split(separator: "/") {
      switch part {
      case ".": break
      case "..": _ = parts.popLast()
      case _: parts.append(String(part))
      }
    }
    return "/" + parts.joined(separator: "/")
  }

  /// Adds a memory file system in its short form `/run:size=64m,mode=755`.
  mutating func addTmpfs(_ text: String, from position: Position, _ source: String) {
    let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
    addTmpfs(at: parts.first ?? "", options: parts.count > 1 ? parts[1] : "", from: position, source)
  }

  mutating func addTmpfs(at target: String, options: String, from position: Position, _ source: String) {
    var members: [DataValue.Member] = [.init("target", .text(target))]
    for option in options.split(separator: ",") {
      let pair = option.split(separator: "=", maxSplits: 1).map(String.init)
      switch (pair[0], pair.count) {
      case ("size", 2), ("mode", 2), ("uid", 2), ("gid", 2): members.append(.init(pair[0], .text(pair[1])))
      // Of a guest's tmpfs anyway, or of no effect.
      case ("rw", 1), ("nosuid", 1), ("nodev", 1), ("noexec", 1), ("rprivate", 1), ("tmpcopyup", 1): break
      case (_, _): leaveOut(position, source, "the option \(Visible.text(String(option), limit: 40))")
      }
    }
    append("tmpfs", .object(members), from: position, source)
  }

  /// Sets a variable of the environment.
  mutating func setVariable(_ name: String, _ value: String, from position: Position, _ source: String) {
    setMember("env", name, .text(value), from: position, source)
  }

  mutating func setLabel(_ name: String, _ value: String, from position: Position, _ source: String) {
    setMember("labels", name, .text(value), from: position, source)
  }

  /// Leaves out a setting that has no counterpart, with the answer that the table of foreign words has to it.
  mutating func leaveOutForeign(_ word: String, from position: Position, _ source: String) {
    leaveOut(position, source, GuestKeys.answer(toForeign: word) ?? "there is no such setting here")
  }
}
