// StorageFailure.swift: errors of the database that concern disk and file, not what was to be stored.
import GRDB

extension DatabaseError {
  /// What is wrong with the disk or the file and what to do; nil for other errors.
  var storageFailure: String? {
    // With a full disk the file that processes share cannot grow, which has a code of its own.
    let code = extendedResultCode == .SQLITE_IOERR_SHMSIZE ? .SQLITE_FULL : resultCode
    return switch code {
    case .SQLITE_FULL: "the disk is full; free some space"
    case .SQLITE_READONLY, .SQLITE_PERM:
      "its files or their folder are read-only; make them writable for this user"
    case .SQLITE_IOERR: "the disk reported an error (\(extendedResultCode)); look at its state and free space"
    case .SQLITE_CANTOPEN: "a file of the database cannot be opened; check the folder's owner, mode and free space"
    case .SQLITE_BUSY, .SQLITE_LOCKED: "another process holds the database; end that process"
    case .SQLITE_CORRUPT, .SQLITE_NOTADB: "the database is damaged (\(extendedResultCode)); restore a backup"
    case .SQLITE_NOMEM: "there is no memory left"
    default: nil
    }
  }

  /// Whether the same can be stored once disk and file are in order again.
  var isStorageFailure: Bool { storageFailure != nil }
}

extension ChatError {
  /// nil when the error is none of disk or file.
  public init?(storing error: any Error) {
    guard let cause = (error as? DatabaseError)?.storageFailure else { return nil }
    self = .cannotStore(cause)
  }
}
