// The nta agent behind SIPServer.swift: registrar's and proxy's transport, as plain functions over message text.
struct sofia_server;
struct sofia_incoming;
struct sofia_outgoing;
#define NTA_AGENT_MAGIC_T struct sofia_server
#define NTA_INCOMING_MAGIC_T struct sofia_incoming
#define NTA_OUTGOING_MAGIC_T struct sofia_outgoing
#define TP_CLIENT_T struct stream
#include "loop.h"
#include "server_text.h"
#include "sofia_server.h"
#include <arpa/inet.h>
#include <errno.h>
#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nta.h>
#include <sofia-sip/nta_stateless.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_util.h>
#include <sofia-sip/tport.h>
#include <sofia-sip/tport_tag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A client's TCP connection. The reference keeps nta from reusing or freeing it while the server knows it.
struct stream {
  struct stream *next;
  struct sofia_server *server;
  tport_t *transport;
  uint64_t number;
  int pending;
  int is_closed;
};

struct sofia_server {
  nta_agent_t *agent;
  su_root_t *root;
  su_timer_t *reaper;
  sofia_server_callbacks callbacks;
  struct stream *streams;
  uint64_t last_stream;
  uint16_t port;
  int is_reaping;
};

struct sofia_incoming {
  sofia_server *server;
  nta_incoming_t *transaction;
};

struct sofia_outgoing {
  sofia_server *server;
  nta_outgoing_t *transaction;
  uint64_t token;
  int is_starting;
  int has_failed;
};

// Connections

/// Frees what connection errors reported; not from within tport's own callback, which still walks the pending list.
static void reap(su_root_magic_t *magic, su_timer_t *timer, su_timer_arg_t *arg) {
  sofia_server *server = (sofia_server *)arg;
  (void)magic;
  (void)timer;
  server->is_reaping = 0;
  for (struct stream **link = &server->streams; *link;) {
    struct stream *stream = *link;
    if (!stream->is_closed) {
      link = &stream->next;
      continue;
    }
    *link = stream->next;
    tport_release(stream->transport, stream->pending, NULL, NULL, stream, 0);
    tport_unref(stream->transport);
    free(stream);
  }
}

static void stream_failed(tp_stack_t *stack, struct stream *stream, tport_t *transport, msg_t *msg, int error) {
  (void)stack;
  (void)transport;
  (void)msg;
  (void)error;
  if (stream->is_closed) return;
  sofia_server *server = stream->server;
  stream->is_closed = 1;
  if (!server->is_reaping) {
    server->is_reaping = 1;
    su_timer_set_interval(server->reaper, reap, (su_timer_arg_t *)server, 0);
  }
  server->callbacks.closed(server->callbacks.context, stream->number);
}

/// The stream of a transport, new when this is its first request. Takes over the caller's reference. NULL: out of
/// memory.
static struct stream *stream_of(sofia_server *server, tport_t *transport) {
  for (struct stream *stream = server->streams; stream; stream = stream->next)
    if (stream->transport == transport) {
      tport_unref(transport);
      return stream;
    }
  struct stream *stream = calloc(1, sizeof *stream);
  if (!stream) {
    tport_unref(transport);
    return NULL;
  }
  stream->server = server;
  stream->transport = transport;
  stream->number = ++server->last_stream;
  stream->pending = tport_pend(transport, NULL, stream_failed, stream);
  stream->next = server->streams;
  server->streams = stream;
  return stream;
}

static int peer_of(sofia_server *server, msg_t *msg, sofia_peer *peer) {
  memset(peer, 0, sizeof *peer);
  tport_t *transport = nta_incoming_transport(server->agent, NULL, msg);
  if (!transport) return -1;
  if (tport_is_secondary(transport) && tport_is_stream(transport)) {
    struct stream *stream = stream_of(server, transport);
    if (!stream || stream->is_closed) return -1;
    peer->stream = stream->number;
  } else {
    tport_unref(transport);
  }
  su_sockaddr_t const *address = msg_addr(msg);
  if (address->su_family == AF_INET6)
    inet_ntop(AF_INET6, &address->su_sin6.sin6_addr, peer->host, sizeof peer->host);
  else
    inet_ntop(AF_INET, &address->su_sin.sin_addr, peer->host, sizeof peer->host);
  peer->port = ntohs(address->su_port);
  return 0;
}

static tport_t *transport_to(sofia_server *server, const sofia_peer *peer) {
  for (struct stream *stream = server->streams; stream; stream = stream->next)
    if (stream->number == peer->stream) return stream->is_closed ? NULL : stream->transport;
  return NULL;
}

// Requests in

static int on_ack_or_cancel(struct sofia_incoming *incoming, nta_incoming_t *transaction, sip_t const *sip) {
  (void)transaction;
  if (sip && sip->sip_request->rq_method == sip_method_cancel)
    incoming->server->callbacks.cancelled(incoming->server->callbacks.context, incoming);
  return 0;
}

