// KnownAnswerTests.swift: responses published in RFCs and captured between Linphone and Flexisip
import Foundation
import Testing

@testable import DigestAuth

@Suite struct KnownAnswerTests {
  @Test(arguments: [
    (DigestAlgorithm.md5, "8ca523f5e9506fed4657c9700eebdbec"),
    (.sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
  ])
  func `RFC 7616 section 3.9.1`(algorithm: DigestAlgorithm, response: String) throws {
    let lines = [
      """
      Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=\(algorithm.rawValue),
          nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
          opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
      """
    ]
    let challenge = try #require(DigestChallenge.preferred(of: lines))
    #expect(challenge.algorithm == algorithm)
    let credentials = try #require(
      DigestCredentials(
        answering: challenge, username: "Mufasa", secret: .password("Circle of Life"), method: "GET",
        uri: "/dir/index.html", cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", count: 1))
    #expect(credentials.response == response)
    #expect(credentials.opaque == "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS")
    #expect(credentials.headerValue.contains("qop=auth, nc=00000001"))
  }

  @Test func `RFC 2617 section 3.5`() throws {
    let challenge = try DigestChallenge(
      parsing: """
        Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", \
        opaque="5ccc069c403ebaf9f0171e9517f40e41"
        """)
    #expect(challenge.algorithm == .md5)
    let credentials = try #require(
      DigestCredentials(
        answering: challenge, username: "Mufasa", secret: .password("Circle Of Life"), method: "GET",
        uri: "/dir/index.html", cnonce: "0a4f113b", count: 1))
    #expect(credentials.response == "6629fae49393a05397450978507c4ef1")
  }

  @Test func `without qop the response is that of RFC 2069 with its erratum`() throws {
    let challenge = try DigestChallenge(
      parsing: #"Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093""#)
    let credentials = try #require(
      DigestCredentials(
        answering: challenge, username: "Mufasa", secret: .password("CircleOfLife"), method: "GET",
        uri: "/dir/index.html", cnonce: "unused", count: 1))
    #expect(credentials.response == "1949323746fe6a43ef61f9606e7febea")
    #expect(credentials.qop == nil && credentials.nc == nil && credentials.cnonce == nil)
    #expect(!credentials.headerValue.contains("cnonce"))
  }

  /// Each password equals the user name.
  static let captured: [(method: String, header: String)] = [
    (
      "REGISTER",
      #"""
        Digest realm="sip.example.org", nonce="mK6r7gAAAACBGaaDAADcIkzfuwcAAAAA", algorithm=MD5, opaque="+GNywA==", \#
      username="alice",  uri="sip:sip.example.org", response="8d5f8bdab98b6dd156db86d0726a7d5d", \#
      cnonce="OMDQQ2-rbaKgz84x", nc=00000001, qop=auth
      """#
    ),
    (
      "INVITE",
      #"""
        Digest realm="sip.example.org", nonce="m66r7gAAAAAtCfX8AACRrMtMatEAAAAA", algorithm=MD5, opaque="+GNywA==", \#
      username="alice",  uri="sip:conference-factory@sip.example.org", response="951846902901c9c7f2a3a9a4fa7ed0f4", \#
      cnonce="ZKDBxtCb8BMmtjns", nc=00000001, qop=auth
      """#
    ),
    (
      "MESSAGE",
      #"""
        Digest realm="sip.example.org", nonce="n66r7gAAAAAx2OFoAAAR5iTV7u4AAAAA", algorithm=MD5, opaque="+GNywA==", \#
      username="carol",  uri="sip:chatroom-lPBhVdFIHRtW6fBT@sip.example.org;gr=3f91af95-6739-00ff-9e71-fe4a813c9c63", \#
      response="94358a9e7d44259d686e3937a40910b1", cnonce="1NCKMxAz2QHQvMaz", nc=00000001, qop=auth
      """#
    ),
    (
      "BYE",
      #"""
        Digest realm="sip.example.org", nonce="m66r7gAAAAADgZy5AACRp8WKRI4AAAAA", algorithm=MD5, opaque="+GNywA==", \#
      username="alice",  uri="sip:chatroom-lPBhVdFIHRtW6fBT@sip.example.org;gr=3f91af95-6739-00ff-9e71-fe4a813c9c63", \#
      response="f7911b2fe1f5efbfefe71b4620936a72", cnonce="5NLKFlNJJZhHrNRn", nc=00000003, qop=auth
      """#
    ),
    (
      "REGISTER",
      #"""
        Digest realm="sip.example.org", nonce="I66r7gAAAAAvew0JAAA8uT4+K6UAAAAA", algorithm=MD5, opaque="+GNywA==", \#
      username="dave",  uri="sip:sip.example.org", response="6aaf1d0a9aaa8cb090a93b8d9286999f", \#
      cnonce="hELL-cJZ88K0jlgl", nc=00000001, qop=auth
      """#
    ),
  ]

  @Test(arguments: captured)
  func `a response that Linphone sent is computed alike`(method: String, header: String) throws {
    let sent = try DigestCredentials(parsing: header)
    let challenge = DigestChallenge(
      realm: sent.realm, nonce: sent.nonce, opaque: sent.opaque, algorithm: sent.algorithm)
    let cnonce = try #require(sent.cnonce)
    let count = try #require(sent.nc)
    let computed = try #require(
      DigestCredentials(
        answering: challenge, username: sent.username, secret: .password(sent.username), method: method, uri: sent.uri,
        cnonce: cnonce, count: count))
    #expect(computed == sent)
    #expect(try DigestCredentials(parsing: computed.headerValue) == sent)
  }

  @Test(arguments: captured)
  func `the verifier takes a response that Linphone sent for right, but its nonce for stale`(
    method: String, header: String
  ) throws {
    let sent = try DigestCredentials(parsing: header)
    let verifier = DigestVerifier(realm: "sip.example.org")
    #expect(verifier.verify(sent, method: method, uri: sent.uri) { .password($0) } == .stale)
    #expect(
      verifier.verify(sent, method: method, uri: sent.uri) { _ in .password("x") }
        == .refused(.wrongPassword(username: sent.username)))
  }

  /// FIPS 180-4's example for SHA-512/256.
  @Test func `SHA-512-256 is not SHA-512 cut to its half`() {
    #expect(
      DigestAlgorithm.sha512Truncated.hexDigest(of: Array("abc".utf8))
        == "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23")
  }

  @Test func `the two challenges that Flexisip sends are read, and SHA-256 is chosen`() throws {
    let lines = ["MD5", "SHA-256"].map {
      """
      Digest realm="sip.example.org", nonce="FK6r7gAAAABRZYx0AAD3X1evIX4AAAAA", opaque="+GNywA==", \
      algorithm=\($0), qop="auth"
      """
    }
    let expected = [DigestAlgorithm.md5, .sha256].map {
      DigestChallenge(
        realm: "sip.example.org", nonce: "FK6r7gAAAABRZYx0AAD3X1evIX4AAAAA", opaque: "+GNywA==", algorithm: $0)
    }
    #expect(DigestChallenge.list(lines) == expected)
    #expect(DigestChallenge.list([lines.joined(separator: ", ")]) == expected)
    #expect(DigestChallenge.preferred(of: lines) == expected[1])
    #expect(expected.map(\.headerValue) == lines)
  }
}
