// ConfiguredNamesTests.swift: keys, actions, styles and notifications as the configuration names them.
import Testing

@testable import TerminalUI

@Suite struct ConfiguredNamesTests {
  @Test func keysHaveNamesThatReadBack() {
    for stroke in Keymap.standard.bindings.keys { #expect(KeyStroke(named: stroke.name) == stroke, "\(stroke.name)") }
    #expect(KeyStroke(named: "Ctrl-X") == .control("x"))
    #expect(KeyStroke(named: "alt-shift-left") == KeyStroke(.left, [.alt, .shift]))
    #expect(KeyStroke(named: "alt--") == .alt("-"))
    for name in ["", "ctrl-", "f0", "f99", "nokey", "shift-a", "hyper-x"] {
      #expect(KeyStroke(named: name) == nil, "\(name)")
    }
  }

  @Test func everyStandardBindingCanBeWrittenInAFile() throws {
    var map = Keymap(bindings: [:])
    for action in Action.named.keys { try map.bind("f5", to: action) }
    let named = Set(Action.named.values)
    for (stroke, action) in Keymap.standard.bindings {
      switch action {
      case .openRoom: continue
      case .run(let line):
        try map.bind("f5", to: line)
        #expect(map.bindings[KeyStroke(.function(5))] == action)
      default: #expect(named.contains(action), "\(stroke.name)")
      }
    }
  }

  @Test func keysAreBoundToActionsCommandsOrNothing() throws {
    var interface = Fixtures.interface()
    try interface.keymap.bind("f5", to: "/info")
    try interface.keymap.bind("ctrl-l", to: "none")
    try interface.keymap.bind("alt-x", to: "members")
    #expect(interface.press(.function(5)) == [.command(CommandCall(name: "info"))])
    #expect(interface.press(.character("l"), .control).isEmpty)
    _ = interface.press(.character("x"), .alt)
    #expect(interface.screen.panes.members == .shown)
    #expect(throws: Keymap.Failure.unknownKey("f0")) { try interface.keymap.bind("f0", to: "none") }
    #expect(throws: Keymap.Failure.unknownAction("fly")) { try interface.keymap.bind("f5", to: "fly") }
    #expect(interface.keymap.help.contains { $0.hasPrefix("alt-x") || $0.contains(" f8 ") || $0.contains("f8 shows") })
  }

  @Test func partsOfAThemeAreSetByWords() throws {
    var theme = Theme.dark
    var setting = ThemeSetting(.light)
    try setting.set("warning", to: "bold 215")
    try setting.setSenderColors(["red"])
    let changed = setting.theme(colors: 256, background: nil)
    #expect(changed.warning == Style(foreground: Color(215), bold: true) && changed.senderColors == [Color(1)])
    #expect(changed.error == Theme.light.error)
    try theme.set("warning", to: "bold underlined 215 on bright-black")
    #expect(theme.warning == Style(foreground: Color(215), background: Color(8), bold: true, underlined: true))
    try theme.set("notice", to: "plain")
    #expect(theme.notice == .plain)
    try theme.setSenderColors(["red", "120"])
    #expect(theme.senderColors == [Color(1), Color(120)])
    #expect(throws: Theme.Failure.unknownPart("sidebar")) { try theme.set("sidebar", to: "bold") }
    #expect(throws: Theme.Failure.badStyle("bold pink")) { try theme.set("text", to: "bold pink") }
    #expect(throws: Theme.Failure.badColor("256")) { try theme.setSenderColors(["256"]) }
  }

  @Test func notificationsHoldNothingThatEndsThem() {
    let nasty = "a\u{1B}]0;x\u{07};b\u{9C}\n" + String(repeating: "y", count: 500)
    for form in NotificationForm.allCases {
      let text = form.sequence(title: nasty, body: nasty)
      #expect(text.hasPrefix("\u{1B}]") && text.hasSuffix("\u{07}"))
      let inner = text.dropFirst().dropLast()
      #expect(inner.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
      #expect(inner.count < 450)
    }
    #expect(NotificationForm.osc777.sequence(title: "a;b", body: "c") == "\u{1B}]777;notify;a,b;c\u{07}")
    #expect(
      NotificationForm.osc9.sequence(title: "a", body: "b", environment: ["TMUX": "x"])
        == "\u{1B}Ptmux;\u{1B}\u{1B}]9;a: b\u{07}\u{1B}\\")
  }

  @Test func roomsKeepTheirNumbersWhenTheirOrderChanges() {
    var interface = Fixtures.interface()
    interface.screen.rooms = [
      RoomRow(id: "ops", number: 2, name: "Ops", unread: 3, mentions: 1), RoomRow(id: "lab", number: 1, name: "Lab"),
    ]
    #expect(interface.press(.character("2"), .alt) == [.openRoom("ops")])
    #expect(interface.grid.lines[1].hasPrefix("  2 # Ops    3! │"))
    #expect(interface.grid.lines[22].contains("Act: 2(3)!"))
  }
}
