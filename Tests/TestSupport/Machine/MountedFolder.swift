// MountedFolder.swift: programs that see a small or a read-only file system, in a mount namespace of their own
import Foundation

/// A command line for a program that runs with other mounts than the tests; no privileges are needed for that.
public enum MountedFolder {
  private static let unshare = URL(fileURLWithPath: "/usr/bin/unshare")

  /// The program with its arguments, to be started as `program` with `arguments`. The process number is the program's.
  public struct Launch: Sendable {
    public let program = MountedFolder.unshare
    public let arguments: [String]

    init(_ script: String, _ path: String, _ command: [String]) {
      arguments = ["--user", "--map-root-user", "--mount", "sh", "-euc", script, "sh", path] + command
    }
  }

  /// An empty file system of `bytes` bytes at `folder`. From outside it is at /proc/PROCESS/root.
  public static func small(_ folder: URL, bytes: Int, _ command: [String]) -> Launch {
    Launch(
      "mount -t tmpfs -o size=\(bytes),mode=0700 limeade-test \"$1\"; shift; exec \"$@\"", folder.path, command)
  }

  /// `path`, a file or folder, cannot be written.
  public static func readOnly(_ path: URL, _ command: [String]) -> Launch {
    Launch("mount --bind \"$1\" \"$1\"; mount -o remount,bind,ro \"$1\"; shift; exec \"$@\"", path.path, command)
  }

  /// Whether this machine lets its users make mount namespaces; some containers do not.
  public static func isPossible() async -> Bool {
    guard let folder = try? TemporaryFolder() else { return false }
    let launch = small(folder.url, bytes: 65_536, ["true"])
    return (try? await CommandRun(launch.program, launch.arguments))?.exitCode == 0
  }
}
