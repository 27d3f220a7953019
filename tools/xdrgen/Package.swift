// swift-tools-version: 6.2
import PackageDescription

let common: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
  name: "xdrgen",
  products: [
    .executable(name: "xdrgen", targets: ["xdrgen"]),
    .library(name: "XDRCompiler", targets: ["XDRCompiler"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    // Text in, text and diagnostics out: no files, no processes, so that a fuzzer can drive all of it.
    .target(name: "XDRCompiler", swiftSettings: common),
    .executableTarget(
      name: "xdrgen",
      dependencies: ["XDRCompiler", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      swiftSettings: common),
  ],
  swiftLanguageModes: [.v6]
)
