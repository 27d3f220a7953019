// swift-tools-version: 6.2
import PackageDescription

// The module map. A target depends only on targets above it; docs/architecture.md says why.

/// Warnings are errors where CI asks for it: in our targets only, never in a dependency's.
let strictness: [SwiftSetting] =
  Context.environment["LODGE_WARNINGS_AS_ERRORS"] == "1" ? [.treatAllWarnings(as: .error)] : []

/// For every target: imports are explicit.
let common: [SwiftSetting] =
  strictness + [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ]

/// For the modules that decide and never act: no unsafe construct without the word.
let pure: [SwiftSetting] = common + [.strictMemorySafety()]

/// Async code without an actor of its own runs where its caller runs, so that a call is served without a change of thread.
let onCaller: [SwiftSetting] = pure + [.enableUpcomingFeature("NonisolatedNonsendingByDefault")]

/// The command line and the controller ship without a dynamic linker: half the time to start, a third of the memory.
let fullyStatic: [LinkerSetting] = [.unsafeFlags(["-static-executable"], .when(configuration: .release))]

/// Named crash points exist in debug and test builds only.
let crashPoints: [SwiftSetting] = [.define("LODGE_CRASHPOINTS", .when(configuration: .debug))]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let sqlite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")

let package = Package(
  name: "lodge",
  products: [
    .executable(name: "lodge", targets: ["lodge"]),
    .executable(name: "lodge-convert", targets: ["lodge-convert"]),
    .executable(name: "lodged", targets: ["lodged"]),
    .executable(name: "lodge-controller", targets: ["lodge-controller"]),
    .library(name: "LodgeClient", targets: ["LodgeClient"]),
    .library(name: "XDR", targets: ["XDR"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: [
    // Decide: values in, values out. No socket, clock, task, Foundation or Glibc.
    // Lifetimes: a reader borrows the bytes it reads and cannot outlive them.
    .target(name: "XDR", swiftSettings: pure + [.enableExperimentalFeature("Lifetimes")]),
    .target(name: "WireProtocol", dependencies: ["XDR"], swiftSettings: pure),
    // Server protocols and clients: async, and so not for the controller and the CLI.
    .target(name: "WireServices", dependencies: ["WireProtocol", "XDR"], swiftSettings: pure),
    .target(name: "RPC", dependencies: ["WireProtocol", "XDR"], swiftSettings: pure),
    .target(name: "Guest", swiftSettings: pure),
    .target(name: "Supervision", dependencies: ["Guest", "RPC", deque], swiftSettings: pure),
    // Every name that two programs share, and both ways of every line that one writes and another reads.
    .target(name: "Layout", swiftSettings: pure),
    // The table of keys that files, messages, the database and the reference of specs share.
    .target(name: "SpecKeys", dependencies: ["Guest"], swiftSettings: pure),
    .target(
      name: "GuestWire", dependencies: ["Guest", "Layout", "SpecKeys", "WireProtocol", "XDR"], swiftSettings: pure),
    // Version 1: its messages, rows and files, read into the values of today. For the daemon only.
    .target(
      name: "FormerProtocol", dependencies: ["Guest", "GuestWire", "WireProtocol", "XDR"], swiftSettings: pure),

    // What can be asked of the daemon, in the words of guests; and the programs of the wire that ask it.
    .target(name: "Operations", dependencies: ["Guest", "Supervision"], swiftSettings: onCaller),
    .target(
      name: "AdminProgram",
      dependencies: [
        "Guest", "GuestWire", "Operations", "RPC", "SpecKeys", "Supervision", "WireProtocol", "WireServices", "XDR",
      ],
      swiftSettings: onCaller),

    // Act: the kernel.
    .target(name: "CLinuxSystem"),
    .target(name: "LinuxSystem", dependencies: ["CLinuxSystem"], swiftSettings: common),
    .target(name: "CContainerInit"),
    .target(name: "Cgroups", dependencies: ["Guest", "Layout", "LinuxSystem"], swiftSettings: common),
    .target(name: "ConsoleLog", dependencies: ["Layout", "LinuxSystem"], swiftSettings: common),
    .target(
      name: "ContainerRuntime", dependencies: ["CContainerInit", "CLinuxSystem", "Layout", "LinuxSystem", "Cgroups"],
      swiftSettings: common),

    // Act: the wire.
    .target(name: "RPCSocket", dependencies: ["RPC", "WireProtocol", "XDR", "LinuxSystem"], swiftSettings: common),
    .target(
      name: "RPCNIO",
      dependencies: ["RPC", "WireProtocol", "XDR", "LinuxSystem", nioCore, nioPosix], swiftSettings: common),

    // Spec and configuration files (YAML or JSON), with the line and column of every value.
    .systemLibrary(name: "CYAML", providers: [.apt(["libyaml-dev"])]),
    .target(name: "SpecFile", dependencies: ["CYAML", "Guest", "SpecKeys"], swiftSettings: common),

    // The controller.
    .target(
      name: "ControllerCore",
      dependencies: [
        "Guest", "GuestWire", "Layout", "WireProtocol", "XDR", "RPC", "RPCSocket", "Cgroups", "ConsoleLog",
        "ContainerRuntime", "LinuxSystem",
      ],
      swiftSettings: common + crashPoints),
    .executableTarget(
      name: "lodge-controller", dependencies: ["ControllerCore"], linkerSettings: fullyStatic),

    // The daemon.
    .target(
      name: "GuestStore",
      dependencies: ["FormerProtocol", "Guest", "GuestWire", "Supervision", "WireProtocol", "XDR", grdb, sqlite],
      swiftSettings: common + crashPoints),
    .target(
      name: "DaemonCore",
      dependencies: [
        "AdminProgram", "FormerProtocol", "Guest", "GuestWire", "GuestStore", "Layout", "Operations", "Supervision",
        "WireProtocol", "XDR", "RPC",
        "RPCNIO",
        "LinuxSystem", "Cgroups", "ConsoleLog", "ContainerRuntime", "SpecFile", "SpecKeys", nioCore, nioPosix, deque,
        logging, lifecycle,
      ],
      swiftSettings: common + crashPoints + [.enableUpcomingFeature("NonisolatedNonsendingByDefault")]),
    .executableTarget(
      name: "lodged",
      dependencies: [
        "DaemonCore", "Guest", "Layout", "LinuxSystem", "SpecFile", arguments, logging, lifecycle, unixSignals,
      ],
      swiftSettings: common),

    // The clients.
    .target(
      name: "LodgeClient",
      dependencies: ["Guest", "GuestWire", "Layout", "WireProtocol", "XDR", "RPC", "RPCNIO", nioCore, nioPosix],
      swiftSettings: common),
    .target(
      name: "CLICore",
      dependencies: [
        "Guest", "GuestWire", "Layout", "WireProtocol", "XDR", "RPC", "RPCSocket", "LinuxSystem", "SpecFile", arguments,
      ],
      swiftSettings: common),
    .executableTarget(
      name: "lodge", dependencies: ["CLICore"], swiftSettings: common, linkerSettings: fullyStatic),
    // Readers of other tools' files, and the program of its own that they run in.
    .target(name: "ForeignSpecs", dependencies: ["Guest", "SpecFile"], swiftSettings: common),
    .executableTarget(
      name: "lodge-convert", dependencies: ["ForeignSpecs", "SpecFile"], swiftSettings: common,
      linkerSettings: fullyStatic),

    // Tests.
    .target(name: "CTestSupport", path: "Tests/CTestSupport"),
    .target(
      name: "TestSupport", dependencies: ["CTestSupport", "LinuxSystem", "Guest", "LodgeClient"],
      path: "Tests/TestSupport",
      swiftSettings: common),
    .testTarget(name: "XDRTests", dependencies: ["XDR"], swiftSettings: common),
    .testTarget(name: "WireProtocolTests", dependencies: ["WireProtocol", "XDR"], swiftSettings: common),
    .testTarget(name: "RPCTests", dependencies: ["RPC", "WireProtocol", "XDR"], swiftSettings: common),
    .testTarget(name: "GuestTests", dependencies: ["Guest"], swiftSettings: common),
    .testTarget(name: "SupervisionTests", dependencies: ["Supervision", "Guest"], swiftSettings: common),
    .testTarget(
      name: "GuestWireTests", dependencies: ["GuestWire", "Guest", "WireProtocol", "XDR"], swiftSettings: common),
    .testTarget(
      name: "FormerProtocolTests", dependencies: ["FormerProtocol", "Guest", "GuestWire"], swiftSettings: common),
    .testTarget(name: "LinuxSystemTests", dependencies: ["LinuxSystem"], swiftSettings: common),
    .testTarget(name: "CgroupsTests", dependencies: ["Cgroups", "Guest", "LinuxSystem"], swiftSettings: common),
    .testTarget(name: "LayoutTests", dependencies: ["Layout", "LinuxSystem"], swiftSettings: common),
    .testTarget(name: "ConsoleLogTests", dependencies: ["ConsoleLog", "Layout", "LinuxSystem"], swiftSettings: common),
    .testTarget(
      name: "ContainerRuntimeTests", dependencies: ["ContainerRuntime", "Cgroups", "Guest", "LinuxSystem"],
      swiftSettings: common),
    .testTarget(
      name: "RPCSocketTests", dependencies: ["RPCSocket", "RPC", "WireProtocol", "XDR", "LinuxSystem"],
      swiftSettings: common),
    .testTarget(
      name: "RPCNIOTests", dependencies: ["RPCNIO", "RPCSocket", "RPC", "WireProtocol", "XDR", nioCore, nioPosix],
      swiftSettings: common),
    .testTarget(
      name: "LodgeClientTests",
      dependencies: [
        "LodgeClient", "Guest", "GuestWire", "WireProtocol", "XDR", "RPC", "RPCNIO", "LinuxSystem", nioCore, nioPosix,
      ],
      swiftSettings: common),
    .testTarget(name: "SpecKeysTests", dependencies: ["SpecKeys", "Guest"], swiftSettings: common),
    .testTarget(
      name: "ForeignSpecsTests", dependencies: ["ForeignSpecs", "SpecFile", "Guest"], swiftSettings: common),
    .testTarget(name: "SpecFileTests", dependencies: ["SpecFile", "Guest"], swiftSettings: common),
    .testTarget(
      name: "ControllerCoreTests",
      dependencies: [
        "ControllerCore", "lodge-controller", "Cgroups", "ConsoleLog", "ContainerRuntime", "Guest", "GuestWire",
        "Layout", "LinuxSystem", "RPC",
        "RPCSocket",
        "WireProtocol", "XDR",
      ],
      swiftSettings: common),
    .testTarget(
      name: "GuestStoreTests",
      dependencies: ["FormerProtocol", "GuestStore", "Guest", "Supervision", "WireProtocol", "XDR", grdb],
      swiftSettings: common),
    .testTarget(
      name: "DaemonCoreTests",
      dependencies: [
        "DaemonCore", "Guest", "GuestStore", "GuestWire", "Operations", "SpecFile", "Supervision", "WireProtocol",
        "RPC",
        "LinuxSystem", "XDR", logging, nioCore, nioPosix,
      ],
      swiftSettings: common),
    .testTarget(
      name: "AdminProgramTests",
      dependencies: ["AdminProgram", "Guest", "GuestWire", "Operations", "RPC", "SpecKeys", "WireProtocol", "XDR"],
      swiftSettings: onCaller),
    .testTarget(
      name: "CLICoreTests", dependencies: ["CLICore", "Guest", "WireProtocol"], exclude: ["Golden"],
      swiftSettings: common),
    .testTarget(
      name: "IntegrationTests",
      dependencies: [
        "TestSupport", "LodgeClient", "CLICore", "FormerProtocol", "Guest", "GuestWire", "LinuxSystem", "RPCSocket",
        "SpecFile", "XDR", grdb,
      ],
      exclude: ["Golden"], swiftSettings: common),
  ],
  swiftLanguageModes: [.v6]
)
