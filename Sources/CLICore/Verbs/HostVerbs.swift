import ArgumentParser
import Guest
import GuestWire
import SpecFile
import WireProtocol
import XDR

struct HostVerb: Verb {
  static let page = VerbPage(
    words: ["host"], group: .host, abstract: "Show the host, and what guests can be given on it",
    discussion: "What the host lacks is named with the reason and the fix.",
    examples: [
      Example("lodge host", "for people"),
      Example("lodge host -o json", "for programs"),
      Example("lodge host -o csv", "the features, one a line"),
    ], quiet: .names)

  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let host = try context.call(Admin.HostInfo.self, XDRVoid(), "host", timeout: try patience.nanoseconds())
    let features = Listing<Wire.HostFeature>(
      name: "features",
      columns: [
        Column("FEATURE", "name", text: { Visible.text($0.name) }, value: { .text($0.name) }),
        Column("AVAILABLE", "available", text: { $0.available ? "yes" : "no" }, value: { .bool($0.available) }),
        Column(
          "REASON", "reason", text: { $0.reason.isEmpty ? "-" : Visible.text($0.reason) }, value: { .text($0.reason) }),
      ],
      json: { .members(["name": .text($0.name), "available": .bool($0.available), "reason": .text($0.reason)]) },
      rowName: \.name)
    if context.format == .csv || context.format == .name || context.options.quiet {
      try context.show(features, host.features)
    } else if context.format.isForPrograms {
      try context.write([
        .init("hostname", .text(host.hostname)), .init("kernel", .text(host.kernel)),
        .init("architecture", .text(host.architecture)), .init("cpus", .unsigned(UInt64(host.cpus))),
        .init("memory", .unsigned(host.memoryBytes)), .init("boot", .text(BootID(host.boot)?.description ?? "")),
        .init("cgroupMode", .text(host.cgroupMode)), .init("features", .list(host.features.map(features.json))),
      ])
    } else {
      var fields = Fields()
      fields.add("Host", Visible.text(host.hostname))
      fields.add("Kernel", "\(Visible.text(host.kernel)), \(Visible.text(host.architecture))")
      fields.add("CPUs", "\(host.cpus)")
      fields.add("Memory", SizeText.approximate(host.memoryBytes))
      fields.add("Cgroups", Visible.text(host.cgroupMode))
      fields.add("Boot", BootID(host.boot)?.description ?? "")
      let screen = context.screen
      context.console.write(fields.lines(screen).map { $0 + "\n" }.joined() + "\n")
      if screen.width == nil {
        context.console.write(features.text(host.features, format: .table))
      } else {
        // A reason is a sentence: it is wrapped, not cut off.
        var table = Fields()
        for feature in host.features {
          let word = Span(feature.available ? "yes" : "no", feature.available ? .green : .yellow)
          let reason = feature.reason.isEmpty ? "" : ", \(Visible.text(feature.reason))"
          table.add(Visible.text(feature.name), [word, Span(reason)])
        }
        context.console.write(table.lines(screen).map { $0 + "\n" }.joined())
      }
    }
    return .done
  }
}
