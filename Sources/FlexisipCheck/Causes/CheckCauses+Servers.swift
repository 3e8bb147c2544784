// CheckCauses+Servers.swift: causes of what goes wrong with the key server
import ChatCore
import DigestAuth
import Foundation
import Lime
import MessageFormats

extension CheckCauses {
  // MARK: Keys

  /// - Parameter answers: whether something does, over HTTP.
  func noKeyServer(_ address: String, answers: Bool = false) -> [CheckCause] {
    guard !answers else {
      return [
        CheckCause("what answers at \(address) is no LIME key server: check key-server of the account"),
        CheckCause("the key server fails: see its log"),
      ]
    }
    return [
      CheckCause("the key server does not run, or not at \(address): check key-server of the account"),
      CheckCause("its certificate is not trusted: put its authority into ca-file of the account"),
    ]
  }

  /// - Parameters:
  ///   - account: of the device whose keys could not be published.
  ///   - own: the key server of the account that checks, with which all is well.
  func keysNotTaken(of account: AccountConfiguration, own: URL?) -> [CheckCause] {
    guard let other = account.keyServer, other != own else { return keyServerRefuses() }
    let isThere = "\(other.absoluteString) does not run, is not there, or does not know the account"
    return [
      CheckCause(
        "key-server of \(account.address) is another than ours (\(own?.absoluteString ?? "none")): \(isThere)")
    ] + keyServerRefuses()
  }

  func otherKeyServerRealm(_ offered: [String]) -> [CheckCause] {
    [
      CheckCause(
        "the key server's realm is \(offered.joined(separator: ", ")), but must be the SIP domain: set it to \(domain) "
          + "in the key server's own configuration"),
      CheckCause("key-server of the account is the one of another domain"),
    ]
  }

  /// - Parameter challenges: what the key server asked for.
  func keyServerRefuses(_ challenges: [DigestChallenge] = []) -> [CheckCause] {
    let causes = [
      CheckCause("the key server reads passwords from another database than Flexisip: the account's is unknown to it"),
      CheckCause("the account's password is wrong"),
      CheckCause("From of the request is not an address of the account's domain"),
    ]
    guard !challenges.isEmpty, challenges.allSatisfy({ $0.algorithm == .sha256 }) else { return causes }
    return [
      CheckCause(
        "the key server asks for SHA-256 only, but has the passwords' MD5 hashes: let it offer both")
    ] + causes
  }

  func keyServerError(_ code: KeyServerErrorCode, _ curve: Curve) -> [CheckCause] {
    switch code {
    case .badCurve: [CheckCause("the key server is for another curve than \(curve.name): change curve of the account")]
    case .resourceLimit:
      [CheckCause("the key server's limit of keys or requests is reached: raise it, or delete devices that are gone")]
    case .databaseFailure: [CheckCause("the key server does not reach its database: see its log")]
    default: [CheckCause("the key server fails: see its log")]
    }
  }

  var undecryptable: [CheckCause] {
    [
      CheckCause("the two accounts use different curves: compare curve of both"),
      CheckCause("the two accounts use different key servers: compare key-server of both"),
    ]
  }

  // MARK: Files

  func noFileServer(_ address: String) -> [CheckCause] {
    [
      CheckCause("the file server does not run, or not at \(address): check file-server of the account"),
      CheckCause("something else answers there: an empty POST gets 204 from a file server"),
    ]
  }

  var fileServerPassword: [CheckCause] {
    [
      CheckCause(
        "the file server's digest does not fit the account: its realm must be \(domain), and it must read the same "
          + "passwords as Flexisip"),
      CheckCause("the account's password is wrong"),
    ]
  }

  /// - Parameter status: of the answer; nil when none came.
  func uploadFails(_ address: String, status: Int?) -> [CheckCause] {
    // A file server says where the file is.
    let isOther = status.map { (200..<300).contains($0) || [400, 404, 405].contains($0) } ?? false
    let other = CheckCause("what answers at \(address) is no file server: check file-server of the account")
    return (isOther ? [other] : []) + [
      CheckCause("the file server cannot keep files: its folder is not writable, or the disk is full (see its log)"),
      CheckCause("PHP takes no uploads: file_uploads=On, upload_tmp_dir"),
    ]
  }

  var noContentLength: [CheckCause] {
    [
      CheckCause(
        "the web server sends the answer in chunks: clients with liblinphone take it for empty and report a failed "
          + "upload; switch off compression and output buffering for the file server")
    ]
  }

  /// - Parameter status: of the answer; nil when none came.
  func largeUploadFails(status: Int?) -> [CheckCause] {
    let script = CheckCause(
      "PHP takes no files of that size, and drops what is larger without a word: raise post_max_size and "
        + "upload_max_filesize (2M by default)")
    let server = CheckCause(
      "the web server takes no bodies of that size: raise client_max_body_size (nginx; 1m by default) or "
        + "LimitRequestBody (Apache)")
    return (status == 413 ? [server, script] : [script, server]) + [CheckCause("the disk of the file server is full")]
  }

  /// - Parameter status: of the answer; nil when none came.
  func downloadFails(_ link: String, status: Int?) -> [CheckCause] {
    let elsewhere = CheckCause(
      "the link that the file server gives does not lead to the file: \(link); set its public address in its "
        + "configuration")
    let refused = CheckCause(
      "links want a password or an address that is not ours: they must work for everybody who has one")
    return status == 403 || status == 401 ? [refused, elsewhere] : [elsewhere, refused]
  }
}
