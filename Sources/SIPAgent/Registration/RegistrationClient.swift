// RegistrationClient.swift: keeps this device registered (RFC 3261 §10, RFC 5626 instance id, RFC 5627 GRUU)
import CSofia
import Foundation
import MessageFormats

@SIPActor
final class RegistrationClient {
  /// Seconds between two attempts after a loss: doubled from the first to the last.
  private static let firstRetry = 1.0
  private static let lastRetry = 60.0
  /// A Retry-After is obeyed up to so many seconds.
  private static let longestServerDelay = 3600.0
  /// When another request got no answer, the registrar must answer within so many seconds, or the connection is dead.
  private static let probeTimeout = 10.0
  /// When the server refused another request with 503, it is asked no more often than once in so many seconds whether
  /// it is the server that is overloaded, or somebody behind it.
  private static let doubtInterval = 60.0
  /// REGISTERs of an attempt that may fail on a connection which was closed before they were sent.
  private static let maximumStale = 3

  /// The URI that we register.
  let contact: SIPURI
  /// The registration in force.
  private(set) var current: Registration?
  /// Of the stack, when the registration was made.
  private var connections = 0
  /// As the registrar gave it last; stays the device's name while the registration is lost.
  private(set) var gruu: SIPURI?

  private let configuration: SIPAgentConfiguration
  private let stack: SofiaStack
  private let emit: @Sendable (SIPEvent) -> Void
  private var handle: SofiaHandle?
  private var retry: Task<Void, Never>?
  private var isProbing = false
  /// Nothing more is sent to the registrar until `register` is called again.
  private var isEnded = false
  /// Retry-After of the last refusal, in seconds.
  private var serverDelay = 0.0
  private var doubted: ContinuousClock.Instant?

  init(
    _ configuration: SIPAgentConfiguration, endpoint: AgentEndpoint, stack: SofiaStack,
    emit: @escaping @Sendable (SIPEvent) -> Void
  ) {
    self.configuration = configuration
    self.stack = stack
    self.emit = emit
    contact = endpoint.contact(user: configuration.address.user)
    stack.onNoAnswer = { [weak self] in self?.probe() }
    stack.onUnavailable = { [weak self] in self?.doubt() }
  }

  /// Always quoted, as string-valued feature parameters must be (RFC 3840 §9), also when the value is a token.
  static func specsParameter(_ configuration: SIPAgentConfiguration) -> String {
    configuration.specs.isEmpty ? "" : ";+org.linphone.specs=\"\(configuration.specs)\""
  }

  // MARK: Requests

  func register() async throws -> Registration {
    stopRetrying()
    isEnded = false
    stack.usages.keepRegistration(true)
    let registration = try await attempt()
    emit(.registration(.registered(registration)))
    return registration
  }

  func unregister() async {
    let registered = current != nil ? handle : nil
    stopRetrying()
    isEnded = true
    current = nil
    stack.usages.keepRegistration(false)
    _ = try? await registered?.perform(.unregister, TagList().add(SOFIA_TAG_EXPIRES, "0"))
    dropHandle()
  }

  /// Stops without another word to the registrar.
  func abandon() {
    isEnded = true
    stopRetrying()
    dropHandle()
  }

  private func stopRetrying() {
    retry?.cancel()
    retry = nil
  }

  private func dropHandle() {
    current = nil
    handle?.abandon(isEnded ? .shutDown : .noSuchDialog)
    handle = nil
  }

  /// Asks each server once, as long as they refuse or do not answer (RFC 3263 §4.3).
  private func attempt() async throws -> Registration {
    let (start, wasRegistered) = (ContinuousClock.now, current != nil)
    var stale = 0
    // The earliest time at which one of them wants to be asked again.
    var earliest = Double.infinity
    while true {
      do { return accepted(try await attemptOnce(), wasRegistered: wasRegistered) } catch {
        if case SIPError.unreachable = error, stack.isBetweenServers, stale < Self.maximumStale, goesOn {
          stale += 1
          continue
        }
        earliest = min(earliest, serverDelay)
        guard await leaves(after: error, since: start), goesOn else {
          serverDelay = earliest
          throw error
        }
      }
    }
  }

  private var goesOn: Bool { !isEnded && !Task.isCancelled }

  /// Turns to another server when this one refuses, or does not answer.
  /// - Returns: whether there is one. If not, what does not answer gets a new connection.
  private func leaves(after error: any Error, since start: ContinuousClock.Instant) async -> Bool {
    switch error as? SIPError {
    case .refused(503, _): return await stack.leaveServer(for: serverDelay, since: start)
    case .timedOut:
      // Over UDP the link goes on by itself, sooner.
      if stack.keepsOrder, await stack.leaveServer(for: 0, since: start) { return true }
      // The connection stands, but nothing comes back over it.
      stack.resetConnection()
      return false
    default: return false
    }
  }

  private func attemptOnce() async throws -> SIPResponse {
    let handle = try handle ?? makeHandle()
    self.handle = handle
    serverDelay = 0
    do {
      let response = try await handle.perform(.register, registerTags())
      guard response.isSuccess else { throw refusal(response) }
      return response
    } catch {
      // A handle whose registration failed is spent.
      if self.handle === handle { dropHandle() }
      throw error
    }
  }

  private func makeHandle() throws -> SofiaHandle {
    let address = "<\(configuration.address)>"
    let handle = try stack.makeHandle(TagList().add(SOFIA_TAG_TO, address).add(SOFIA_TAG_FROM, address))
    handle.onRefresh = { [unowned self] event, result in
      if event.kind == SOFIA_RESPONSE_REGISTER { refreshed(result) }
    }
    return handle
  }

