// Fuzz.swift: libFuzzer on one of the targets, chosen by its name (scripts/fuzz)
import Foundation
import FuzzTargets

/// libFuzzer's loop, which calls back with each input; it ends the process.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ input: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// `limeade-fuzz --list`, or `limeade-fuzz TARGET FOLDER [LIBFUZZER-ARGUMENT…]`: writes the target's seeds to the folder
/// and runs libFuzzer.
@main
enum Fuzz {
  /// Set once, before the loop begins.
  nonisolated(unsafe) private static var target: FuzzTarget?

  static func main() throws {
    let arguments = CommandLine.arguments
    if arguments.dropFirst() == ["--list"] {
      for target in FuzzTarget.all { print(target.name) }
      return
    }
    guard arguments.count > 2, let target = FuzzTarget.all.first(where: { $0.name == arguments[1] }) else {
      FileHandle.standardError.write(Data("limeade-fuzz: name a target that --list shows, and a folder\n".utf8))
      exit(64)
    }
    for (index, seed) in (try target.seeds() + target.corpus()).enumerated() {
      try seed.write(to: URL(fileURLWithPath: arguments[2]).appendingPathComponent("seed-\(index)"))
    }
    self.target = target
    // libFuzzer sees its own arguments only; it keeps the array that it is given.
    let rest = [arguments[0]] + arguments.dropFirst(3)
    let list = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: rest.count + 1)
    for (index, argument) in rest.enumerated() { list[index] = strdup(argument) }
    list[rest.count] = nil
    var count = CInt(rest.count)
    var pointer = list
    exit(runDriver(&count, &pointer) { bytes, count in Fuzz.run(UnsafeBufferPointer(start: bytes, count: count)) })
  }

  private static func run(_ input: UnsafeBufferPointer<UInt8>) -> CInt {
    guard let target else { return 0 }
    // What is refused is as interesting as what is accepted: 0 keeps both in the corpus.
    guard let holds = try? target.holds(Data(input)) else { return 0 }
    precondition(holds, "\(target.name): what must hold after this input does not")
    return 0
  }
}
