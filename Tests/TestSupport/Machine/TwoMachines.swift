// TwoMachines.swift: two network namespaces joined by a cable, as two machines whose addresses a test changes
import Foundation

/// The server's address is 10.9.8.1, the client's 10.9.8.2 at first. No privileges are needed; iproute2 is.
public final class TwoMachines: Sendable {
  public static let serverAddress = "10.9.8.1"

  private let shell: PeerProcess
  private let client: String

  /// A shell in the server's namespace, which runs the lines that it reads.
  private static let script = """
    ip link set lo up
    ip link add server type veth peer name client
    unshare --net sleep 3600 &
    inner=$!
    until [ "$(readlink /proc/$inner/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
    ip link set client netns $inner
    ip addr add 10.9.8.1/24 dev server
    ip link set server up
    in_client() { nsenter --net=/proc/$inner/ns/net "$@"; }
    in_client ip link set lo up
    in_client ip addr add 10.9.8.2/24 dev client
    in_client ip link set client up
    echo "client $inner"
    while read -r line; do eval "$line"; done
    kill $inner
    """

  public init() async throws {
    shell = try PeerProcess(
      URL(fileURLWithPath: "/usr/bin/unshare"), ["--user", "--map-root-user", "--net", "sh", "-euc", Self.script],
      name: "namespaces", keepsErrors: true)
    let line = try await shell.line("the client's namespace") { $0.hasPrefix("client ") }
    client = String(line.dropFirst("client ".count))
  }

  public func stop() {
    shell.closeInput()
    shell.stop()
  }

  /// Whether this machine lets its users make network namespaces; some containers do not.
  public static func isPossible() async -> Bool {
    guard let machines = try? await TwoMachines() else { return false }
    machines.stop()
    return true
  }

  /// The client gets another address of the network in place of the one it has.
  public func changeClientAddress(from old: Int, to new: Int) async throws {
    try shell.send("in_client ip addr del 10.9.8.\(old)/24 dev client")
    try shell.send("in_client ip addr add 10.9.8.\(new)/24 dev client; echo \(new)")
    try await shell.line("address \(new)") { $0 == "\(new)" }
  }

  public enum Machine: Sendable { case server, client }

  /// A program on one of the machines.
  public func start(
    on machine: Machine, _ executable: URL, _ arguments: [String], environment: [String: String], name: String
  ) throws -> PeerProcess {
    let process = machine == .server ? "\(shell.identifier)" : client
    return try PeerProcess(
      URL(fileURLWithPath: "/usr/bin/nsenter"),
      [
        "--user=/proc/\(shell.identifier)/ns/user", "--net=/proc/\(process)/ns/net", "--preserve-credentials",
        executable.path,
      ] + arguments, environment: environment, name: name)
  }
}
