// LoadPlan.swift: how much is sent, by whom and how fast, and what stops it

/// A load to be put on a server; within limits, as it may be somebody's.
public struct LoadPlan: Sendable {
  /// Accounts of one run.
  public static let mostAccounts = 1000
  /// Rooms of one run.
  public static let mostRooms = 1000
  /// Texts of one run.
  public static let mostTexts = 1_000_000
  /// Seconds of one run.
  public static let longest = 86_400.0

  /// Rooms that are written to in turn.
  public var rooms = 1
  /// Of each room, its creator among them.
  public var members = 2
  /// Texts a second in all rooms together.
  public var rate = 1.0
  /// Seconds at that rate.
  public var time = 30.0
  /// Seconds in which the rate is reached.
  public var ramp = 5.0
  /// Of a text, in bytes.
  public var size = 60
  /// Whether the rooms are.
  public var isEncrypted = true
  /// Seconds after which a text that has not come to all is lost.
  public var patience = 10.0
  /// Lost and failed texts, in percent of those that had their time, at which it stops.
  public var errorLimit = 10.0

  public init() {}

  /// When the text with this number is due, in seconds from the beginning (the rate grows evenly during the ramp).
  public func due(_ number: Int) -> Double {
    let inRamp = rate * ramp / 2
    let number = Double(number)
    return number < inRamp ? (2 * ramp * number / rate).squareRoot() : ramp + (number - inRamp) / rate
  }

  /// How many texts fall due in the whole run.
  public var texts: Int { Int(rate * ramp / 2 + rate * time) }

  /// What is wrong with it; nil when nothing is.
  public func flaw(accounts: Int) -> String? {
    if accounts < 2 { return "the file of accounts names fewer than two" }
    if accounts > Self.mostAccounts { return "more than \(Self.mostAccounts) accounts" }
    if !(1...Self.mostRooms).contains(rooms) { return "--rooms is between 1 and \(Self.mostRooms)" }
    if !(2...accounts).contains(members) { return "--members is between 2 and the \(accounts) accounts of the file" }
    if !(rate > 0 && rate <= 10_000) { return "--rate is above 0 and at most 10000 texts a second" }
    if !(time >= 1 && time <= Self.longest) { return "--time is between 1 and \(Int(Self.longest)) seconds" }
    if !(ramp >= 0 && ramp <= Self.longest) { return "--ramp is between 0 and \(Int(Self.longest)) seconds" }
    if !(rate * (ramp / 2 + time) <= Double(Self.mostTexts)) { return "more than \(Self.mostTexts) texts" }
    if !(patience >= 1 && patience <= 600) { return "--timeout is between 1 and 600 seconds" }
    if !(errorLimit > 0 && errorLimit <= 100) { return "--error-limit is above 0 and at most 100 percent" }
    if !(LoadText.shortest...16_384).contains(size) { return "--size is between \(LoadText.shortest) and 16384 bytes" }
    return nil
  }
}

/// The texts, by which their copies are known again.
enum LoadText {
  private static let start = "limeade load "
  static let shortest = 40

  /// - Parameter run: told apart from what an earlier run left.
  static func text(_ number: Int, run: String, size: Int) -> String {
    let text = "\(start)\(run) \(number) "
    return text + String(repeating: "x", count: max(0, size - text.utf8.count))
  }

  static func number(_ text: String, run: String) -> Int? {
    guard text.hasPrefix(start) else { return nil }
    let words = text.dropFirst(start.count).split(separator: " ", maxSplits: 2)
    guard words.count >= 2, words[0] == run else { return nil }
    return Int(words[1])
  }
}
