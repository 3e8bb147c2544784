// EmojiNames.swift: emoji by the names that chats have for them (":+1:"), and by their names in Unicode.

/// A short table of usual names; all other emoji have the name of their character in the Unicode Character Database, as the
/// Swift library knows it, in small letters and with "_" for blanks. "_tone1" to "_tone5" behind a name is a skin tone.
public enum EmojiNames {
  /// What Tab goes through.
  private static let maximum = 40

  private static let usual: [String: String] = [
    "+1": "👍", "thumbsup": "👍", "-1": "👎", "thumbsdown": "👎", "ok_hand": "👌", "clap": "👏", "wave": "👋",
    "pray": "🙏", "muscle": "💪", "raised_hands": "🙌", "point_up": "☝️", "point_down": "👇", "point_left": "👈",
    "point_right": "👉", "handshake": "🤝", "crossed_fingers": "🤞", "v": "✌️", "fist": "✊", "smile": "😄",
    "smiley": "😃", "grin": "😁", "grinning": "😀", "joy": "😂", "rofl": "🤣", "laughing": "😆", "sweat_smile": "😅",
    "wink": "😉", "blush": "😊", "slightly_smiling": "🙂", "upside_down": "🙃", "innocent": "😇", "heart_eyes": "😍",
    "kissing_heart": "😘", "yum": "😋", "sunglasses": "😎", "nerd": "🤓", "thinking": "🤔", "neutral": "😐",
    "expressionless": "😑", "unamused": "😒", "roll_eyes": "🙄", "smirk": "😏", "grimacing": "😬", "relieved": "😌",
    "sleeping": "😴", "sleepy": "😪", "mask": "😷", "sick": "🤢", "hot": "🥵", "cold": "🥶", "dizzy_face": "😵",
    "exploding_head": "🤯", "confused": "😕", "worried": "😟", "frowning": "☹️", "open_mouth": "😮",
    "astonished": "😲", "flushed": "😳", "cry": "😢", "sob": "😭", "scream": "😱", "disappointed": "😞",
    "sweat": "😓", "weary": "😩", "tired": "😫", "angry": "😠", "rage": "😡", "triumph": "😤", "smiling_imp": "😈",
    "skull": "💀", "poop": "💩", "clown": "🤡", "ghost": "👻", "alien": "👽", "robot": "🤖", "see_no_evil": "🙈",
    "hear_no_evil": "🙉", "speak_no_evil": "🙊", "hugging": "🤗", "shushing": "🤫", "party": "🥳", "partying": "🥳",
    "zany": "🤪", "salute": "🫡", "melting": "🫠", "facepalm": "🤦", "shrug": "🤷", "eyes": "👀", "brain": "🧠",
    "ear": "👂", "heart": "❤️", "orange_heart": "🧡", "yellow_heart": "💛", "green_heart": "💚", "blue_heart": "💙",
    "purple_heart": "💜", "black_heart": "🖤", "broken_heart": "💔", "two_hearts": "💕", "sparkling_heart": "💖",
    "100": "💯", "boom": "💥", "collision": "💥", "dizzy": "💫", "zzz": "💤", "speech": "💬", "tada": "🎉",
    "confetti": "🎊", "balloon": "🎈", "gift": "🎁", "cake": "🍰", "birthday": "🎂", "trophy": "🏆", "medal": "🏅",
    "fire": "🔥", "star": "⭐", "star2": "🌟", "sparkles": "✨", "zap": "⚡", "sun": "☀️", "sunny": "☀️",
    "cloud": "☁️", "rain": "🌧️", "snow": "❄️", "snowman": "⛄", "rainbow": "🌈", "umbrella": "☔", "ocean": "🌊",
    "earth": "🌍", "moon": "🌙", "coffee": "☕", "tea": "🍵", "beer": "🍺", "beers": "🍻", "wine": "🍷",
    "champagne": "🍾", "cocktail": "🍸", "pizza": "🍕", "burger": "🍔", "fries": "🍟", "apple": "🍎", "lemon": "🍋",
    "cookie": "🍪", "bread": "🍞", "cheese": "🧀", "egg": "🥚", "dog": "🐶", "cat": "🐱", "mouse": "🐭", "fox": "🦊",
    "bear": "🐻", "panda": "🐼", "monkey": "🐒", "unicorn": "🦄", "bug": "🐛", "bee": "🐝", "snail": "🐌",
    "turtle": "🐢", "fish": "🐟", "whale": "🐳", "bird": "🐦", "penguin": "🐧", "tree": "🌳", "flower": "🌼",
    "rose": "🌹", "sunflower": "🌻", "herb": "🌿", "rocket": "🚀", "car": "🚗", "bus": "🚌", "train": "🚆",
    "bike": "🚲", "airplane": "✈️", "ship": "🚢", "house": "🏠", "office": "🏢", "hospital": "🏥",
    "construction": "🚧", "warning": "⚠️", "stop": "🛑", "no_entry": "⛔", "x": "❌", "check": "✅",
    "white_check_mark": "✅", "heavy_check_mark": "✔️", "question": "❓", "exclamation": "❗", "bangbang": "‼️",
    "recycle": "♻️", "lock": "🔒", "unlock": "🔓", "key": "🔑", "bell": "🔔", "no_bell": "🔕", "bulb": "💡",
    "wrench": "🔧", "hammer": "🔨", "gear": "⚙️", "tools": "🛠️", "link": "🔗", "paperclip": "📎", "pushpin": "📌",
    "memo": "📝", "pencil": "✏️", "book": "📖", "books": "📚", "calendar": "📅", "clock": "🕒", "hourglass": "⌛",
    "alarm": "⏰", "stopwatch": "⏱️", "email": "📧", "envelope": "✉️", "phone": "☎️", "iphone": "📱",
    "computer": "💻", "keyboard": "⌨️", "printer": "🖨️", "floppy": "💾", "camera": "📷", "tv": "📺",
    "headphones": "🎧", "mic": "🎤", "music": "🎵", "notes": "🎶", "guitar": "🎸", "game": "🎮", "dart": "🎯",
    "dice": "🎲", "soccer": "⚽", "basketball": "🏀", "money": "💰", "dollar": "💵", "chart": "📈", "up": "⬆️",
    "down": "⬇️", "left": "⬅️", "right": "➡️", "back": "🔙", "soon": "🔜", "new": "🆕", "ok": "🆗", "sos": "🆘",
    "cool": "🆒", "free": "🆓", "red_circle": "🔴", "green_circle": "🟢", "yellow_circle": "🟡", "blue_circle": "🔵",
    "white_circle": "⚪", "black_circle": "⚫", "checkered_flag": "🏁", "rainbow_flag": "🏳️‍🌈",
    "pirate_flag": "🏴‍☠️", "technologist": "🧑‍💻", "astronaut": "🧑‍🚀", "family": "👪", "baby": "👶", "ninja": "🥷",
    "detective": "🕵️", "santa": "🎅", "runner": "🏃", "dancer": "💃", "walking": "🚶", "crown": "👑", "ring": "💍",
  ]

