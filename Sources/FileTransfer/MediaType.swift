// MediaType.swift: what kind of file it is, by its first bytes and its name's ending (RFC 2046 registry)
import Foundation

/// Media types of files.
public enum MediaType {
  /// For bytes and endings that say nothing.
  public static let unknown = "application/octet-stream"
  /// How many bytes of a file are looked at.
  static let headLength = 16

  private static let byEnding: [String: String] = [
    "7z": "application/x-7z-compressed", "aac": "audio/aac", "avi": "video/x-msvideo", "bz2": "application/x-bzip2",
    "csv": "text/csv", "doc": "application/msword", "epub": "application/epub+zip", "flac": "audio/flac",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "gif": "image/gif",
    "gz": "application/gzip", "heic": "image/heic", "html": "text/html", "ics": "text/calendar",
    "jpeg": "image/jpeg", "jpg": "image/jpeg", "json": "application/json", "log": "text/plain", "m4a": "audio/mp4",
    "md": "text/markdown", "mka": "audio/x-matroska", "mkv": "video/x-matroska", "mov": "video/quicktime",
    "mp3": "audio/mpeg", "mp4": "video/mp4", "odp": "application/vnd.oasis.opendocument.presentation",
    "ods": "application/vnd.oasis.opendocument.spreadsheet", "odt": "application/vnd.oasis.opendocument.text",
    "ogg": "audio/ogg", "opus": "audio/ogg", "pdf": "application/pdf", "png": "image/png",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation", "svg": "image/svg+xml",
    "tar": "application/x-tar", "toml": "application/toml", "txt": "text/plain", "vcf": "text/vcard",
    "wav": "audio/wav", "webm": "video/webm", "webp": "image/webp",
    "xlsx":
      "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xml": "application/xml",
    "xz": "application/x-xz", "yaml": "application/yaml", "yml": "application/yaml", "zip": "application/zip",
    "zst": "application/zstd",
  ]

  private static let byBeginning: [(at: Int, bytes: [UInt8], type: String)] = [
    (0, [0xFF, 0xD8, 0xFF], "image/jpeg"), (0, [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A], "image/png"),
    (0, Array("GIF8".utf8), "image/gif"), (8, Array("WEBP".utf8), "image/webp"), (8, Array("WAVE".utf8), "audio/wav"),
    (0, Array("%PDF-".utf8), "application/pdf"), (0, Array("OggS".utf8), "audio/ogg"),
    (0, Array("fLaC".utf8), "audio/flac"), (0, Array("ID3".utf8), "audio/mpeg"),
    (4, Array("ftypheic".utf8), "image/heic"), (4, Array("ftypqt".utf8), "video/quicktime"),
    (4, Array("ftyp".utf8), "video/mp4"), (0, [0x1A, 0x45, 0xDF, 0xA3], "video/x-matroska"),
    (0, [0x1F, 0x8B], "application/gzip"), (0, Array("PK\u{3}\u{4}".utf8), "application/zip"),
    (0, [0xFD, 0x37, 0x7A, 0x58, 0x5A], "application/x-xz"), (0, [0x28, 0xB5, 0x2F, 0xFD], "application/zstd"),
    (0, [0x7F, 0x45, 0x4C, 0x46], "application/x-executable"), (0, [0x4D, 0x5A], "application/x-msdownload"),
  ]

  /// The ending decides, as one beginning stands for many types of container; the first bytes where it says nothing.
  public static func of(name: String, head: Data) -> String {
    let ending = name.lastIndex(of: ".").map { name[name.index(after: $0)...].lowercased() } ?? ""
    if let type = byEnding[ending] { return type }
    let bytes = Array(head.prefix(headLength))
    return byBeginning.first { bytes.dropFirst($0.at).starts(with: $0.bytes) }?.type ?? unknown
  }
}
