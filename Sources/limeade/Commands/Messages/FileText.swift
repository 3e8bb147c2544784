// FileText.swift: files and their transfers as lines for people.
import ChatCore
import Foundation

enum FileText {
  /// `report.pdf, 12.3 kB, application/pdf`, with a remark where one is due.
  static func summary(_ file: MessageFile) -> String {
    var parts = [SafeLine.text(file.name), file.size.map(size) ?? "size unknown", SafeLine.text(file.contentType)]
    if file.isOffered, !file.isEncrypted { parts.append("not encrypted") }
    if file.isExpired { parts.append("expired") }
    return parts.joined(separator: ", ")
  }

  /// Decimal units, as disks and networks count.
  static func size(_ bytes: Int) -> String {
    guard bytes >= 1000 else { return "\(bytes) bytes" }
    var (value, unit) = (Double(bytes) / 1000, "kB")
    for larger in ["MB", "GB"] where value >= 1000 { (value, unit) = (value / 1000, larger) }
    return String(format: "%.1f ", value) + unit
  }

  /// Where a file is: `saved as …`, `not saved: …`.
  static func state(_ file: MessageFile) -> String {
    switch file.state {
    case .waiting: "waits for its upload"
    case .uploaded: "uploaded"
    case .offered: file.failure.map { "not saved: \(SafeLine.text($0))" } ?? "not saved yet"
    case .saved: "saved as \(SafeLine.text(file.path ?? ""))"
    case .failed: "not sent: \(SafeLine.text(file.failure ?? "unknown reason"))"
    }
  }

  /// Below its message in `history`: `    file ID  report.pdf, 12.3 kB, application/pdf (not saved yet)`.
  static func lines(of message: Message) -> [String] {
    message.files.enumerated().map { index, file in
      "    file \(SafeLine.text(message.fileID(index)))  \(summary(file)) (\(state(file)))"
    }
  }

  /// `42 %`, or bytes when the whole is not known.
  static func share(_ progress: FileProgress) -> String {
    let done = progress.done ?? 0
    guard let whole = progress.file.size, whole > 0 else { return size(done) }
    return "\(min(100, done * 100 / whole)) %"
  }

  static func event(_ progress: FileProgress) -> String? {
    let name = SafeLine.text(progress.file.name)
    return switch progress.step {
    // The line of the message says it.
    case .offered: nil
    case .uploading: "-- uploading \(name): \(share(progress))"
    case .uploaded: "-- uploaded \(name)"
    case .downloading: "-- downloading \(name): \(share(progress))"
    case .saved: "-- saved \(SafeLine.text(progress.file.path ?? name))"
    case .failed: "-- \(name): \(SafeLine.text(progress.file.failure ?? "failed"))"
    case .cancelled: "-- cancelled \(name)"
    }
  }
}