  private func registerTags() -> TagList {
    let features = ";+sip.instance=\"<\(configuration.instanceID)>\"" + Self.specsParameter(configuration)
    let registrarURI = SIPURI(user: nil, host: configuration.address.host, port: configuration.address.port)
    return TagList()
      .add(SOFIA_TAG_REGISTRAR, registrarURI.description)
      .add(SOFIA_TAG_CONTACT, "<\(contact)>" + features)
      .add(SOFIA_TAG_SUPPORTED, SofiaStack.supported)
      .add(SOFIA_TAG_EXPIRES, "\(configuration.expires)")
      // Without the options nua asks its own address with OPTIONS; "no-gruuize" is inverted in 1.12.11.
      .add(SOFIA_TAG_OUTBOUND, "no-gruuize no-options-keepalive no-validate")
  }

  /// Finds out whether the server still answers.
  private func probe() {
    guard current != nil, retry == nil, !isProbing else { return }
    isProbing = true
    let timer = Task {
      try? await Task.sleep(for: .seconds(Self.probeTimeout))
      if !Task.isCancelled { stack.resetConnection() }
    }
    Task {
      defer {
        timer.cancel()
        isProbing = false
      }
      do { emit(.registration(.registered(try await attempt()))) } catch { recover(from: error) }
    }
  }

  /// Finds out whether it is the server that refuses requests. If so, there may be another one.
  private func doubt() {
    guard stack.hasAlternatives, doubted.map({ $0 + .seconds(Self.doubtInterval) < .now }) ?? true else { return }
    doubted = .now
    probe()
  }

  // MARK: Answers

  private func refusal(_ response: SIPResponse) -> SIPError {
    serverDelay = min(ServerDelay.seconds(in: response), Self.longestServerDelay)
    // Flexisip's answer to a wrong password, unless it is set up to ask again (no-403).
    if response.status == 403, let realm = handle?.answered?.challenge.realm {
      return SIPError.wrongCredentials(user: stack.username, realm: realm)
    }
    return SIPError.refused(status: response.status, reason: response.reason)
  }

  private func accepted(_ response: SIPResponse, wasRegistered: Bool) -> Registration {
    var registration = registration(in: response)
    registration.isReconnected = wasRegistered && connections != stack.connections
    connections = stack.connections
    current = registration
    gruu = registration.gruu
    return registration
  }

  /// Our binding in a 200: the one with our instance id, or for registrars that do not repeat it (Kamailio) the one
  /// with our URI.
  func registration(in response: SIPResponse) -> Registration {
    let contacts = response.headers.all(named: "Contact").flatMap { NameAddress.list($0) }
    let ours =
      // RFC 8141 §3.1: case does not tell such URNs apart.
      contacts.first {
        $0.parameters[parameter: "+sip.instance"]?.lowercased() == "<\(configuration.instanceID)>".lowercased()
      }
      ?? contacts.first {
        $0.parameters[parameter: "+sip.instance"] == nil && $0.uri.withoutParameters == contact.withoutParameters
      }
    let gruu = ours?.parameters[parameter: "pub-gruu"].flatMap { SIPURI($0) }
    let expires =
      ours?.parameters[parameter: "expires"].flatMap { Int($0) } ?? response[header: "Expires"].flatMap { Int($0) }
    return Registration(gruu: gruu, expires: expires ?? configuration.expires)
  }

  private func refreshed(_ result: Result<SIPResponse, any Error>) {
    switch result {
    case .success(let response) where response.isSuccess:
      emit(.registration(.registered(accepted(response, wasRegistered: current != nil))))
    case .success(let response):
      recover(from: refusal(response), mayLeave: true)
    case .failure(let error):
      recover(from: error, mayLeave: true)
    }
  }

  /// nua tries once after a lost connection and then gives up: the rest is ours.
  /// - Parameter mayLeave: the other servers were not asked.
  private func recover(from error: any Error, mayLeave: Bool = false) {
    guard !isEnded else { return }
    stopRetrying()
    dropHandle()
    let first = error as? SIPError ?? .shutDown
    retry = Task {
      var failure = first
      var delay = Self.firstRetry
      if mayLeave, await leaves(after: error, since: .now) { serverDelay = 0 }
      while !Task.isCancelled {
        guard failure.isTransient else {
          emit(.registration(.failed(failure)))
          return
        }
        // Jitter keeps all clients of a restarted server from returning at the same moment.
        let wait = max(delay, serverDelay) * Double.random(in: serverDelay > delay ? 1...1.25 : 0.75...1.25)
        emit(.registration(.lost(failure, retryAfter: wait)))
        try? await Task.sleep(for: .seconds(wait))
        if Task.isCancelled { return }
        do {
          let registration = try await attempt()
          if !Task.isCancelled { emit(.registration(.registered(registration))) }
          return
        } catch {
          if Task.isCancelled { return }
          failure = error as? SIPError ?? .shutDown
        }
        delay = min(delay * 2, Self.lastRetry)
      }
    }
  }
}

extension SIPError {
  /// Whether the same request may succeed later without anyone changing a setting.
  var isTransient: Bool {
    switch self {
    case .unreachable, .timedOut, .unresolvable, .insecure: true
    case .refused(let status, _): status == 408 || status == 480 || (500..<600).contains(status)
    default: false
    }
  }
}
