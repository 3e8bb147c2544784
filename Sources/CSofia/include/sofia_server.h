// A SIP server on nta: whole messages in, whole messages out, over the connections that clients opened. Every function
// and callback belongs to the loop's thread.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "sofia_loop.h"

typedef struct sofia_server sofia_server;
/// A server transaction: a request that waits for its final response.
typedef struct sofia_incoming sofia_incoming;
/// A client transaction: a request of the server's own on its way.
typedef struct sofia_outgoing sofia_outgoing;

/// A message in two pieces, valid during the callback only: start line and header fields, each ended by CRLF and with
/// full field names, one value a field; and the body as it came.
typedef struct sofia_text {
  const char *head;
  size_t head_length;
  const char *body;
  size_t body_length;
} sofia_text;

/// Where a message came from and goes back to: `stream` numbers a connection and is 0 for UDP, then host (numeric) and
/// port are the sender's.
typedef struct sofia_peer {
  uint64_t stream;
  char host[48];
  uint16_t port;
} sofia_peer;

typedef struct sofia_server_callbacks {
  void *context;
  /// A request that is no retransmission. `incoming` is NULL for ACK; otherwise it is the receiver's, which ends it
  /// with one of sofia_incoming_respond, sofia_incoming_forward and sofia_incoming_destroy.
  void (*request)(void *context, sofia_incoming *incoming, const sofia_text *message, const sofia_peer *peer);
  /// The client took an INVITE back (CANCEL); nta has answered both requests. `incoming` is still to be ended.
  void (*cancelled)(void *context, sofia_incoming *incoming);
  /// A response to sofia_server_send's request `token`. A final one ends the transaction. Without a message the status
  /// was made here: 408 no response in time, 503 the connection broke.
  void (*response)(void *context, uint64_t token, int status, const sofia_text *message);
  /// The client or the network closed a connection; nothing more goes over it.
  void (*closed)(void *context, uint64_t stream);
} sofia_server_callbacks;

/// Listens on TCP and UDP at one port of `host` (numeric), 0 being any port free for both; with a `tls_folder`, which has
/// agent.pem and cafile.pem, on TLS alone. NULL when it cannot; then errno has the cause.
sofia_server *sofia_server_create(sofia_loop *loop, const char *host, uint16_t port, const char *tls_folder,
                                  size_t max_message, const sofia_server_callbacks *callbacks);
uint16_t sofia_server_port(const sofia_server *server);
/// Closes all connections. Every sofia_incoming and sofia_outgoing must have been ended before.
void sofia_server_destroy(sofia_server *server);

/// Sends a request given as text over the peer's connection. The Via comes from here. NULL when it is no valid
/// request or the connection is gone; otherwise `response` is called, or the caller ends it with
/// sofia_outgoing_destroy.
sofia_outgoing *sofia_server_send(sofia_server *server, const sofia_peer *peer, const char *text, size_t length,
                                  uint64_t token);
/// Sends a request that gets no response (ACK for a 2xx). 0 when it went out.
int sofia_server_send_stateless(sofia_server *server, const sofia_peer *peer, const char *text, size_t length);
/// Sends CANCEL for an INVITE; its own final response still comes.
void sofia_outgoing_cancel(sofia_outgoing *outgoing);
/// Forgets the transaction; no callback comes any more.
void sofia_outgoing_destroy(sofia_outgoing *outgoing);

/// The tag that the server puts into To, made on first use; valid as long as `incoming`.
const char *sofia_incoming_tag(sofia_incoming *incoming);
/// Answers with a status line, these header fields (lines ended by CRLF) and body; Via, From, To, Call-ID and CSeq come
/// from the request. A final response ends `incoming`. 0 when it was taken.
int sofia_incoming_respond(sofia_incoming *incoming, int status, const char *reason, const char *headers,
                           const char *body, size_t body_length);
/// Answers with a whole response as text, its own Via removed: what a proxy does. A final response ends `incoming`.
int sofia_incoming_forward(sofia_incoming *incoming, const char *text, size_t length);
/// Gives the transaction up without a response.
void sofia_incoming_destroy(sofia_incoming *incoming);
