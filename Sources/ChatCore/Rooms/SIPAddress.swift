// SIPAddress.swift: addresses as people type them.
import MessageFormats

/// Addresses as people type them.
public enum SIPAddress {
  /// A SIP URI as it is; `bob@example.org` without "sip:"; `bob` means bob of the account's own domain.
  public static func parse(_ text: String, domain: String) -> SIPURI? {
    if let uri = SIPURI(text) { return uri }
    guard let at = text.firstIndex(of: "@") else { return text.contains(":") ? nil : SIPURI("sip:\(text)@\(domain)") }
    return text[..<at].contains(":") ? nil : SIPURI("sip:\(text)")
  }

  /// - Throws: `badInput`, which says how to write it.
  public static func checked(_ text: String, domain: String) throws(ChatError) -> SIPURI {
    guard let uri = parse(text, domain: domain) else {
      throw .badInput("'\(text)' is not a SIP address; write sip:NAME@DOMAIN, or NAME for somebody of \(domain)")
    }
    return uri
  }
}