  /// All others, sorted by name; made when it is first needed.
  private static let ofUnicode: [(name: String, emoji: String)] = {
    let ranges: [ClosedRange<UInt32>] = [0x2190...0x2BFF, 0x3030...0x303D, 0x1F000...0x1FAFF]
    return ranges.joined().compactMap { value -> (name: String, emoji: String)? in
      guard let scalar = Unicode.Scalar(value), scalar.properties.isEmoji, !scalar.properties.isEmojiModifier,
        !(0x1F1E6...0x1F1FF).contains(value), let name = scalar.properties.name
      else { return nil }
      let emoji = String(Character(scalar)) + (scalar.properties.isEmojiPresentation ? "" : "\u{FE0F}")
      return (name.lowercased().replacing(" ", with: "_"), emoji)
    }.sorted { $0.name < $1.name }
  }()

  /// nil for a name that none has.
  public static func emoji(named name: String) -> String? {
    let name = name.lowercased()
    guard !name.isEmpty else { return nil }
    if let emoji = usual[name] { return emoji }
    if let found = ofUnicode.first(where: { $0.name == name }) { return found.emoji }
    guard let range = name.range(of: "_tone", options: .backwards), let tone = Int(name[range.upperBound...]),
      (1...5).contains(tone), let base = emoji(named: String(name[..<range.lowerBound])),
      let modifier = Unicode.Scalar(0x1F3FA + UInt32(tone)),
      let first = base.unicodeScalars.first, first.properties.isEmojiModifierBase
    else { return nil }
    // The tone takes the selector's place behind the first scalar.
    let rest = base.unicodeScalars.dropFirst().drop { $0 == "\u{FE0F}" }
    var scalars = String.UnicodeScalarView([first, modifier])
    scalars.append(contentsOf: rest)
    return String(scalars)
  }

  /// The emoji of a text that is one shortcode (":+1:"); any other text as it is.
  public static func expanded(_ text: String) -> String {
    guard text.count > 2, text.hasPrefix(":"), text.hasSuffix(":") else { return text }
    return emoji(named: String(text.dropFirst().dropLast())) ?? text
  }

  /// The emoji whose names begin with `beginning`, usual names first; then those with such a word in their name.
  static func emoji(beginning: String) -> [String] {
    let beginning = beginning.lowercased()
    guard beginning.contains(where: { $0.isLetter || $0.isNumber }) else { return [] }
    if let whole = emoji(named: beginning), beginning.contains("_tone") { return [whole] }
    var seen: Set<String> = []
    let known = usual.filter { $0.key.hasPrefix(beginning) }.sorted { ($0.key.count, $0.key) < ($1.key.count, $1.key) }
    let found =
      known.map(\.value) + ofUnicode.filter { $0.name.hasPrefix(beginning) }.map(\.emoji)
      + ofUnicode.filter { $0.name.contains("_" + beginning) }.map(\.emoji)
    return Array(found.filter { seen.insert($0).inserted }.prefix(maximum))
  }
}
