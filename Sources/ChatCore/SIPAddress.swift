// SIPAddress.swift: addresses as people type them.
import MessageFormats

public enum SIPAddress {
  /// A SIP URI as it is; `bob` means bob of the account's own domain.
  public static func parse(_ text: String, domain: String) -> SIPURI? {
    if let uri = SIPURI(text) { return uri }
    return text.contains("@") || text.contains(":") ? nil : SIPURI("sip:\(text)@\(domain)")
  }
}