static int on_request(struct sofia_server *server, nta_agent_t *agent, msg_t *msg, sip_t *sip) {
  // nta also brings responses that belong to no transaction: late ones, or anybody's.
  if (!sip->sip_request) {
    msg_destroy(msg);
    return 0;
  }
  sofia_text text;
  sofia_peer peer;
  int is_ack = sip->sip_request->rq_method == sip_method_ack;
  if (peer_of(server, msg, &peer) < 0 || sofia_text_make(msg, sip, &text) < 0) {
    msg_destroy(msg);
    return 0;
  }
  sofia_incoming *incoming = NULL;
  // nta owns the message from nta_incoming_create on; this reference keeps the text's body valid during the callback.
  msg_t *kept = msg_ref_create(msg);
  if (is_ack) {
    msg_destroy(msg);
  } else {
    incoming = calloc(1, sizeof *incoming);
    nta_incoming_t *transaction = incoming ? nta_incoming_create(agent, NULL, msg, sip, TAG_END()) : NULL;
    if (!transaction) {
      if (!incoming) msg_destroy(msg);
      free(incoming);
      free((char *)text.head);
      msg_ref_destroy(kept);
      return 0;
    }
    incoming->server = server;
    incoming->transaction = transaction;
    nta_incoming_bind(transaction, on_ack_or_cancel, incoming);
  }
  server->callbacks.request(server->callbacks.context, incoming, &text, &peer);
  free((char *)text.head);
  msg_ref_destroy(kept);
  return 0;
}

const char *sofia_incoming_tag(sofia_incoming *incoming) { return nta_incoming_tag(incoming->transaction, NULL); }

static int reply(sofia_incoming *incoming, msg_t *msg, int status) {
  int result = msg ? nta_incoming_mreply(incoming->transaction, msg) : -1;
  if (status >= 200) sofia_incoming_destroy(incoming);
  return result;
}

int sofia_incoming_respond(sofia_incoming *incoming, int status, const char *reason, const char *headers,
                           const char *body, size_t body_length) {
  msg_t *msg = nta_incoming_create_response(incoming->transaction, 0, NULL);
  sip_t *sip = sip_object(msg);
  if (!sip) return reply(incoming, NULL, status);
  if (status > 100) nta_incoming_tag(incoming->transaction, NULL);
  // The phrase is not copied by nta.
  char const *phrase = su_strdup(msg_home(msg), reason);
  int failed = *headers && msg_header_parse_str(msg, (msg_pub_t *)sip, (char *)su_strdup(msg_home(msg), headers)) < 0;
  if (!failed && body_length) {
    sip_payload_t *payload = sip_payload_create(msg_home(msg), body, (isize_t)body_length);
    failed = !payload || sip_header_insert(msg, sip, (sip_header_t *)payload) < 0;
  }
  if (failed || nta_incoming_complete_response(incoming->transaction, msg, status, phrase, TAG_END()) < 0) {
    msg_destroy(msg);
    msg = NULL;
  }
  return reply(incoming, msg, status);
}

int sofia_incoming_forward(sofia_incoming *incoming, const char *text, size_t length) {
  msg_t *msg = sofia_text_parse(text, length);
  sip_t *sip = sip_object(msg);
  if (msg && !sip->sip_status) {
    msg_destroy(msg);
    msg = NULL;
  }
  return reply(incoming, msg, msg ? sip->sip_status->st_status : 500);
}

void sofia_incoming_destroy(sofia_incoming *incoming) {
  nta_incoming_bind(incoming->transaction, NULL, NULL);
  nta_incoming_destroy(incoming->transaction);
  free(incoming);
}

// Requests out

static int on_response(struct sofia_outgoing *outgoing, nta_outgoing_t *transaction, sip_t const *sip) {
  if (outgoing->is_starting) {
    // Failed while being sent: sofia_server_send tells its caller.
    outgoing->has_failed = 1;
    return 0;
  }
  sofia_server *server = outgoing->server;
  uint64_t token = outgoing->token;
  int status = sip && sip->sip_status ? sip->sip_status->st_status : nta_outgoing_status(transaction);
  msg_t *msg = sip ? nta_outgoing_getresponse(transaction) : NULL;
  sofia_text text;
  int has_text = msg && sofia_text_make(msg, sip_object(msg), &text) == 0;
  if (status >= 200) sofia_outgoing_destroy(outgoing);
  server->callbacks.response(server->callbacks.context, token, status, has_text ? &text : NULL);
  if (has_text) free((char *)text.head);
  if (msg) msg_destroy(msg);
  return 0;
}

/// Where nta shall send: a transport for a connection, a route for UDP. -1 when the connection is gone.
static int target_of(sofia_server *server, const sofia_peer *peer, tport_t **transport, char *route, size_t size) {
  *transport = NULL;
  *route = 0;
  if (peer->stream) {
    *transport = transport_to(server, peer);
    return *transport ? 0 : -1;
  }
  const char *format = strchr(peer->host, ':') ? "sip:[%s]:%u;transport=udp" : "sip:%s:%u;transport=udp";
  snprintf(route, size, format, peer->host, peer->port);
  return 0;
}

