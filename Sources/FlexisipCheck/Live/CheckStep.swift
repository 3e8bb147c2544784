// CheckStep.swift: what the live check tries, in this order

/// The steps, which later ones build upon; their raw values stand in JSON.
public enum CheckStep: String, Sendable, CaseIterable {
  case name
  case reachability
  case tls
  case challenge
  case clock
  case registration
  case gruu
  case secondRegistration = "second-registration"
  case factory
  case keyServerTLS = "key-server-tls"
  case keyServer = "key-server"
  case keyServerDigest = "key-server-digest"
  case keyServerAccount = "key-server-account"
  case fileServerTLS = "file-server-tls"
  case fileServer = "file-server"
  case fileUpload = "file-upload"
  case fileDownload = "file-download"
  case largeFile = "large-file"
  case devices
  case capabilities
  case keysPublished = "keys-published"
  case keysFetched = "keys-fetched"
  case roomInvite = "room-invite"
  case notify
  case invitation
  case joined
  case message
  case notification
  case reply
  case encryptedRoom = "encrypted-room"
  case encryptedMessage = "encrypted-message"
  case encryptedReply = "encrypted-reply"
  case offlineMessage = "offline-message"
  case cleanup

  /// Whether any setting of a Flexisip that answers can make it fail; not where it listens, nor another server.
  var isFlexisips: Bool {
    switch self {
    case .name, .reachability, .tls, .challenge, .clock, .keyServerTLS, .keyServer, .keyServerDigest,
      .keyServerAccount, .fileServerTLS, .fileServer, .fileUpload, .fileDownload, .largeFile, .keysPublished,
      .keysFetched, .cleanup:
      false
    default: true
    }
  }

  /// Steps whose failure makes this one fail too: what is said of it then is that.
  public var foundations: [CheckStep] {
    switch self {
    case .keyServer: [.keyServerTLS]
    case .keyServerDigest: [.keyServerTLS, .keyServer]
    case .keyServerAccount: [.keyServerTLS, .keyServer, .keyServerDigest]
    case .fileServer: [.fileServerTLS]
    case .fileUpload: [.fileServerTLS, .fileServer]
    case .fileDownload: [.fileServerTLS, .fileServer, .fileUpload]
    case .largeFile: [.fileServerTLS, .fileServer, .fileUpload]
    case .keysPublished, .keysFetched:
      [.keyServerTLS, .keyServer, .keyServerDigest, .keyServerAccount] + (self == .keysFetched ? [.keysPublished] : [])
    case .roomInvite: [.capabilities]
    case .notify, .invitation, .joined: [.capabilities, .roomInvite]
    case .notification, .reply: [.message]
    case .encryptedRoom: [.capabilities, .roomInvite, .notify, .invitation, .joined]
    case .encryptedMessage, .encryptedReply: [.keysPublished, .keysFetched, .message, .notification]
    case .offlineMessage: [.message, .reply]
    default: []
    }
  }

  /// A sentence of what holds when the step passes.
  public var title: String {
    switch self {
    case .name: "the server's name has an address"
    case .reachability: "the server takes connections"
    case .tls: "TLS"
    case .challenge: "REGISTER without a password is challenged"
    case .clock: "the server's clock"
    case .registration: "REGISTER with the password is accepted"
    case .gruu: "the device gets an address of its own (GRUU)"
    case .secondRegistration: "the same device registers again"
    case .factory: "the conference factory makes a room (302)"
    case .keyServerTLS: "TLS of the key server"
    case .keyServer: "the LIME key server answers"
    case .keyServerDigest: "the key server's digest fits the account"
    case .keyServerAccount: "the key server takes the account's password and curve"
    case .fileServerTLS: "TLS of the file server"
    case .fileServer: "the file server answers"
    case .fileUpload: "a file goes up"
    case .fileDownload: "the file comes down"
    case .largeFile: "a file of 3 MB goes up"
    case .devices: "a device of each account is online"
    case .capabilities: "the registrar keeps the devices' capabilities"
    case .keysPublished: "both devices have published their keys"
    case .keysFetched: "the other device's keys can be had"
    case .roomInvite: "the room accepts its creator and the other account"
    case .notify: "the room's state comes (NOTIFY)"
    case .invitation: "the other account is invited"
    case .joined: "the other device is in the room"
    case .message: "a message arrives"
    case .notification: "its delivery is reported back (IMDN)"
    case .reply: "the other's message arrives"
    case .encryptedRoom: "an encrypted room with both"
    case .encryptedMessage: "an encrypted message is read and acknowledged"
    case .encryptedReply: "the other's encrypted message is read"
    case .offlineMessage: "a message for a device that is away comes on its return"
    case .cleanup: "rooms, keys and devices of the check are removed"
    }
  }
}
