// swift-tools-version: 6.2
import PackageDescription

// A program of its own beside Lodge: it depends on the client library's product and on nothing else of this repository.
let package = Package(
  name: "watch",
  dependencies: [.package(name: "lodge", path: "../..")],
  targets: [
    .executableTarget(name: "watch", dependencies: [.product(name: "LodgeClient", package: "lodge")])
  ],
  swiftLanguageModes: [.v6]
)
