import Guest
import SpecFile

/// Domains of libvirt (libvirt.org/formatdomain.html) of the type lxc: containers.
enum Libvirt {
  static func draft(_ domain: XMLElement, file: String) throws(SpecFileError) -> Draft {
    guard domain.name == "domain" else {
      throw Conversion.unknown(file, domain.position, "<\(domain.name)> is no domain of libvirt")
    }
    let type = domain.attributes["type"] ?? ""
    guard type == "lxc" else {
      throw Conversion.unknown(
        file, domain.position,
        "a domain of the type \"\(Visible.text(type, limit: 40))\" is a virtual machine; guests are containers (type lxc)"
      )
    }
    let name = domain.first("name")
    var draft = Draft(name: name?.text ?? "", at: name?.position ?? domain.position, key: "domain.name")
    for element in domain.children { take(element, &draft) }
    if draft.value(of: "rootfs") == nil {
      draft.note(
        domain.position, "domain.devices", "no <filesystem> has the target /: write rootfs, the folder of its tree")
    }
    if draft.value(of: "restart") == nil { draft.set("restart", .text("onReboot"), from: domain.position, "domain") }
    return draft
  }

  private static func take(_ element: XMLElement, _ draft: inout Draft) {
    let key = "domain.\(element.name)"
    let place = element.position
    switch element.name {
    case "name", "uuid", "on_poweroff", "clock", "memtune": break
    case "title", "description": draft.set("description", .text(element.text), from: place, key)
    case "memory": memory(element, key, &draft)
    case "currentMemory": break
    // Without cputune a container is not held to it.
    case "vcpu": break
    case "cputune": processors(element, key, &draft)
    case "os": system(element, key, &draft)
    case "devices": for device in element.children { self.device(device, &draft) }
    case "on_reboot":
      if element.text == "destroy" { draft.set("restart", .text("never"), from: place, key) }
    case "on_crash":
      if element.text == "restart" { draft.set("restart", .text("onFailure"), from: place, key) }
    case "features": features(element, key, &draft)
    case "idmap":
      draft.leaveOut(place, key, "ids of a guest are those of the host")
    case let word: draft.leaveOutForeign(word, from: place, key)
    }
  }

  /// libvirt's units: KiB if none is named; b, KB and MB of 1000, KiB and M of 1024.
  private static func bytes(_ element: XMLElement, unit: String = "KiB", value: String? = nil) -> UInt64? {
    guard let number = UInt64(value ?? element.text) else { return nil }
    let factors: [String: UInt64] = [
      "b": 1, "bytes": 1, "KB": 1000, "k": 1 << 10, "KiB": 1 << 10, "MB": 1_000_000, "M": 1 << 20, "MiB": 1 << 20,
      "GB": 1_000_000_000, "G": 1 << 30, "GiB": 1 << 30, "TB": 1_000_000_000_000, "T": 1 << 40, "TiB": 1 << 40,
    ]
    guard let factor = factors[unit] else { return nil }
    let (product, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? nil : product
  }

  private static func memory(_ element: XMLElement, _ key: String, _ draft: inout Draft) {
    guard let bytes = bytes(element, unit: element.attributes["unit"] ?? "KiB") else {
      return draft.leaveOut(element.position, key, "\(Visible.text(element.text, limit: 40)) is no size")
    }
    draft.set("limits.memory", .text(Quantity.text(bytes: bytes)), from: element.position, key)
  }

  private static func processors(_ element: XMLElement, _ key: String, _ draft: inout Draft) {
    for child in element.children where child.name != "quota" && child.name != "period" {
      draft.leaveOut(child.position, "\(key).\(child.name)", "of CPU time there is one limit: limits: {cpu: 1.5}")
    }
    guard let quota = element.first("quota"), let part = UInt64(quota.text) else { return }
    let period = element.first("period").flatMap { UInt64($0.text) } ?? 100_000
    guard period > 0 else { return }
    let hundredths = part.multipliedReportingOverflow(by: 100)
    draft.set(
      "limits.cpu", .decimal(Double(hundredths.overflow ? 0 : hundredths.partialValue / period) / 100),
      from: quota.position, "\(key).quota")
  }

  private static func system(_ element: XMLElement, _ key: String, _ draft: inout Draft) {
    if let program = element.first("init") {
      draft.setCommand(
        [program.text] + element.all("initarg").map(\.text), from: program.position, "\(key).init")
    }
    for variable in element.all("initenv") {
      let name = variable.attributes["name"] ?? ""
      draft.setVariable(name, variable.text, from: variable.position, "\(key).initenv.\(name)")
    }
    if let folder = element.first("initdir") {
      draft.set("workdir", .text(folder.text), from: folder.position, "\(key).initdir")
    }
    if let user = element.first("inituser") {
      // `+1000` is a number and no name.
      func plain(_ text: String) -> String { text.hasPrefix("+") ? String(text.dropFirst()) : text }
      let group = element.first("initgroup").map { ":" + plain($0.text) } ?? ""
      draft.set("user", .text(plain(user.text) + group), from: user.position, "\(key).inituser")
    }
  }

  private static func device(_ element: XMLElement, _ draft: inout Draft) {
    let key = "domain.devices.\(element.name)"
    switch element.name {
    case "emulator", "console", "controller", "seclabel": break
    case "filesystem": filesystem(element, key, &draft)
    case let word: draft.leaveOutForeign(word, from: element.position, key)
    }
  }

  private static func filesystem(_ element: XMLElement, _ key: String, _ draft: inout Draft) {
    let target = element.first("target")?.attributes["dir"] ?? ""
    let isReadOnly = element.first("readonly") != nil
    let source = element.first("source")
    switch element.attributes["type"] ?? "mount" {
    case "mount" where target == "/":
      draft.set(
        "rootfs",
        .members([
          "path": .text(source?.attributes["dir"] ?? ""), "mode": isReadOnly ? .text("readOnly") : nil,
        ]), from: element.position, key)
    case "mount":
      draft.addMount(
        from: source?.attributes["dir"] ?? "", to: target, readOnly: isReadOnly, folder: nil,
        position: element.position, key)
    case "ram":
      let size = source.flatMap { source in
        bytes(source, unit: source.attributes["units"] ?? "KiB", value: source.attributes["usage"] ?? "")
      }
      draft.append(
        "tmpfs", .members(["target": .text(target), "size": size.map { .text(Quantity.text(bytes: $0)) }]),
        from: element.position, key)
    case let type:
      draft.leaveOut(
        element.position, key,
        "a filesystem of the type \(Visible.text(type, limit: 40)); folders of the host are bound, memory is tmpfs")
    }
  }

  private static func features(_ element: XMLElement, _ key: String, _ draft: inout Draft) {
    for feature in element.children {
      switch feature.name {
      case "privnet": draft.set("network", .text("none"), from: feature.position, "\(key).privnet")
      case "capabilities":
        for (list, state) in [("add", "on"), ("drop", "off")] {
          draft.setList(
            "capabilities.\(list)",
            feature.children.filter { $0.attributes["state"] == state }.map { ($0.name, $0.position) },
            "\(key).capabilities")
        }
        if feature.attributes["policy"] == "deny" {
          draft.leaveOut(
            feature.position, "\(key).capabilities", "the policy deny; write drop: [all] and what is added")
        }
      case _: break
      }
    }
  }
}
