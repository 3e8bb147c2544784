// OrderQueue.swift: what the user of the screen wants done by the account's holder, one after the other, beside the screen.

/// The holder may be another program, which may be slow or just be ending: the screen waits for nothing but keeps the
/// order in which things were asked for.
@MainActor
final class OrderQueue {
  typealias Order = @MainActor @Sendable () async throws -> Void

  /// How long the end of the program waits for what is not done yet.
  private static let lastWait: Duration = .seconds(3)

  private let orders: AsyncStream<Order>
  private let continuation: AsyncStream<Order>.Continuation
  private var open = 0

  init() { (orders, continuation) = AsyncStream.makeStream() }

  func add(_ order: @escaping Order) {
    open += 1
    continuation.yield(order)
  }

  /// - Parameter done: called after each order, with the error that ended it.
  func start(_ done: @escaping @MainActor @Sendable ((any Error)?) -> Void) -> Task<Void, Never> {
    Task {
      for await order in orders {
        do {
          try await order()
          done(nil)
        } catch { done(error) }
        open -= 1
      }
    }
  }

  func finish() async {
    let deadline = ContinuousClock.now + Self.lastWait
    while open > 0, ContinuousClock.now < deadline { try? await Task.sleep(for: .milliseconds(5)) }
  }
}
