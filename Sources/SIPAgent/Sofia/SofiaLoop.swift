// SofiaLoop.swift: the one thread that runs Sofia-SIP's event loop, and the global actor whose executor it is.
import CSofia
import Foundation

/// Everything that touches Sofia-SIP is isolated to this actor; its executor is Sofia's own thread, so the compiler,
/// not discipline, keeps Sofia single-threaded.
@globalActor
public actor SIPActor {
  /// The only one.
  public static let shared = SIPActor()
  /// Sofia's thread.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { SofiaLoop.shared.asUnownedSerialExecutor() }

  /// Runs `body` at once; for C callbacks, which Sofia makes on the loop's thread. Traps on any other thread.
  static func assumeIsolated<Value>(_ body: @SIPActor () throws -> Value) rethrows -> Value {
    SofiaLoop.shared.checkIsolated()
    return try withoutActuallyEscaping(body) { escaping in
      // Safe: the check above proved that this thread is the actor's executor; only the isolation is cast away.
      try unsafeBitCast(escaping, to: (() throws -> Value).self)()
    }
  }
}

/// A serial executor over one POSIX thread that runs `su_root`. It starts with the first job and lives as long as the
/// process, so no job is ever dropped.
///
/// `@unchecked Sendable`: `jobs` and `started` are only touched under `lock`; `loop` and `thread` are written once,
/// before the thread's first job, under the same lock.
final class SofiaLoop: SerialExecutor, @unchecked Sendable {
  static let shared = SofiaLoop()

  // NSLock and not Mutex: the thread sanitizer of Swift 6.3 reports Synchronization.Mutex falsely.
  private let lock = NSLock()
  private var jobs: [UnownedJob] = []
  private var started = false
  private var loop: OpaquePointer?
  private var thread: pthread_t?

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let (loop, start) = lock.withLock {
      jobs.append(job)
      defer { started = true }
      return (self.loop, !started)
    }
    if let loop { sofia_loop_wake(loop) }
    if start { startThread() }
  }

  func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

  func checkIsolated() {
    precondition(isIsolatingCurrentContext() == true, "called outside the SIP thread")
  }

  func isIsolatingCurrentContext() -> Bool? {
    lock.withLock { thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
  }

  /// The C loop, for creating agents and servers on it. Loop thread only.
  var handle: OpaquePointer {
    checkIsolated()
    guard let loop = lock.withLock({ self.loop }) else { preconditionFailure("the loop thread always has its loop") }
    return loop
  }

  private func startThread() {
    let thread = Thread { [self] in
      let me = Unmanaged.passUnretained(self).toOpaque()
      guard
        let created = sofia_loop_create(
          me,
          { context in
            guard let context else { return }
            Unmanaged<SofiaLoop>.fromOpaque(context).takeUnretainedValue().runJobs()
          })
      else { fatalError("cannot create the SIP event loop: out of memory or file descriptors") }
      lock.withLock {
        self.thread = pthread_self()
        loop = created
      }
      sofia_loop_wake(created)
      sofia_loop_run(created)
    }
    thread.name = "sofia"
    thread.stackSize = 4 << 20
    thread.start()
  }

  private func runJobs() {
    while true {
      let batch = lock.withLock {
        defer { jobs.removeAll(keepingCapacity: true) }
        return jobs
      }
      if batch.isEmpty { return }
      for job in batch { job.runSynchronously(on: asUnownedSerialExecutor()) }
    }
  }
}
