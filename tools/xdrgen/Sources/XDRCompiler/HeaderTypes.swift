// Structs that files of Sun's RPC refer to and leave to C's headers, or to the text of RFC 5531.

enum HeaderTypes {
  /// By name, in the XDR language. A file's own definition comes first.
  static let texts: [String: String] = [
    // RFC 5531 section 9.2 and appendix A; NFSv4.1's callbacks have them.
    "authsys_parms": """
    struct authsys_parms {
        unsigned int stamp;
        string machinename<255>;
        unsigned int uid;
        unsigned int gid;
        unsigned int gids<16>;
    };
    """,
    "opaque_auth": """
    struct opaque_auth {
        int flavor;
        opaque body<400>;
    };
    """,
    // <rpc/types.h> of TI-RPC: rpcbind's universal addresses (xdr_netbuf).
    "netbuf": """
    struct netbuf {
        unsigned int maxlen;
        opaque buf<>;
    };
    """,
  ]

  /// Definitions of what these tokens name and these definitions do not define.
  static func definitions(
    _ tokens: [Token], _ definitions: [DefinitionSyntax], _ sources: SourceManager, _ diagnostics: DiagnosticSink,
    _ dialect: Dialect
  ) -> [DefinitionSyntax] {
    var names: Set<String> = []
    for token in tokens where token.kind == .identifier && texts[token.text] != nil { names.insert(token.text) }
    guard !names.isEmpty else { return [] }
    for definition in definitions { names.remove(definition.name.text) }
    guard !names.isEmpty else { return [] }
    let text = names.sorted().compactMap { texts[$0] }.joined(separator: "\n")
    let preprocessor = Preprocessor(
      sources: sources, provider: MemorySources(), diagnostics: diagnostics, defines: [:])
    preprocessor.add(path: "<rpc>", identity: "<rpc>", bytes: [UInt8](text.utf8))
    var parser = Parser(
      tokens: preprocessor.tokens, comments: preprocessor.comments, sources: sources, diagnostics: diagnostics,
      dialect: dialect)
    parser.parse()
    return parser.definitions
  }
}
