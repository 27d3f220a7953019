/// One line of /proc/self/mountinfo; proc_pid_mountinfo(5).
public struct MountEntry: Equatable, Sendable {
  public var root: String
  public var mountPoint: String
  public var type: String
  public var superOptions: [String]

  public init(root: String, mountPoint: String, type: String, superOptions: [String]) {
    self.root = root
    self.mountPoint = mountPoint
    self.type = type
    self.superOptions = superOptions
  }

  /// The mounts of this namespace whose type begins so.
  public static func all(ofType type: String) throws(SystemError) -> [MountEntry] {
    parse(try Files.read("/proc/self/mountinfo"), typePrefix: type)
  }

  /// Those whose type begins with `typePrefix`: a host may have thousands of others. Lines that are not understood are
  /// left out.
  public static func parse(_ bytes: [UInt8], typePrefix: String = "") -> [MountEntry] {
    let wanted = Array(" - \(typePrefix)".utf8)
    return bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
      guard contains(line, wanted) else { return nil }
      let fields = line.split(separator: UInt8(ascii: " "))
      // 36 35 98:0 /root /point options [optional ...] - type source superoptions
      guard let dash = fields.dropFirst(6).firstIndex(where: { $0.elementsEqual("-".utf8) }), fields.count > dash + 3
      else { return nil }
      guard fields[dash + 1].starts(with: typePrefix.utf8) else { return nil }
      return MountEntry(
        root: unescape(fields[3]), mountPoint: unescape(fields[4]), type: unescape(fields[dash + 1]),
        superOptions: fields[dash + 3].split(separator: UInt8(ascii: ",")).map { String(decoding: $0, as: UTF8.self) })
    }
  }

  private static func contains(_ line: ArraySlice<UInt8>, _ text: [UInt8]) -> Bool {
    var index = line.startIndex
    while index + text.count <= line.endIndex {
      if line[index] == text[0], line[index..<index + text.count].elementsEqual(text) { return true }
      index += 1
    }
    return false
  }

  /// Space, tab, newline and backslash come as three octal digits.
  private static func unescape(_ field: ArraySlice<UInt8>) -> String {
    guard field.contains(UInt8(ascii: "\\")) else { return String(decoding: field, as: UTF8.self) }
    var out: [UInt8] = []
    var index = field.startIndex
    while index < field.endIndex {
      let digits = field[(index + 1)...].prefix(3)
      if field[index] == UInt8(ascii: "\\"), digits.count == 3, digits.allSatisfy({ (48...55).contains($0) }) {
        out.append(digits.reduce(0) { $0 &* 8 &+ ($1 - 48) })
        index += 4
      } else {
        out.append(field[index])
        index += 1
      }
    }
    return String(decoding: out, as: UTF8.self)
  }
}
