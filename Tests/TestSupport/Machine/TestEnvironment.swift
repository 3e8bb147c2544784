// TestEnvironment.swift: the variables of programs that tests start: nothing of whoever runs the tests
import Foundation
import Glibc

/// A home folder that is empty at first, and of the caller's variables those that programs are found and looked into by.
public enum TestEnvironment {
  private static let kept: Set = [
    "PATH", "LD_LIBRARY_PATH", "TMPDIR", "USER", "LOGNAME", "LIMEADE_PEERS", "LLVM_PROFILE_FILE", "SWIFT_BACKTRACE",
    "ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS",
  ]

  public static let variables: [String: String] = ProcessInfo.processInfo.environment.filter { kept.contains($0.key) }
    .merging(["HOME": home.path, "LANG": "C.UTF-8"]) { $1 }

  /// For all tests together, gone when they end.
  private static let home: URL = {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("limeade-test-home-\(getpid())")
    try? FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    // A C function, which can take nothing along.
    atexit { try? FileManager.default.removeItem(at: TestEnvironment.home) }
    return folder
  }()
}
