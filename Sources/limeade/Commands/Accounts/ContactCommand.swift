// ContactCommand.swift: limeade contact add|list|remove|import: the user's address book.
import ArgumentParser
import ChatCore
import Foundation
import MessageFormats

struct ContactCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "contact", abstract: "Your address book: names for people's addresses.",
    discussion: """
      limeade contact add Bob sip:bob@sip.example.org
      limeade send Bob "hello"
          wherever somebody is named, the name will do
      limeade contact import people.vcf
          from vCards: names and SIP addresses

      The names are in contacts.toml beside the configuration, for all its accounts. They are yours: none comes from \
      the network, a room that somebody calls so takes nothing away, and an address is never looked for among them.
      """,
    subcommands: [Add.self, List.self, Remove.self, Import.self])

  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Give somebody a name.")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The name, as you want to see and write it.") var name: String
    @Argument(help: "A SIP address; NAME means one of your own domain.") var address: String
    @Flag(help: "Also when the name has another address already, which goes.") var replace = false

    func run() async throws {
      try Contacts.checkName(name)
      let contact = Contacts.Contact(name: name, addresses: [try uri()])
      let replaces = replace
      try options.contactFile.change { contacts in
        guard let index = contacts.firstIndex(where: { $0.isCalled(name) }) else { return contacts.append(contact) }
        guard replaces || contacts[index].addresses == contact.addresses else {
          throw CommandFailure.badInput(
            "\(contacts[index].words) is there already: --replace gives the name to \(contact.addresses[0])")
        }
        if contacts[index].addresses != contact.addresses { contacts[index] = contact }
      }
      options.report(contact, "contact")
    }

    private func uri() throws -> SIPURI {
      // The book is for all accounts: which one is only asked where that says the domain.
      let isWhole = address.contains { "@:".contains($0) }
      let domain = isWhole ? "" : try options.accountConfiguration(withPassword: false).address.host
      let uri = try SIPAddress.checked(address, domain: domain)
      guard uri.user?.isEmpty == false else { throw CommandFailure.badInput("\(address) names nobody") }
      return uri.addressOfRecord
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the names with their addresses.")

    @OptionGroup var options: GlobalOptions

    func run() async throws {
      for contact in try options.contactFile.read().all { options.report(contact, "contact") }
    }
  }

  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take a name out of the address book.", discussion: "Rooms and messages stay.")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The name.", completion: .custom(Completions.contacts)) var name: String

    func run() async throws {
      let file = options.contactFile
      let removed = try file.change { contacts in
        let removed = contacts.filter { $0.isCalled(name) }
        guard !removed.isEmpty else {
          let names = contacts.map(\.name)
          throw CommandFailure.badInput(
            "no contact is called '\(name)'" + (names.isEmpty ? "" : "; there are: \(NameList.text(names))"))
        }
        contacts.removeAll { $0.isCalled(name) }
        return removed
      }
      for contact in removed { options.report(contact, "removed") }
    }
  }

  struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take names and SIP addresses from a file of vCards.",
      discussion: """
        Of each card: its name (FN, else N) and its SIP addresses (IMPP and TEL with sip: or sips:, X-SIP). vCard 4, 3 \
        and 2.1. Cards without such an address are passed over; a name that has another address already is left as it \
        is.
        """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The file, or '-' for standard input.", completion: .file(extensions: ["vcf", "vcard"]))
    var file: String
    @Flag(help: "Names that are there already get the addresses of the file.") var replace = false

    func run() async throws {
      let cards: [VCard]
      do { cards = try VCard.cards(in: try data()) } catch let error as FormatError {
        throw CommandFailure.badInput("\(file): \(error)")
      }
      var (added, passed) = (0, 0)
      var notes: [String] = []
      let replaces = replace
      try options.contactFile.change { contacts in
        var places = Dictionary(contacts.indices.map { (contacts[$0].key, $0) }) { first, _ in first }
        for card in cards {
          guard !card.addresses.isEmpty else {
            passed += 1
            continue
          }
          let contact = Contacts.Contact(name: card.name, addresses: card.addresses)
          do { try Contacts.checkName(card.name) } catch {
            notes.append("left out (\(error)): \(card.addresses[0])")
            continue
          }
          if let place = places[contact.key] {
            guard contacts[place].addresses != contact.addresses else { continue }
            guard replaces else {
              notes.append("left as it is: \(contacts[place].words)")
              continue
            }
            contacts[place] = contact
          } else {
            places[contact.key] = contacts.count
            contacts.append(contact)
          }
          added += 1
        }
      }
      for note in notes { Output.note("limeade: \(SafeLine.text(note))") }
      if options.json {
        Output.line(
          JSONLine.string([
            "event": "imported", "contacts": added, "withoutAddress": passed, "leftOut": notes.count,
          ]))
      } else {
        Output.line(
          "\(added) contact\(added == 1 ? "" : "s") from \(cards.count) card\(cards.count == 1 ? "" : "s"), "
            + "\(passed) without a SIP address")
      }
    }

    /// - Throws: `CommandFailure` for a file that cannot be read, or is too long for one.
    private func data() throws -> Data {
      let handle: FileHandle
      if file == "-" {
        handle = .standardInput
      } else {
        guard let opened = FileHandle(forReadingAtPath: BaseFolders.expanded(file)) else {
          throw CommandFailure.badInput("\(file) cannot be read: \(String(cString: strerror(errno)))")
        }
        handle = opened
      }
      // One byte more tells that it is too long.
      do {
        var data = Data()
        while data.count <= VCard.maximumLength,
          let part = try handle.read(upToCount: VCard.maximumLength + 1 - data.count), !part.isEmpty
        {
          data += part
        }
        return data
      } catch { throw CommandFailure.badInput("\(file) cannot be read: \(error.localizedDescription)") }
    }
  }
}

extension Contacts.Contact {
  fileprivate var key: String { Contacts.key(of: name) }
  fileprivate func isCalled(_ name: String) -> Bool { key == Contacts.key(of: name) }
  fileprivate var words: String { "\(name) (\(addresses.map(\.description).joined(separator: ", ")))" }
}

extension GlobalOptions {
  fileprivate func report(_ contact: Contacts.Contact, _ event: String) {
    let addresses = contact.addresses.map(\.description)
    if json {
      Output.line(JSONLine.string(["event": event, "name": contact.name, "addresses": addresses]))
    } else {
      Output.line((event == "removed" ? "removed " : "") + contact.name + "  " + addresses.joined(separator: ", "))
    }
  }
}
