// SearchIndex.swift: the full-text index of the messages (SQLite FTS5, external content).
import Foundation
import GRDB

/// The index holds no texts of its own; triggers keep it in step with the `message` table: texts and names of files.
enum SearchIndex {
  /// Pages written in one transaction of a purge, so that messages that arrive meanwhile wait only briefly.
  private static let purgeStep = 500

  static func create(_ db: Database) throws {
    try db.execute(
      sql: """
        CREATE VIRTUAL TABLE messageText USING fts5(
          text, content='message', content_rowid='id', tokenize='unicode61 remove_diacritics 2');
        CREATE TRIGGER messageText_insert AFTER INSERT ON message BEGIN
          INSERT INTO messageText (rowid, text) VALUES (new.id, new.text);
        END;
        CREATE TRIGGER messageText_delete AFTER DELETE ON message BEGIN
          INSERT INTO messageText (messageText, rowid, text) VALUES ('delete', old.id, old.text);
          INSERT OR REPLACE INTO setting (name, value) VALUES ('searchPurge', 'due');
        END;
        CREATE TRIGGER messageText_update AFTER UPDATE OF text ON message WHEN old.text <> new.text BEGIN
          INSERT INTO messageText (messageText, rowid, text) VALUES ('delete', old.id, old.text);
          INSERT INTO messageText (rowid, text) VALUES (new.id, new.text);
          INSERT OR REPLACE INTO setting (name, value) VALUES ('searchPurge', 'due');
        END;
        INSERT INTO messageText (messageText) VALUES ('rebuild');
        """)
    // Counting what is unread must not read what was read.
    try db.execute(sql: "CREATE INDEX message_unread ON message (room) WHERE NOT isRead AND NOT isOutgoing")
  }

  /// The names of files too, which are in a column of their own, as FTS5 reads what it indexes by column.
  static func addFileNames(_ db: Database) throws {
    try db.execute(
      sql: """
        ALTER TABLE message ADD COLUMN fileNames TEXT;
        UPDATE message SET fileNames = (SELECT group_concat(json_extract(value, '$.name'), ' ')
          FROM json_each(message.attachments)) WHERE attachments IS NOT NULL;
        DROP TRIGGER messageText_insert;
        DROP TRIGGER messageText_delete;
        DROP TRIGGER messageText_update;
        DROP TABLE messageText;
        CREATE VIRTUAL TABLE messageText USING fts5(
          text, fileNames, content='message', content_rowid='id', tokenize='unicode61 remove_diacritics 2');
        CREATE TRIGGER messageText_insert AFTER INSERT ON message BEGIN
          INSERT INTO messageText (rowid, text, fileNames) VALUES (new.id, new.text, new.fileNames);
        END;
        CREATE TRIGGER messageText_delete AFTER DELETE ON message BEGIN
          INSERT INTO messageText (messageText, rowid, text, fileNames)
            VALUES ('delete', old.id, old.text, old.fileNames);
          INSERT OR REPLACE INTO setting (name, value) VALUES ('searchPurge', 'due');
        END;
        CREATE TRIGGER messageText_update AFTER UPDATE OF text, fileNames ON message
          WHEN old.text <> new.text OR old.fileNames IS NOT new.fileNames BEGIN
          INSERT INTO messageText (messageText, rowid, text, fileNames)
            VALUES ('delete', old.id, old.text, old.fileNames);
          INSERT INTO messageText (rowid, text, fileNames) VALUES (new.id, new.text, new.fileNames);
          INSERT OR REPLACE INTO setting (name, value) VALUES ('searchPurge', 'due');
        END;
        INSERT INTO messageText (messageText) VALUES ('rebuild');
        """)
  }

  /// The same table by the tokenizer that folds; the triggers stay as they are.
  static func fold(_ db: Database) throws {
    try db.execute(
      sql: """
        DROP TABLE messageText;
        CREATE VIRTUAL TABLE messageText USING fts5(
          text, fileNames, content='message', content_rowid='id', tokenize='\(SearchTokenizer.name)');
        INSERT INTO messageText (messageText) VALUES ('rebuild');
        """)
  }

  /// FTS5 only marks words as removed; they leave the file when its segments are merged.
  static func purge(_ database: DatabasePool) async throws {
    guard try await database.read({ try Setting.searchPurge.read($0) }) != nil else { return }
    var isFirst = true
    while true {
      // Negative: everything becomes one level, to be merged into one segment by the steps that follow.
      let pages = isFirst ? -purgeStep : purgeStep
      let isDone = try await database.write { db in
        let before = db.totalChangesCount
        try db.execute(sql: "INSERT INTO messageText (messageText, rank) VALUES ('merge', ?)", arguments: [pages])
        // Less than two changes: nothing was left to merge (FTS5 §6.8).
        guard db.totalChangesCount - before < 2 else { return false }
        try Setting.searchPurge.write(db, nil)
        return true
      }
      if isDone { return }
      isFirst = false
      try Task.checkCancellation()
    }
  }
}

extension AccountStore {
  /// Takes the words of deleted and changed messages out of the database's file too. Cheap when there are none; to be
  /// called after messages were deleted because somebody wanted them gone.
  public func purgeSearchIndex() async throws { try await SearchIndex.purge(database) }
}
