// swift-tools-version: 6.2
import PackageDescription

let common: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
  name: "codec",
  targets: [
    .target(name: "XDR", swiftSettings: common + [.strictMemorySafety(), .enableExperimentalFeature("Lifetimes")]),
    // records.h and records_xdr.c are made by rpcgen when `run` is run.
    .target(
      name: "CReference", cSettings: [.unsafeFlags(["-I/usr/include/tirpc", "-O2", "-w"])],
      linkerSettings: [.linkedLibrary("tirpc")]),
    .executableTarget(name: "codec", dependencies: ["XDR", "CReference"], swiftSettings: common),
  ],
  swiftLanguageModes: [.v6]
)
