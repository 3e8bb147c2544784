// LimeSchema.swift: the tables of the LIME store, in the account's database

import Foundation
import GRDB

enum LimeSchema {
  /// Times are whole seconds since 1970. Secret columns are those of `SecretColumn`.
  static func register(_ migrator: inout DatabaseMigrator) {
    migrator.registerMigration("lime 1") { db in
      try db.execute(
        sql: """
          -- With a row here the secrets of all tables are encrypted: see StorageProtection.
          CREATE TABLE lime_protection (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            salt BLOB NOT NULL,
            passes INTEGER NOT NULL, -- of Argon2id, as is the next, in bytes
            memory INTEGER NOT NULL,
            wrapped_key BLOB NOT NULL, -- the data key, encrypted
            has_remains INTEGER NOT NULL -- whether secrets may still stand elsewhere in the files
          );
          CREATE TABLE lime_account (
            id INTEGER PRIMARY KEY,
            device TEXT NOT NULL,
            curve INTEGER NOT NULL,
            identity_key BLOB NOT NULL,
            identity_seed BLOB NOT NULL,
            published INTEGER NOT NULL DEFAULT 0, -- whether the key server acknowledged the registration
            updated_at INTEGER, -- when the key server last said which one-time keys are left
            UNIQUE (device, curve)
          );
          CREATE TABLE lime_signed_prekey (
            account_id INTEGER NOT NULL REFERENCES lime_account ON DELETE CASCADE,
            key_id INTEGER NOT NULL,
            private_key BLOB NOT NULL,
            public_key BLOB NOT NULL,
            signature BLOB NOT NULL,
            created_at INTEGER NOT NULL,
            published INTEGER NOT NULL DEFAULT 0,
            replaced_at INTEGER, -- when a newer one was published; null for the current one
            PRIMARY KEY (account_id, key_id)
          );
          CREATE TABLE lime_one_time_key (
            account_id INTEGER NOT NULL REFERENCES lime_account ON DELETE CASCADE,
            key_id INTEGER NOT NULL,
            private_key BLOB NOT NULL,
            public_key BLOB NOT NULL,
            dispatched_at INTEGER, -- when it was first missing on the key server
            PRIMARY KEY (account_id, key_id)
          );
          CREATE TABLE lime_peer (
            id INTEGER PRIMARY KEY,
            account_id INTEGER NOT NULL REFERENCES lime_account ON DELETE CASCADE,
            device TEXT NOT NULL,
            identity_key BLOB,
            status TEXT NOT NULL,
            UNIQUE (account_id, device)
          );
          CREATE TABLE lime_session (
            id INTEGER PRIMARY KEY,
            peer_id INTEGER NOT NULL REFERENCES lime_peer ON DELETE CASCADE,
            active INTEGER NOT NULL, -- whether new messages are encrypted with it
            stale_since INTEGER, -- when another session became the active one
            received INTEGER NOT NULL DEFAULT 0, -- messages decrypted with it
            associated_data BLOB NOT NULL,
            secrets BLOB NOT NULL, -- root key; private ratchet key if there is the public one; receiving chain's if any
            peer_key BLOB NOT NULL,
            ratchet_public BLOB, -- null when a ratchet step is due
            receiving_number INTEGER, -- null until the peer's first message
            previous_chain_length INTEGER NOT NULL,
            x3dh_init BLOB -- what each message carries until the peer has answered
          );
          CREATE INDEX lime_session_of_peer ON lime_session (peer_id, active);
          -- All that a message to a large room changes: in few pages; whole sessions would take ten times more.
          CREATE TABLE lime_sending (
            session_id INTEGER PRIMARY KEY REFERENCES lime_session ON DELETE CASCADE,
            number INTEGER NOT NULL,
            chain_key BLOB -- null when a ratchet step is due
          );
          CREATE TABLE lime_skipped_key (
            id INTEGER PRIMARY KEY,
            session_id INTEGER NOT NULL REFERENCES lime_session ON DELETE CASCADE,
            ratchet_key BLOB NOT NULL,
            number INTEGER NOT NULL,
            message_key BLOB NOT NULL,
            received INTEGER NOT NULL, -- messages decrypted with the session when this one was found missing
            UNIQUE (session_id, ratchet_key, number)
          );
          -- First messages that made a session: they are not to make another.
          CREATE TABLE lime_accepted_init (
            account_id INTEGER NOT NULL REFERENCES lime_account ON DELETE CASCADE,
            identity_key BLOB NOT NULL,
            ephemeral_key BLOB NOT NULL,
            signed_prekey_id INTEGER NOT NULL,
            used_one_time_key INTEGER NOT NULL,
            session_id INTEGER REFERENCES lime_session ON DELETE SET NULL,
            PRIMARY KEY (account_id, identity_key, ephemeral_key)
          );
          CREATE INDEX lime_accepted_init_of_session ON lime_accepted_init (session_id);
          """)
    }
  }
}

extension Database {
  /// All changes of `body`, or none when it throws.
  func atomically<Result>(_ body: () throws -> Result) throws -> Result {
    var result: Swift.Result<Result, any Error> = .failure(LimeError.internalFailure("no result"))
    try inSavepoint {
      result = .success(try body())
      return .commit
    }
    return try result.get()
  }
}

extension Date {
  /// As stored.
  var seconds: Int64 { Int64(timeIntervalSince1970) }
}
