// LimeBenchmark.swift: LIME against liblime: the rows, and what is done in each round
import ArgumentParser
import Foundation
import Lime

struct LimeBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lime", abstract: "LIME against liblime, in turns, on one disk.",
    discussion: """
      Medians of all rounds in milliseconds, tab separated: row, limeade, liblime, liblime/limeade. Every change of \
      ours is one durable commit of an account's own database (WAL, synchronous = FULL); the key server is in \
      memory. Agreements and encryption for many devices use all processors; liblime uses one.
      """)

  @Option(help: "How often everything is measured; the row with 1000 new sessions has one sample a round.")
  var rounds = 5

  @Option(help: "c25519 or c448; both if absent.")
  var curve: String?

  @Option(help: "The programs that scripts/build-peers built.", completion: .directory)
  var peers = ".build/peers"

  @Option(help: "Where the databases are made; in the folder for temporary files if absent.", completion: .directory)
  var folder: String?

  @Flag(help: "One JSON object a line.")
  var json = false

  func validate() throws {
    guard rounds > 0 else { throw ValidationError("--rounds takes a number from 1 on") }
    if let curve, Curve(name: curve) == nil { throw ValidationError("--curve takes c25519 or c448") }
  }

  func run() throws {
    let parent = folder.map { URL(fileURLWithPath: $0) } ?? FileManager.default.temporaryDirectory
    let work = parent.appendingPathComponent("limeade-bench-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: work, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: work) }
    for curve in Curve.allCases where self.curve.map({ Curve(name: $0) == curve }) ?? true {
      var measurement = try LimeMeasurement(
        curve: curve, folder: work.appendingPathComponent(curve.name), peers: URL(fileURLWithPath: peers))
      try measurement.run(rounds: rounds)
      print(try json ? measurement.table.json(reference: "liblime") : measurement.table.text(reference: "liblime"))
    }
  }
}

/// All rows of one curve.
struct LimeMeasurement {
  /// One implementation with its own stores.
  private struct Side {
    let driver: DriverProcess
    let folder: URL
  }

  private static let deviceCounts = [1, 10, 100, 1000]
  /// Samples a round; fewer where one takes long.
  private static let steadySamples = [1: 10, 10: 10, 100: 5, 1000: 5]
  private static let plaintextLength = 100
  private static let alice = "sip:alice@sip.example.org;gr=urn:uuid:a"
  private static let bob = "sip:bob@sip.example.org;gr=urn:uuid:b"
  /// Devices with prepared bundles: nobody decrypts what they are sent.
  private static let others = "sip:others@sip.example.org;gr=urn:uuid:"

  private(set) var table = ComparisonTable()
  private let curve: Curve
  private let folder: URL
  private let peers: URL
  private let ours: Side
  private let reference: Side
  private var turn = 0

  init(curve: Curve, folder: URL, peers: URL) throws {
    self.curve = curve
    self.folder = folder
    self.peers = peers
    for name in ["limeade", "liblime"] {
      try FileManager.default.createDirectory(
        at: folder.appendingPathComponent(name), withIntermediateDirectories: true)
    }
    let bundles = folder.appendingPathComponent("bundles")
    try BenchmarkKeyServer.writeBundles(
      to: bundles, curve: curve, prefix: Self.others, count: Self.deviceCounts.max() ?? 0)
    ours = Side(driver: try Self.makeOurs(), folder: folder.appendingPathComponent("limeade"))
    reference = Side(driver: try Self.makeReference(peers), folder: folder.appendingPathComponent("liblime"))
    for side in [ours, reference] {
      try side.driver.run("curve \(curve.rawValue)")
      try side.driver.run("bundles \(bundles.path)")
    }
  }

  private static func makeOurs() throws -> DriverProcess {
    guard let program = Bundle.main.executableURL else {
      throw DriverProcess.Failure(description: "this program does not find its own file")
    }
    return try DriverProcess(program, ["lime-driver"])
  }

  private static func makeReference(_ peers: URL) throws -> DriverProcess {
    try DriverProcess(peers.appendingPathComponent("limebench"))
  }

  mutating func run(rounds: Int) throws {
    try startConversation()
    for round in 0..<rounds {
      try measureFloor()
      try measureRegistration(round)
      for count in Self.deviceCounts { try measureSessions(round, count) }
      try measurePassphrase(round)
      try measureConversation()
    }
    try measureSpace()
  }

  // MARK: Rows

  private mutating func measureFloor() throws {
    try sample("one \(curve == .c25519 ? "X25519" : "X448") (floor)") { _ in "dh 200" }
    try sample("one AES-256-GCM of \(Self.plaintextLength) bytes (floor)") { _ in "gcm 5000" }
    try sample("one fdatasync (floor)") { "fsync \($0.folder.appendingPathComponent("synced").path) 10" }
  }

  private mutating func measureRegistration(_ round: Int) throws {
    let database = "registration\(round)"
    try both { "open new \($0.folder.appendingPathComponent(database).path)" }
    try sample("register with 100 keys") { _ in "create new \(Self.alice)0 100" }
    try both { _ in "close new" }
  }

