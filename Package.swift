// swift-tools-version: 6.1
// limeade: a terminal SIP chat client for Flexisip, its lab and its key server.
import PackageDescription

let package = Package(
  name: "limeade",
  platforms: [.macOS(.v15)],
  products: [.executable(name: "limeade", targets: ["limeade"])],
  dependencies: [
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/LebJe/TOMLKit", exact: "0.6.0"),
    .package(url: "https://github.com/swhitty/FlyingFox", exact: "0.27.1"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", exact: "0.2.0"),
  ],
  targets: [
    // One C library each. C functions of our own only where Swift cannot call (tag lists, macros, variadics).
    .systemLibrary(name: "CSofiaHeaders", pkgConfig: "sofia-sip-ua", providers: [.apt(["libsofia-sip-ua-dev"])]),
    .target(name: "CSofia", dependencies: ["CSofiaHeaders"]),
    .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
    .systemLibrary(name: "CMalloc"),
    .target(name: "CResolver"),
    .target(name: "CDecaf", linkerSettings: [.linkedLibrary("decaf")]),
    .systemLibrary(name: "CCrypto", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .target(name: "CCurl", linkerSettings: [.linkedLibrary("curl")]),
    .target(name: "CZlib", linkerSettings: [.linkedLibrary("z")]),
    .target(name: "CNcurses", linkerSettings: [.linkedLibrary("ncursesw"), .linkedLibrary("tinfo")]),

    .target(name: "SafeText"),
    .target(name: "DigestAuth", dependencies: ["CCrypto"]),
    .target(name: "MessageFormats", dependencies: ["CZlib"]),
    .target(
      name: "Lime",
      dependencies: [
        "CSodium", "CDecaf", "CCrypto", .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "GRDBSQLite", package: "GRDB.swift"),
      ]),
    .target(name: "HTTPClient", dependencies: ["CCurl", "DigestAuth"]),
    .target(name: "ServerConnection", dependencies: ["CCrypto", "CResolver", "SafeText"]),
    .target(name: "SIPAgent", dependencies: ["CSofia", "DigestAuth", "MessageFormats", "ServerConnection"]),
    .target(name: "FileTransfer", dependencies: ["HTTPClient", "MessageFormats", "CCrypto"]),
    .target(
      name: "ChatCore",
      dependencies: [
        "SIPAgent", "ServerConnection", "Lime", "MessageFormats", "HTTPClient", "FileTransfer",
        "CSodium", "SafeText",
        .product(name: "GRDB", package: "GRDB.swift"), .product(name: "GRDBSQLite", package: "GRDB.swift"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    .target(name: "HTTPServer", dependencies: [.product(name: "FlyingSocks", package: "FlyingFox")]),
    .target(name: "AccountService", dependencies: ["ChatCore", "FileTransfer", "MessageFormats"]),
    .target(
      name: "KeyServer",
      dependencies: [
        "DigestAuth", "HTTPServer", "Lime",
        .product(name: "GRDB", package: "GRDB.swift"), .product(name: "Logging", package: "swift-log"),
      ]),
    .target(
      name: "Lab",
      dependencies: [
        "SIPAgent", "DigestAuth", "MessageFormats", "HTTPServer", "KeyServer", "CCrypto",
        .product(name: "Logging", package: "swift-log"),
      ]),
    .target(
      name: "FlexisipCheck",
      dependencies: [
        "ChatCore", "SIPAgent", "ServerConnection", "MessageFormats", "HTTPClient", "FileTransfer", "DigestAuth",
        "Lime", "CCrypto", "SafeText",
        .product(name: "Logging", package: "swift-log"),
      ]),
    .target(
      name: "Load",
      dependencies: [
        "ChatCore", "FlexisipCheck", "ServerConnection", .product(name: "Histogram", package: "hdrhistogram-swift"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    .target(name: "TraceFile", dependencies: ["MessageFormats", "SafeText"]),
    .target(name: "TerminalUI", dependencies: ["CNcurses", "SafeText"]),
    .executableTarget(
      name: "limeade",
      dependencies: [
        "AccountService", "ChatCore", "FileTransfer", "Lab", "KeyServer", "FlexisipCheck", "ServerConnection",
        "TerminalUI", "MessageFormats", "DigestAuth", "Lime", "SIPAgent", "SafeText", "TraceFile",
        "Load",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "TOMLKit", package: "TOMLKit"), .product(name: "Logging", package: "swift-log"),
        .target(name: "CMalloc", condition: .when(platforms: [.linux])),
      ],
      linkerSettings: [
        // Packed relocations (glibc 2.36), which gold does not know: 2 MB less for the loader to read in each process.
        .unsafeFlags(
          ["-use-ld=lld", "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs"],
          .when(platforms: [.linux], configuration: .release))
      ]),
    // Measures; not installed. scripts/bench runs it.
    .executableTarget(
      name: "limeade-bench",
      dependencies: [
        "ChatCore", "Lime", "MessageFormats", "TerminalUI", "CCrypto", "CDecaf", "CSodium", "TestSupport",
        .product(name: "GRDB", package: "GRDB.swift"), .product(name: "Logging", package: "swift-log"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    .target(name: "TestSupport", path: "Tests/TestSupport"),
    // What speaks SIP and LIME by hand, right or wrong.
    .target(
      name: "HostilePeer",
      dependencies: [
        "DigestAuth", "HTTPClient", "Lime", "MessageFormats", "TestSupport",
        .product(name: "GRDB", package: "GRDB.swift"),
      ], path: "Tests/HostilePeer"),
    // What scripts/fuzz and FuzzTests feed with hostile input.
    .target(
      name: "FuzzTargets",
      dependencies: [
        "ChatCore", "DigestAuth", "FlexisipCheck", "HTTPServer", "KeyServer", "Lime", "MessageFormats", "SIPAgent",
        "TerminalUI", "TestSupport", "TraceFile",
        .product(name: "GRDB", package: "GRDB.swift"), .product(name: "Logging", package: "swift-log"),
      ], path: "Tests/Fuzz/Targets"),
    .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets", "TestSupport"]),
    .testTarget(name: "TestSupportTests", dependencies: ["TestSupport"]),
    .testTarget(name: "DigestAuthTests", dependencies: ["DigestAuth", "TestSupport"]),
    .testTarget(
      name: "MessageFormatsTests", dependencies: ["MessageFormats", "TestSupport"], resources: [.copy("Corpus")]),
    .testTarget(name: "LimeTests", dependencies: ["Lime", "TestSupport"], resources: [.copy("Vectors")]),
    .testTarget(name: "HTTPClientTests", dependencies: ["HTTPClient", "TestSupport"]),
    .testTarget(name: "ServerConnectionTests", dependencies: ["ServerConnection", "TestSupport"]),
    .testTarget(name: "FileTransferTests", dependencies: ["FileTransfer", "HTTPClient", "Lab", "TestSupport"]),
    .testTarget(
      name: "SIPAgentTests",
      dependencies: ["SIPAgent", "ServerConnection", "MessageFormats", "DigestAuth", "TestSupport"]),
    .testTarget(name: "ChatCoreTests", dependencies: ["ChatCore", "SIPAgent", "TestSupport"]),
    .testTarget(name: "AccountServiceTests", dependencies: ["AccountService", "ChatCore", "TestSupport"]),
    .testTarget(
      name: "KeyServerTests",
      dependencies: ["KeyServer", "TestSupport", .product(name: "GRDB", package: "GRDB.swift")]),
    .testTarget(
      name: "LabTests",
      dependencies: [
        "HTTPServer", "HostilePeer", "Lab", "MessageFormats", "TestSupport",
        .product(name: "FlyingSocks", package: "FlyingFox"),
      ]),
    .testTarget(
      name: "FlexisipCheckTests", dependencies: ["FlexisipCheck", "Lab", "KeyServer", "TestSupport", "limeade"]),
    .testTarget(name: "LoadTests", dependencies: ["Load", "TestSupport", "limeade"]),
    .testTarget(name: "TraceFileTests", dependencies: ["ServerConnection", "TestSupport", "TraceFile", "limeade"]),
    .testTarget(name: "TerminalUITests", dependencies: ["TerminalUI", "TestSupport"]),
    .testTarget(
      name: "InteropTests",
      dependencies: [
        "ChatCore", "DigestAuth", "FileTransfer", "FlexisipCheck", "HostilePeer", "KeyServer", "Lab", "TestSupport",
        "limeade",
        .product(name: "GRDB", package: "GRDB.swift"),
      ]),
    .testTarget(name: "ScreenTests", dependencies: ["TestSupport", "limeade"]),
  ],
  swiftLanguageModes: [.v6]
)

// The coverage-guided fuzzer, only when scripts/fuzz asks for it: LIMEADE_FUZZ is the path of libFuzzer without a main.
// All Swift code of this package is then built with coverage counters, and `--sanitize address` is expected; fast unless
// LIMEADE_FUZZ_SLOW is set, which takes half the time to build.
if let libFuzzer = Context.environment["LIMEADE_FUZZ"] {
  let isSlow = Context.environment["LIMEADE_FUZZ_SLOW"] != nil
  for target in package.targets where target.type == .regular && target.path?.hasPrefix("Tests/") != true {
    target.swiftSettings =
      (target.swiftSettings ?? []) + [.unsafeFlags(["-sanitize=fuzzer"] + (isSlow ? [] : ["-O"]))]
  }
  package.targets.append(
    .executableTarget(
      name: "limeade-fuzz", dependencies: ["FuzzTargets", "TestSupport"], path: "Tests/Fuzz/Program",
      linkerSettings: [
        // Debian's gold cannot read the debugging information of Swift's sanitizers.
        .unsafeFlags(["-use-ld=lld", "-Xlinker", libFuzzer, "-lstdc++"])
      ]))
}
