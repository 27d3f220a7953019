import Guest
import SpecFile

/// Compose files (compose-spec.io), by docker compose, podman-compose and others.
enum Compose {
  static func conversion(_ node: Node, file: String, folder: String?) throws(SpecFileError) -> Conversion {
    guard case .mapping(let top) = node.content, let services = top.first(where: { $0.key == "services" }),
      case .mapping(let entries) = services.value.content, !entries.isEmpty
    else {
      throw Conversion.unknown(
        file, node.position, "it has no services, so it is no compose file; --from names another tool")
    }
    var notes: [Draft.Note] = []
    for entry in top {
      switch entry.key {
      case "services", "version", "name": break
      case let key where key.hasPrefix("x-"): break
      case let key:
        notes.append(
          Draft.Note(position: entry.keyPosition, key: key, text: "left out: there are no \(key) of their own here"))
      }
    }
    return Conversion(drafts: entries.map { Service($0, folder: folder).draft }, notes: notes)
  }

  /// One service, read entry by entry.
  private struct Service {
    var draft: Draft
    private let folder: String?
    private let path: String
    private var image: (text: String?, position: Position)
    private var isReadOnly = false
    private var entrypoint: [String]?
    private var command: [String]?
    private var commandPlace: (Position, String)?

    init(_ entry: Node.Entry, folder: String?) {
      self.folder = folder
      path = "services.\(entry.key)"
      image = (nil, entry.keyPosition)
      var members: [Node.Entry] = []
      if case .mapping(let found) = entry.value.content { members = found }
      let named = members.first { $0.key == "container_name" }
      draft = Draft(
        name: named?.value.text ?? entry.key, at: named?.value.position ?? entry.keyPosition, key: path)
      for member in members { take(member) }
      draft.setTree(ofImage: image.text, isReadOnly: isReadOnly, from: image.position, "\(path).image")
      if let words = entrypoint.map({ $0 + (command ?? []) }) ?? command, let place = commandPlace {
        draft.setCommand(words, from: place.0, place.1)
      } else {
        draft.note(
          entry.keyPosition, path,
          "it runs the command of its image, which this file does not have: write command; podman inspect shows it")
      }
    }

    private mutating func take(_ entry: Node.Entry) {
      let key = "\(path).\(entry.key)"
      let value = entry.value
      let place = value.position
      // Left empty, as `environment:` with nothing behind it.
      if value.isNull { return }
      if let text = value.text, text.contains("${") {
        draft.note(place, key, "a variable of the shell is taken as it is written; docker compose config fills it in")
      }
      switch entry.key {
      case "container_name", "build", "pull_policy", "platform", "profiles": break
      case "image": image = (value.text, place)
      case "read_only": isReadOnly = value.text.flatMap(ForeignForms.boolean) ?? false
      case "command":
        command = words(value, key)
        commandPlace = (place, key)
      case "entrypoint":
        entrypoint = words(value, key)
        commandPlace = commandPlace ?? (place, key)
      case "environment": pairs(value, key) { $0.setVariable($1, $2, from: $3, $4) }
      case "labels": pairs(value, key) { $0.setLabel($1, $2, from: $3, $4) }
      case "volumes": for item in list(value, key) { volume(item, key) }
      case "tmpfs": for (text, position) in texts(value, key) { draft.addTmpfs(text, from: position, key) }
      case "restart": restart(value.text ?? "", place, key)
      case "user": text(value, "user", key)
      case "working_dir": text(value, "workdir", key)
      case "hostname": text(value, "hostname", key)
      case "stop_signal": text(value, "stop.signal", key)
      case "stop_grace_period": number(value, "stop.timeout", key)
      case "mem_limit": size(value, "limits.memory", key)
      case "cpus": number(value, "limits.cpu", key)
      case "pids_limit": if value.text != "-1" { number(value, "limits.pids", key) }
      case "group_add":
        for (text, position) in texts(value, key) { draft.append("groups", .text(text), from: position, key) }
      case "cap_add": capabilities(value, "add", key)
      case "cap_drop": capabilities(value, "drop", key)
      case "security_opt": securityOptions(value, key)
      case "network_mode": network(value.text ?? "", place, key)
      case "ulimits": ulimits(value, key)
      case "tty":
        if value.text.flatMap(ForeignForms.boolean) == true { draft.set("console", .text("pty"), from: place, key) }
      case "stdin_open": break
      case "shm_size":
        draft.append(
          "tmpfs", .members(["target": .text("/dev/shm"), "size": .text(value.text ?? "")]), from: place, key)
      case "deploy": deploy(value, key)
      case let word where word.hasPrefix("x-"): break
      case let word: draft.leaveOutForeign(word, from: entry.keyPosition, key)
      }
    }

    // MARK: Forms of values

    private mutating func text(_ value: Node, _ key: String, _ source: String) {
      draft.set(key, .text(value.text ?? ""), from: value.position, source)
    }

    private mutating func number(_ value: Node, _ key: String, _ source: String) {
      draft.set(key, ForeignForms.plain(value.text ?? ""), from: value.position, source)
    }

    private mutating func size(_ value: Node, _ key: String, _ source: String) {
      draft.set(key, ForeignForms.size(value.text ?? ""), from: value.position, source)
    }

    private mutating func list(_ value: Node, _ key: String) -> [Node] {
      switch value.content {
      case .sequence(let items): return items
      case .scalar: return [value]
      case .mapping:
        draft.leaveOut(value.position, key, "expected a list, found a mapping")
        return []
      }
    }

    private mutating func texts(_ value: Node, _ key: String) -> [(String, Position)] {
      list(value, key).compactMap { item in item.text.map { ($0, item.position) } }
    }

