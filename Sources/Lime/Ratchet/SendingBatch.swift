// SendingBatch.swift: the sending chains that one message is encrypted with, in a few pieces of memory

import Foundation

/// What encrypting to many devices takes: sessions whose sending chain runs.
///
/// The bytes of a thousand sessions stand one after the other here. As values of their own they cost more, in
/// allocations and reference counts, than their encryption does.
// Unchecked, yet safe: filled before it is shared, and then each entry is advanced by one thread only.
final class SendingBatch: @unchecked Sendable {
  /// What is known of one session; its bytes are in the batch.
  struct Entry {
    let id: Int64
    let peerID: Int64
    /// The index of the device among those that the message is for.
    let device: Int
    /// What is known of the device.
    let status: PeerStatus
    /// Of the next message.
    let number: UInt16
    let previousChainLength: UInt16
    /// Bytes of what each message carries until the peer has answered; 0 afterwards.
    let initLength: Int
  }

  private let curve: Curve
  private(set) var entries: [Entry] = []
  private let capacity: Int
  private let chainKeys: SecretBuffer
  /// Of each entry: associated data, ratchet public key, X3DH init block.
  private let publicBytes: UnsafeMutablePointer<UInt8>
  private let stride: Int

  init(curve: Curve, capacity: Int) {
    self.curve = curve
    self.capacity = capacity
    entries.reserveCapacity(capacity)
    chainKeys = SecretBuffer(count: capacity * ChainKey.length)
    stride = X3DH.associatedDataLength + curve.publicKeyLength + X3DHInit.maximumLength(curve)
    publicBytes = .allocate(capacity: max(1, capacity * stride))
  }

  deinit { publicBytes.deallocate() }

  /// - Parameter readChainKey: is given room for the 32 bytes of the chain key.
  /// - Throws: `LimeError.internalFailure` when the parts are not of the lengths they must have; what `readChainKey`
  ///   throws.
  func append(
    _ entry: Entry, associatedData: UnsafeRawBufferPointer, ratchetKey: UnsafeRawBufferPointer,
    x3dhInit: UnsafeRawBufferPointer, readChainKey: (UnsafeMutablePointer<UInt8>) throws -> Void
  ) throws {
    guard entries.count < capacity, associatedData.count == X3DH.associatedDataLength,
      ratchetKey.count == curve.publicKeyLength,
      x3dhInit.count == entry.initLength, x3dhInit.count <= X3DHInit.maximumLength(curve)
    else { throw LimeError.internalFailure("a session in the store is damaged") }
    try readChainKey(chainKey(of: entries.count))
    let target = UnsafeMutableRawPointer(publicBytes + entries.count * stride)
    target.copy(associatedData)
    (target + associatedData.count).copy(ratchetKey)
    (target + associatedData.count + ratchetKey.count).copy(x3dhInit)
    entries.append(entry)
  }

  /// The chain key of an entry, 32 bytes.
  func chainKey(of index: Int) -> UnsafeMutablePointer<UInt8> { chainKeys.bytes + index * ChainKey.length }

  /// Encrypts with each chain and advances it, on all processors when there are many.
  /// - Parameters:
  ///   - binding: see `MessageBinding`, with the sender.
  ///   - recipients: the devices that the entries index.
  /// - Returns: the messages in the order of the entries.
  func seal(
    _ payload: UnsafeRawBufferPointer, _ kind: RatchetHeader.Payload, binding: [UInt8], recipients: [DeviceID]
  ) throws -> [Data] {
    // Safe: read only, and outlives the call.
    nonisolated(unsafe) let payload = payload
    return try concurrentParts(of: entries.count, minimum: Self.concurrentMessages) { part in
      let cipher = try AESGCM.Context(encrypting: true)
      var associatedData: [UInt8] = []
      associatedData.reserveCapacity(512)
      return try part.map { index in
        try self.seal(
          payload, kind, index, recipient: recipients[self.entries[index].device], binding: binding, cipher: cipher,
          associatedData: &associatedData)
      }
    }
  }

  /// Messages that are worth being encrypted on all processors.
  private static let concurrentMessages = 64

  private func seal(
    _ payload: UnsafeRawBufferPointer, _ kind: RatchetHeader.Payload, _ index: Int, recipient: DeviceID,
    binding: [UInt8], cipher: AESGCM.Context, associatedData: inout [UInt8]
  ) throws -> Data {
    let entry = entries[index]
    let session = publicBytes + index * stride
    let ratchetKey = session + X3DH.associatedDataLength
    let headerLength = RatchetHeader.fixedLength + entry.initLength + curve.publicKeyLength

    return try Data(count: headerLength + payload.count + AESGCM.tagLength) { message in
      RatchetHeader.write(
        to: message, curve: curve, payload: kind,
        x3dhInit: UnsafeRawBufferPointer(start: ratchetKey + curve.publicKeyLength, count: entry.initLength),
        messageNumber: entry.number, previousChainLength: entry.previousChainLength,
        ratchetKey: UnsafeRawBufferPointer(start: ratchetKey, count: curve.publicKeyLength))
      associatedData.removeAll(keepingCapacity: true)
      associatedData.append(contentsOf: binding)
      associatedData.append(contentsOf: recipient.string.utf8)
      associatedData.append(contentsOf: UnsafeBufferPointer(start: session, count: X3DH.associatedDataLength))
      associatedData.append(contentsOf: UnsafeBufferPointer(start: message, count: headerLength))
      try withUnsafeTemporaryAllocation(of: UInt8.self, capacity: ChainKey.messageKeyLength) { messageKey in
        guard let key = messageKey.baseAddress else { return }
        defer { SecretBytes.wipe(key, ChainKey.messageKeyLength) }
        let chainKey = chainKey(of: index)
        ChainKey.advance(chainKey, messageKey: key, next: chainKey)
        try cipher.setKey(key)
        try cipher.authenticate(associatedData)
        try payload.withBytePointer { try cipher.update($0, $1, into: message + headerLength) }
        try cipher.finishSealing(tag: message + headerLength + payload.count)
      }
    }
  }
}

extension UnsafeMutableRawPointer {
  fileprivate func copy(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress else { return }
    copyMemory(from: source, byteCount: bytes.count)
  }
}
