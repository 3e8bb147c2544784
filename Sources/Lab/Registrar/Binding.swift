// Binding.swift: one registered device (RFC 3261 §10, RFC 5627)
import Foundation
import MessageFormats
import SIPAgent

/// A Contact that a user has registered, and the connection it came over.
struct Binding: Sendable, Equatable {
  /// The user part of the address-of-record
  let user: String
  /// As registered, without `expires`; its URI is the Request-URI of what is sent to the device.
  var contact: NameAddress
  /// `urn:uuid:…`; nil for a device that gave no `+sip.instance`.
  let instance: String?
  /// Only for a device with an instance that supports GRUUs.
  var gruu: SIPURI?
  var expires: Date
  /// nil while the device is registered but its connection is gone.
  var connection: SIPConnection?
  var callID: String
  var sequence: UInt32

  /// Whether two registrations are the same device's.
  var key: String { instance ?? contact.uri.description }

  /// Names and versions in `+org.linphone.specs`: `groupchat/1.1,lime` is `["groupchat": "1.1", "lime": "1.0"]`. Of
  /// several versions of one name the last counts.
  var specs: [String: String] {
    var specs: [String: String] = [:]
    for entry in (contact[parameter: "+org.linphone.specs"] ?? "").split(separator: ",") {
      let parts = entry.split(separator: "/", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
      guard let name = parts.first else { continue }
      specs[name] = parts.count > 1 ? parts[1] : specs[name] ?? "1.0"
    }
    return specs
  }

  /// Whether the focus may bring the device into a room. It needs a GRUU to be told from the user's other devices.
  func canJoin(encrypted: Bool) -> Bool {
    gruu != nil && specs["groupchat"] != nil && (!encrypted || specs["lime"] != nil)
  }
}