    private mutating func words(_ value: Node, _ key: String) -> [String]? {
      if case .sequence(let items) = value.content { return items.map { $0.text ?? "" } }
      guard let words = value.text.flatMap(ForeignForms.words) else {
        draft.leaveOut(value.position, key, "a quote has no end")
        return nil
      }
      return words
    }

    /// A mapping, or a list of NAME=value.
    private mutating func pairs(
      _ value: Node, _ key: String, _ set: (inout Draft, String, String, Position, String) -> Void
    ) {
      switch value.content {
      case .mapping(let entries):
        for entry in entries {
          let name = "\(key).\(entry.key)"
          if entry.value.isNull {
            draft.leaveOut(entry.keyPosition, name, "its value is that of the shell")
          } else if let text = entry.value.text {
            set(&draft, entry.key, text, entry.value.position, name)
          }
        }
      case .sequence(let items):
        for item in items {
          guard let text = item.text else { continue }
          let pair = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
          if pair.count == 2 {
            set(&draft, pair[0], pair[1], item.position, "\(key).\(pair[0])")
          } else {
            draft.leaveOut(item.position, "\(key).\(text)", "its value is that of the shell")
          }
        }
      case .scalar: draft.leaveOut(value.position, key, "expected a mapping or a list")
      }
    }

    // MARK: Settings

    private mutating func volume(_ item: Node, _ key: String) {
      if let text = item.text { return draft.addMount(text, folder: folder, from: item.position, key) }
      func member(_ name: String) -> String? { item.entry(name)?.text }
      let target = member("target") ?? ""
      switch member("type") {
      case "bind":
        draft.addMount(
          from: member("source") ?? "", to: target,
          readOnly: member("read_only").flatMap(ForeignForms.boolean) ?? false, folder: folder,
          position: item.position, key)
      case "tmpfs":
        draft.append(
          "tmpfs",
          .members(["target": .text(target), "size": item.entry("tmpfs")?.entry("size")?.text.map { .text($0) }]),
          from: item.position, key)
      case let type:
        draft.leaveOut(
          item.position, key,
          "a mount of type \(Visible.text(type ?? "none", limit: 40)); folders of the host are bound, memory is tmpfs")
      }
    }

    private mutating func restart(_ text: String, _ place: Position, _ key: String) {
      guard let value = ForeignForms.restart(text) else {
        return draft.leaveOut(place, key, "the policy \(Visible.text(text, limit: 40)) is not known")
      }
      draft.set("restart", value, from: place, key)
      if text == "always" || text == "unless-stopped" {
        draft.set("autostart", .bool(true), from: place, key)
      }
    }

    private mutating func capabilities(_ value: Node, _ list: String, _ key: String) {
      draft.setList("capabilities.\(list)", texts(value, key).map { (ForeignForms.capability($0.0), $0.1) }, key)
    }

    private mutating func securityOptions(_ value: Node, _ key: String) {
      for (text, position) in texts(value, key) {
        switch text {
        case "no-new-privileges", "no-new-privileges:true", "no-new-privileges=true":
          draft.set("noNewPrivileges", .bool(true), from: position, key)
        case "no-new-privileges:false", "no-new-privileges=false":
          draft.set("noNewPrivileges", .bool(false), from: position, key)
        case _: draft.leaveOut(position, key, "\(Visible.text(text, limit: 60)): there is no such setting here")
        }
      }
    }

    private mutating func network(_ mode: String, _ place: Position, _ key: String) {
      switch mode {
      case "host", "none": draft.set("network", .text(mode), from: place, key)
      case _: draft.leaveOut(place, key, "a guest's network is its own with loopback only (none), or the host's (host)")
      }
    }

    private mutating func ulimits(_ value: Node, _ key: String) {
      guard case .mapping(let entries) = value.content else { return }
      for entry in entries {
        let name = "\(key).\(entry.key)"
        if let text = entry.value.text {
          draft.setMember("rlimits", entry.key, ForeignForms.plain(text), from: entry.value.position, name)
        } else {
          draft.setMember(
            "rlimits", entry.key,
            .members([
              "soft": entry.value.entry("soft")?.text.map(ForeignForms.plain),
              "hard": entry.value.entry("hard")?.text.map(ForeignForms.plain),
            ]), from: entry.value.position, name)
        }
      }
    }

    private mutating func deploy(_ value: Node, _ key: String) {
      guard case .mapping(let entries) = value.content else { return }
      for entry in entries {
        let name = "\(key).\(entry.key)"
        guard entry.key == "resources", let limits = entry.value.entry("limits") else {
          draft.leaveOutForeign(entry.key, from: entry.keyPosition, name)
          continue
        }
        if let limit = limits.entry("memory") { size(limit, "limits.memory", "\(name).limits.memory") }
        if let limit = limits.entry("cpus") { number(limit, "limits.cpu", "\(name).limits.cpus") }
        if let limit = limits.entry("pids") { number(limit, "limits.pids", "\(name).limits.pids") }
        if let kept = entry.value.entry("reservations") {
          draft.leaveOut(kept.position, "\(name).reservations", "nothing is reserved for a guest")
        }
      }
    }
  }
}

extension Node {
  /// The value of a member; nil if it is not there, empty, or this is no mapping.
  func entry(_ key: String) -> Node? {
    guard case .mapping(let entries) = content, let found = entries.first(where: { $0.key == key }),
      !found.value.isNull
    else { return nil }
    return found.value
  }

  /// The elements of a list; none if it is no list.
  var items: [Node] {
    guard case .sequence(let items) = content else { return [] }
    return items
  }
}
