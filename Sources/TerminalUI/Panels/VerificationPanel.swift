// VerificationPanel.swift: comparing the devices of a member: codes, fingerprints, and the user's decision.

/// Stands in the panes' place. Both people look at the code of each pair of devices; it is the same on both screens
/// when nobody stands between them.
public struct VerificationPanel: Hashable, Sendable {
  /// What a key press decides about the chosen device; it must be pressed twice.
  public enum Decision: Hashable, Sendable {
    case trust, admit, exclude, distrust, forget

    var question: String {
      switch self {
      case .trust: "Is the code the same on both screens? Press t again to trust the device"
      case .admit: "Press a again to let the device have what you send although its code was not compared"
      case .exclude: "Press x again to send nothing to the device, and all to the others"
      case .distrust: "Press d again to flag the device as unsafe: nothing is sent to its rooms then"
      case .forget: "Press f again to forget its key: another one will be taken for its own"
      }
    }
  }

  /// One device of the member.
  public struct Device: Identifiable, Hashable, Sendable {
    /// Its address.
    public var id: String
    /// How far it is trusted at present.
    public var trust: MemberRow.Trust
    /// Groups of digits; nil while the device's key is not known.
    public var code: String?
    /// Its whole identity key, in groups of hexadecimal digits; nil while the key is not known.
    public var fingerprint: String?
    /// Of another key that was offered for the device and refused.
    public var refusedFingerprint: String?

    public init(
      id: String, trust: MemberRow.Trust, code: String?, fingerprint: String?, refusedFingerprint: String? = nil
    ) {
      self.id = id
      self.trust = trust
      self.code = code
      self.fingerprint = fingerprint
      self.refusedFingerprint = refusedFingerprint
    }
  }

  /// The member's.
  public var address: String
  /// This account's address: what the other person types after /verify.
  public var ownAddress: String
  /// The address (GRUU) of this device.
  public var ownDevice: String
  /// The whole identity key of this device, as the other's screen shows it.
  public var ownFingerprint: String
  /// The member's devices, one of which is chosen.
  public var devices: [Device]
  var position = 0
  /// What is done when its key is pressed again.
  var pending: Decision?

  public init(address: String, ownAddress: String, ownDevice: String, ownFingerprint: String, devices: [Device]) {
    self.address = address
    self.ownAddress = ownAddress
    self.ownDevice = ownDevice
    self.ownFingerprint = ownFingerprint
    self.devices = devices
  }

  var chosen: Device? { devices.indices.contains(position) ? devices[position] : nil }
}
