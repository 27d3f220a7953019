// swift-tools-version: 6.2
import PackageDescription

/// As CI does it.
let strict: [SwiftSetting] =
  Context.environment["LODGE_WARNINGS_AS_ERRORS"] == "1" ? [.treatAllWarnings(as: .error)] : []

let common: [SwiftSetting] =
  strict + [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ]

let package = Package(
  name: "xdrgen",
  products: [
    .executable(name: "xdrgen", targets: ["xdrgen"]),
    .library(name: "XDRCompiler", targets: ["XDRCompiler"]),
    .library(name: "XDR", targets: ["XDR"]),
    .library(name: "XDRTesting", targets: ["XDRTesting"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    // The runtime that generated code imports: the same sources as the project's own target.
    .target(name: "XDR", swiftSettings: common + [.strictMemorySafety(), .enableExperimentalFeature("Lifetimes")]),
    // Random values of generated types.
    .target(name: "XDRTesting", dependencies: ["XDR"], swiftSettings: common),
    // Text in, text and diagnostics out: no files, no processes, so that a fuzzer can drive all of it.
    .target(name: "XDRCompiler", swiftSettings: common),
    .executableTarget(
      name: "xdrgen",
      dependencies: ["XDRCompiler", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      swiftSettings: common),

    // Generated from Tests/Fixtures/kitchen-sink, and checked in: every form of the language as Swift.
    .target(
      name: "KitchenSink", dependencies: ["XDR", "XDRTesting"], path: "Tests/KitchenSink",
      swiftSettings: common + [.strictMemorySafety()]),
    .testTarget(
      name: "XDRCompilerTests", dependencies: ["XDRCompiler", "KitchenSink", "XDR", "xdrgen"], exclude: ["Golden"],
      swiftSettings: common),
    // Counts a decoder's allocations, to the byte.
    .target(name: "AllocationMeter", path: "Tests/AllocationMeter"),
    .testTarget(
      name: "ConformanceTests", dependencies: ["XDRCompiler", "KitchenSink", "XDRTesting", "XDR", "AllocationMeter"],
      swiftSettings: common),
  ],
  swiftLanguageModes: [.v6]
)
