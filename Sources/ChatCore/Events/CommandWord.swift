// CommandWord.swift: names of others in commands that a user is to copy: nothing in them is anything to a shell.
import Foundation
import MessageFormats

enum CommandWord {
  /// What to write for a device: the end of its GRUU, if that is plain. Its name is its maker's choice.
  static func device(_ gruu: String) -> String {
    let tail = SIPURI(gruu)?.gruu?.split(separator: ":").last.map(String.init) ?? ""
    return tail.count >= 8 && isPlain(tail, but: "") ? tail : "DEVICE"
  }

  /// What to write for the user of an address.
  static func address(_ address: String) -> String {
    let user = SIPURI(address)?.addressOfRecord.description ?? ""
    return !user.isEmpty && isPlain(user, but: ":@.+") ? user : "ADDRESS"
  }

  private static func isPlain(_ word: String, but others: String) -> Bool {
    !word.hasPrefix("-")
      && word.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
          || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || others.utf8.contains(byte)
      }
  }
}