sofia_outgoing *sofia_server_send(sofia_server *server, const sofia_peer *peer, const char *text, size_t length,
                                  uint64_t token) {
  tport_t *transport;
  char route[96];
  if (target_of(server, peer, &transport, route, sizeof route) < 0) return NULL;
  msg_t *msg = sofia_text_parse(text, length);
  sofia_outgoing *outgoing = msg ? calloc(1, sizeof *outgoing) : NULL;
  if (!outgoing || !sip_object(msg)->sip_request) {
    if (msg) msg_destroy(msg);
    free(outgoing);
    return NULL;
  }
  outgoing->server = server;
  outgoing->token = token;
  outgoing->is_starting = 1;
  outgoing->transaction =
      nta_outgoing_mcreate(server->agent, on_response, outgoing, *route ? (url_string_t *)route : NULL, msg,
                           TAG_IF(transport, NTATAG_TPORT(transport)), TAG_END());
  outgoing->is_starting = 0;
  if (!outgoing->transaction) msg_destroy(msg);
  if (!outgoing->transaction || outgoing->has_failed) {
    sofia_outgoing_destroy(outgoing);
    return NULL;
  }
  return outgoing;
}

int sofia_server_send_stateless(sofia_server *server, const sofia_peer *peer, const char *text, size_t length) {
  tport_t *transport;
  char route[96];
  if (target_of(server, peer, &transport, route, sizeof route) < 0) return -1;
  msg_t *msg = sofia_text_parse(text, length);
  if (!msg) return -1;
  return nta_msg_tsend(server->agent, msg, *route ? (url_string_t *)route : NULL,
                       TAG_IF(transport, NTATAG_TPORT(transport)), TAG_END());
}

void sofia_outgoing_cancel(sofia_outgoing *outgoing) { nta_outgoing_cancel(outgoing->transaction); }

void sofia_outgoing_destroy(sofia_outgoing *outgoing) {
  if (outgoing->transaction) nta_outgoing_destroy(outgoing->transaction);
  free(outgoing);
}

// The server itself

sofia_server *sofia_server_create(sofia_loop *loop, const char *host, uint16_t port, const char *tls_folder,
                                  size_t max_message, const sofia_server_callbacks *callbacks) {
  sofia_server *server = calloc(1, sizeof *server);
  if (!server) return NULL;
  server->root = loop->root;
  server->callbacks = *callbacks;
  char url[96], number[8] = "*";
  if (port) snprintf(number, sizeof number, "%u", port);
  snprintf(url, sizeof url, strchr(host, ':') ? "%s:[%s]:%s" : "%s:%s:%s", tls_folder ? "sips" : "sip", host, number);
  // A client that sends much reads its answers late: so many may wait before its connection is given up.
  enum { QUEUE = 1024 };
  // A transport that is open needs no keeping alive by us: clients do that, and idle connections stay for an hour.
  // Version 0 is whatever OpenSSL allows; Sofia's default is TLS 1.0 alone.
  server->agent = nta_agent_create(
      loop->root, (url_string_t *)url, on_request, server, NTATAG_UA(0), NTATAG_SERVER_RPORT(1),
      NTATAG_MAXSIZE(max_message), NTATAG_SIP_T4(1000), TPTAG_IDLE(3600 * 1000), TPTAG_SDWN_ERROR(1),
      TPTAG_PONG2PING(1), TPTAG_QUEUESIZE(QUEUE), TAG_IF(tls_folder, TPTAG_CERTIFICATE(tls_folder)), TAG_IF(tls_folder, TPTAG_TLS_VERSION(0)),
      TAG_IF(tls_folder, TPTAG_TLS_VERIFY_POLICY(TPTLS_VERIFY_NONE)), TAG_END());
  server->reaper = su_timer_create(su_root_task(loop->root), 0);
  sip_via_t const *via = server->agent ? nta_agent_via(server->agent) : NULL;
  if (!via || !server->reaper) {
    int cause = errno;
    sofia_server_destroy(server);
    errno = cause;
    return NULL;
  }
  server->port = (uint16_t)strtoul(via->v_port ? via->v_port : SIP_DEFAULT_SERV, NULL, 10);
  return server;
}

uint16_t sofia_server_port(const sofia_server *server) { return server->port; }

void sofia_server_destroy(sofia_server *server) {
  if (server->reaper) su_timer_destroy(server->reaper);
  while (server->streams) {
    struct stream *stream = server->streams;
    server->streams = stream->next;
    stream->is_closed = 1;
    tport_release(stream->transport, stream->pending, NULL, NULL, stream, 0);
    tport_shutdown(stream->transport, 2);
    tport_unref(stream->transport);
    free(stream);
  }
  if (server->agent) nta_agent_destroy(server->agent);
  free(server);
}