  /// The first message to so many devices, from a new store, and the next ones.
  private mutating func measureSessions(_ round: Int, _ count: Int) throws {
    let database = "sessions\(round)-\(count)"
    try both { "open new \($0.folder.appendingPathComponent(database).path)" }
    try both { _ in "create new \(Self.alice)0 1" }
    let devices = count == 1 ? "1 device" : "\(count) devices"
    let encrypt = "encrypt new \(Self.alice)0 \(Self.plaintextLength) \(Self.others) \(count)"
    try sample("X3DH and first message to \(devices)") { _ in encrypt }
    for _ in 0..<(Self.steadySamples[count] ?? 1) {
      try sample("steady message to \(devices)") { _ in encrypt }
    }
    try both { _ in "forget" }
    try both { _ in "close new" }
    guard count == Self.deviceCounts.last else { return }
    for _ in 0..<5 {
      try sample("open a database with \(count) sessions") {
        "load new \($0.folder.appendingPathComponent(database).path) \(Self.alice)0"
      }
      try both { _ in "close new" }
    }
  }

  /// What encryption on disk costs us; liblime has none.
  private mutating func measurePassphrase(_ round: Int) throws {
    let count = Self.deviceCounts.max() ?? 1
    let encrypt = "encrypt new \(Self.alice)0 \(Self.plaintextLength) \(Self.others) \(count)"
    try both { "open new \($0.folder.appendingPathComponent("passphrase\(round)").path)" }
    try both { _ in "create new \(Self.alice)0 1" }
    try both { _ in encrypt }
    try ours.driver.run("protect new")
    for _ in 0..<(Self.steadySamples[count] ?? 1) {
      try sample("steady message to \(count) devices, ours with a passphrase") { _ in encrypt }
    }
    try both { _ in "forget" }
    try both { _ in "close new" }
  }

  private func startConversation() throws {
    for (name, device) in [("alice", Self.alice), ("bob", Self.bob)] {
      try both { "open \(name) \($0.folder.appendingPathComponent(name).path)" }
      try both { _ in "create \(name) \(device)0 5" }
    }
    try both { _ in encrypt("alice", Self.alice, to: Self.bob) }
    try both { _ in "decrypt bob \(Self.bob)0 \(Self.alice)0" }
  }

  private mutating func measureConversation() throws {
    let roundTrip = [
      encrypt("bob", Self.bob, to: Self.alice), "decrypt alice \(Self.alice)0 \(Self.bob)0",
      encrypt("alice", Self.alice, to: Self.bob), "decrypt bob \(Self.bob)0 \(Self.alice)0",
    ]
    for _ in 0..<10 { try sample("ping-pong: two messages, each encrypted and decrypted") { _ in roundTrip } }
    let messages = 20
    for _ in 0..<messages { try both { _ in encrypt("alice", Self.alice, to: Self.bob) } }
    for _ in 0..<messages {
      try sample("one-way decrypt") { _ in "decrypt bob \(Self.bob)0 \(Self.alice)0" }
    }
  }

  private func encrypt(_ store: String, _ sender: String, to receiver: String) -> String {
    "encrypt \(store) \(sender)0 \(Self.plaintextLength) \(receiver) 1"
  }

  /// On disk: the database with sessions less the one with one. In memory: what new processes hold after a message to all
  /// devices, less what they held before.
  private mutating func measureSpace() throws {
    let count = Self.deviceCounts.max() ?? 1
    func perSession(_ bytes: (Side) throws -> Double) throws -> (ours: Double, reference: Double) {
      // New processes: those before have grown by all that was measured.
      let ours = Side(driver: try Self.makeOurs(), folder: self.ours.folder)
      let reference = Side(driver: try Self.makeReference(peers), folder: self.reference.folder)
      for side in [ours, reference] { try side.driver.run("curve \(curve.rawValue)") }
      return (try bytes(ours) / Double(count - 1), try bytes(reference) / Double(count - 1))
    }
    func database(_ side: Side, _ sessions: Int) -> String {
      side.folder.appendingPathComponent("sessions0-\(sessions)").path
    }
    let disk = try perSession { side in
      try side.driver.run("size \(database(side, count))") - side.driver.run("size \(database(side, 1))")
    }
    let memory = try perSession { side in
      try side.driver.run("load new \(database(side, count)) \(Self.alice)0")
      // What the first message allocates for good is not the sessions'.
      let message = "encrypt new \(Self.alice)0 \(Self.plaintextLength) \(Self.others)"
      try side.driver.run("\(message) 1")
      try side.driver.run("forget")
      let before = try side.driver.run("memory")
      try side.driver.run("\(message) \(count)")
      try side.driver.run("forget")
      return max(0, try side.driver.run("memory") - before)
    }
    table.add("\(curve.name): disk for a session", unit: .bytes, ours: disk.ours, reference: disk.reference)
    table.add(
      "\(curve.name): memory for a session in use", unit: .bytes, ours: memory.ours, reference: memory.reference)
  }

  // MARK: Turns

  private func both(_ command: (Side) -> String) throws {
    for side in [ours, reference] { try side.driver.run(command(side)) }
  }

  private mutating func sample(_ row: String, _ command: (Side) -> String) throws {
    try sample(row) { [command($0)] }
  }

  /// The time of the commands together; who is first changes from sample to sample.
  private mutating func sample(_ row: String, _ commands: (Side) -> [String]) throws {
    func time(_ side: Side) throws -> Double { try commands(side).reduce(0) { $0 + (try side.driver.run($1)) } }
    turn += 1
    if turn.isMultiple(of: 2) {
      let first = try time(ours)
      table.add("\(curve.name): \(row)", ours: first, reference: try time(reference))
    } else {
      let first = try time(reference)
      table.add("\(curve.name): \(row)", ours: try time(ours), reference: first)
    }
  }
}
