// EnvironmentSecrets.swift: passwords that come by the environment, taken out of it at the start (environ(7)).
import Foundation

/// A program that is started gets the environment of the one that starts it: `--exec`, `password-command` and their
/// like are to know no password by that. What others may read of this process (/proc/PID/environ) loses them too.
enum EnvironmentSecrets {
  static let password = "LIMEADE_PASSWORD"
  static let passphrase = "LIMEADE_PASSPHRASE"

  /// Safe: written once, by `take()`, before anything else runs.
  private nonisolated(unsafe) static var taken: [String: String] = [:]

  /// To be called first of all, while there is one thread.
  static func take() {
    for name in [password, passphrase] {
      guard let value = getenv(name) else { continue }
      taken[name] = String(cString: value)
      unsetenv(name)
      // The whole "NAME=value", which nothing refers to any more.
      let start = name.utf8.count + 1
      memset(value - start, 0, start + strlen(value))
    }
  }

  static func value(of name: String) -> String? { taken[name] }

  /// For programs that this one starts.
  static var environmentForOthers: [String: String] {
    ProcessInfo.processInfo.environment.filter { name, _ in
      ![password, passphrase, ServiceManager.variable].contains(name)
    }
  }
}
