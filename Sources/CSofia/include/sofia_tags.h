// Tag lists, Sofia's named arguments, built at run time. For the loop's thread only, like everything of Sofia.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct sofia_tags sofia_tags;

/// Tags with a text value; Sofia parses those of header fields and URLs.
typedef enum sofia_text_tag {
  SOFIA_TAG_URL,              // an agent: what to bind; a handle: the Request-URI
  SOFIA_TAG_PROXY,            // next hop of every request
  SOFIA_TAG_REGISTRAR,
  SOFIA_TAG_OUTBOUND,         // options of nua's outbound support
  SOFIA_TAG_CONTACT_USER,
  SOFIA_TAG_CONTACT_FEATURES, // parameters of nua's own Contact
  SOFIA_TAG_AUTH,             // scheme:"realm":user:password
  SOFIA_TAG_APPLICATION_METHOD, // one method a tag: it is answered by the application
  SOFIA_TAG_METHOD,
  SOFIA_TAG_FROM,
  SOFIA_TAG_TO,
  SOFIA_TAG_CONTACT,
  SOFIA_TAG_SUPPORTED,
  SOFIA_TAG_ALLOW,
  SOFIA_TAG_ALLOW_EVENTS,
  SOFIA_TAG_USER_AGENT,
  SOFIA_TAG_EXPIRES,
  SOFIA_TAG_EVENT,
  SOFIA_TAG_ACCEPT,
  SOFIA_TAG_CONTENT_TYPE,
  SOFIA_TAG_HEADER, // "Name: value"
} sofia_text_tag;

enum { SOFIA_NEVER = 0x7fffffff };

/// Tags with a number or a truth value.
typedef enum sofia_number_tag {
  SOFIA_TAG_MEDIA_ENABLE,
  SOFIA_TAG_FOLLOW_REDIRECTS,
  SOFIA_TAG_SESSION_TIMER,
  SOFIA_TAG_PATH, // announce RFC 3327 in REGISTER
  SOFIA_TAG_INVITE_TIMER, // seconds
  SOFIA_TAG_TRANSACTION_TIMEOUT, // timers B and F, milliseconds
  SOFIA_TAG_SHUTDOWN_EVENTS,
  SOFIA_TAG_TCP_RPORT,
  SOFIA_TAG_MAXIMUM_SIZE, // of a message, bytes
  SOFIA_TAG_KEEPALIVE,    // milliseconds
  SOFIA_TAG_PING_PONG,    // milliseconds
  SOFIA_TAG_PONG_TO_PING,
  SOFIA_TAG_SHUTDOWN_IS_ERROR,
  SOFIA_TAG_IDLE,         // of a connection before it is closed, milliseconds; SOFIA_NEVER
  SOFIA_TAG_LISTEN,       // 0: only connections of our own
} sofia_number_tag;

/// An empty list; NULL without memory.
sofia_tags *sofia_tags_create(void);
void sofia_tags_destroy(sofia_tags *tags);
/// Each adds a tag and copies its value. 0, or -1 when the list is full or the value cannot be used.
int sofia_tags_add_text(sofia_tags *tags, sofia_text_tag tag, const char *value);
int sofia_tags_add_number(sofia_tags *tags, sofia_number_tag tag, intptr_t value);
/// The body, any bytes.
int sofia_tags_add_body(sofia_tags *tags, const void *bytes, size_t length);
