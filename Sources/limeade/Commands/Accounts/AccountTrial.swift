// AccountTrial.swift: an account table tried before it is written: read back, registered, keys published.
import ChatCore
import Foundation

struct AccountTrial {
  /// The exit code of a try that a signal ended.
  static let interrupted: Int32 = 130

  let name: String
  let table: String
  let options: GlobalOptions

  /// The account as a user's file would be read.
  func configuration() throws -> AccountConfiguration {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("limeade-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("config.toml").path
    try AccountWriter.writePrivately(table, to: path)
    do { return try ConfigurationFile(path: path).account(named: name) } catch let failure as CommandFailure {
      // Nobody has seen this file: its path and its lines say nothing.
      guard failure.text.hasPrefix(path) else { throw failure }
      let rest = failure.text.dropFirst(path.count).trimmingPrefix(#/, line [0-9]+/#).trimmingPrefix(#/[,:] /#)
      throw CommandFailure(code: failure.code, text: String(rest))
    }
  }

  /// Registers once, as the device that will be used. After a failure, and after Ctrl-C, it is un-REGISTERed: whoever
  /// gives up leaves no device at the server, to which others would encrypt. Its name and its keys stay for the next
  /// try, once it was registered; else nothing is left of a folder that was not there before.
  /// - Parameter report: is told what has worked.
  func run(checkingKeyServer: Bool = false, _ report: (String) -> Void = { _ in }) async throws {
    let account = try configuration()
    let wasThere = FileManager.default.fileExists(atPath: ConfigurationFile.dataDirectory(account: name).path)
    do {
      try await connect(account, checkingKeyServer: checkingKeyServer, report)
      await waitUntilReleased(account)
    } catch {
      await waitUntilReleased(account)
      let store = try? options.store(for: account, exclusive: false)
      if !wasThere, (try? await store?.deviceID()) ?? nil == nil {
        try? FileManager.default.removeItem(at: ConfigurationFile.dataDirectory(account: name))
        try? FileManager.default.removeItem(at: ConfigurationFile.stateDirectory(account: name))
      }
      throw error
    }
  }

  private func connect(
    _ account: AccountConfiguration, checkingKeyServer: Bool, _ report: (String) -> Void
  ) async throws {
    let store = try options.store(for: account, exclusive: true)
    let client = ChatClient(
      account: account, store: store, logger: try options.logger(), trace: try options.wireTrace())
    let signals = SignalPipe()
    let isInterrupted = Latch()
    let watch = Task {
      guard let signals, await signals.next() != nil else { return }
      isInterrupted.set()
      await client.stop(unregistering: true)
    }
    defer {
      signals?.end()
      watch.cancel()
    }
    do {
      try await client.start()
      report("registered as \(account.address)")
      if checkingKeyServer, account.keyServer != nil {
        // Ctrl-C does not wait for a key server that says nothing.
        try await Race.first(
          { _ = try await client.updateKeys() },
          {
            while !isInterrupted.isSet { try await Task.sleep(for: .milliseconds(50)) }
            throw CancellationError()
          })
        report("keys are published at the key server")
      }
      guard !isInterrupted.isSet else { throw CancellationError() }
      await client.stop()
    } catch {
      await client.stop(unregistering: true)
      if isInterrupted.isSet {
        await watch.value
        throw CommandFailure(code: Self.interrupted, text: "interrupted: no account was made")
      }
      throw error
    }
  }

  /// The account's lock goes with the last task of the connection, a moment after it has ended; whoever goes on with the
  /// account needs it.
  private func waitUntilReleased(_ account: AccountConfiguration) async {
    for _ in 0..<200 {
      do {
        _ = try options.store(for: account, exclusive: true)
        return
      } catch StoreError.inUse {
        try? await Task.sleep(for: .milliseconds(50))
      } catch { return }
    }
  }
}
