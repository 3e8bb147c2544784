// Reading a parsed SIP message (sip_t and its header structures are macros and unions that Swift cannot see).
#include "header_text.h"
#include "sofia_message.h"
#include <sofia-sip/msg_header.h>
#include <sofia-sip/msg_parser.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/url.h>
#include <stdlib.h>

static const sip_t *sip_of(const sofia_message *message) { return (const sip_t *)message; }

// The parser keeps header structures in a chain; first line, separator and body are in it too.
static const sofia_header *skip_others(const msg_header_t *header) {
  while (header) {
    const msg_hclass_t *class = header->sh_class;
    if (class->hc_name && class->hc_name[0]) break;
    if (class == sip_unknown_class) break;
    header = header->sh_succ;
  }
  return (const sofia_header *)header;
}

const sofia_header *sofia_message_first_header(const sofia_message *message) {
  const sip_t *sip = sip_of(message);
  if (!sip) return NULL;
  const msg_header_t *first =
      sip->sip_request ? (const msg_header_t *)sip->sip_request : (const msg_header_t *)sip->sip_status;
  return first ? skip_others(first->sh_succ) : NULL;
}

const sofia_header *sofia_header_next(const sofia_header *header) {
  return skip_others(((const msg_header_t *)header)->sh_succ);
}

const char *sofia_header_name(const sofia_header *header) {
  const msg_header_t *h = (const msg_header_t *)header;
  if (h->sh_class == sip_unknown_class) return ((const sip_unknown_t *)h)->un_name;
  return h->sh_class->hc_name;
}

char *sofia_header_value(const sofia_header *header) {
  const msg_header_t *h = (const msg_header_t *)header;
  if (h->sh_class == sip_unknown_class) {
    const char *value = ((const sip_unknown_t *)h)->un_value;
    return su_strdup(NULL, value ? value : "");
  }
  // Not sip_header_as_string: it cuts values over 127 bytes.
  size_t length;
  return sofia_encode(msg_header_field_e, h, &length);
}

size_t sofia_message_body(const sofia_message *message, const void **bytes) {
  const sip_t *sip = sip_of(message);
  *bytes = sip && sip->sip_payload ? sip->sip_payload->pl_data : NULL;
  return *bytes ? sip->sip_payload->pl_len : 0;
}

const char *sofia_message_method(const sofia_message *message) {
  const sip_t *sip = sip_of(message);
  return sip && sip->sip_request ? sip->sip_request->rq_method_name : NULL;
}

char *sofia_message_request_uri(const sofia_message *message) {
  const sip_t *sip = sip_of(message);
  return sip && sip->sip_request ? url_as_string(NULL, sip->sip_request->rq_url) : NULL;
}

int sofia_message_status(const sofia_message *message) {
  const sip_t *sip = sip_of(message);
  return sip && sip->sip_status ? sip->sip_status->st_status : 0;
}

const char *sofia_message_reason(const sofia_message *message) {
  const sip_t *sip = sip_of(message);
  return sip && sip->sip_status ? sip->sip_status->st_phrase : NULL;
}
