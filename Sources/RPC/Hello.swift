import XDR

/// Arguments of procedure 0; `hello_args` in protocol/rpc.x.
struct HelloArgs: XDRCodable, Hashable {
  var client: String

  init(client: String) { self.client = client }

  static var xdrMinimumSize: Int { 4 }
  var xdrSize: Int { XDRWriter.opaqueSize(client.utf8.count) }

  func encode(into writer: inout XDRWriter) throws(XDRError) {
    try writer.writeString(client, max: 128)
  }

  init(from reader: inout XDRReader) throws(XDRError) {
    client = try reader.readString(max: 128)
  }
}

/// Result of procedure 0; `hello_reply` in protocol/rpc.x.
struct HelloReply: XDRCodable, Hashable {
  var server: String
  var versions: [UInt32]
  var features: [String]

  init(server: String, versions: [UInt32], features: [String]) {
    self.server = server
    self.versions = versions
    self.features = features
  }

  static var xdrMinimumSize: Int { 12 }

  var xdrSize: Int {
    features.reduce(XDRWriter.opaqueSize(server.utf8.count) + 8 + 4 * versions.count) {
      $0 + XDRWriter.opaqueSize($1.utf8.count)
    }
  }

  func encode(into writer: inout XDRWriter) throws(XDRError) {
    try writer.writeString(server, max: 128)
    try writer.writeCount(versions.count, max: 16)
    for version in versions { writer.writeUInt32(version) }
    try writer.writeCount(features.count, max: 64)
    for feature in features { try writer.writeString(feature, max: 64) }
  }

  init(from reader: inout XDRReader) throws(XDRError) {
    server = try reader.readString(max: 128)
    versions = []
    for _ in 0..<(try reader.readCount(max: 16)) { versions.append(try reader.readUInt32()) }
    features = []
    for _ in 0..<(try reader.readCount(max: 64)) { features.append(try reader.readString(max: 64)) }
  }
}
