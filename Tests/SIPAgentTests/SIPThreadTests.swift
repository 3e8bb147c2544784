// SIPThreadTests.swift: the SIP actor and Sofia's thread
import Testing

@testable import SIPAgent

@SIPActor private func onLoop() -> Bool { SofiaLoop.shared.isIsolatingCurrentContext() == true }

@Test func theSIPActorRunsOnTheLoopThread() async { #expect(await onLoop()) }
