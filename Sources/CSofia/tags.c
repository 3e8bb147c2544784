// Tag lists built at run time (Swift cannot call variadic functions with Sofia's tag macros).
#include "tags.h"
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/nua_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su_alloc.h>
#include <sofia-sip/tport_tag.h>

enum { MAXIMUM_TAGS = 96 };

struct sofia_tags {
  su_home_t home[1];
  size_t count;
  tagi_t list[MAXIMUM_TAGS + 1];
};

static tag_type_t const text_tags[] = {
  [SOFIA_TAG_URL] = nutag_url,
  [SOFIA_TAG_PROXY] = nutag_proxy,
  [SOFIA_TAG_REGISTRAR] = nutag_registrar,
  [SOFIA_TAG_OUTBOUND] = nutag_outbound,
  [SOFIA_TAG_CONTACT_USER] = nutag_m_username,
  [SOFIA_TAG_CONTACT_FEATURES] = nutag_m_features,
  [SOFIA_TAG_AUTH] = nutag_auth,
  [SOFIA_TAG_APPLICATION_METHOD] = nutag_appl_method,
  [SOFIA_TAG_METHOD] = nutag_method,
  [SOFIA_TAG_FROM] = siptag_from_str,
  [SOFIA_TAG_TO] = siptag_to_str,
  [SOFIA_TAG_CONTACT] = siptag_contact_str,
  [SOFIA_TAG_SUPPORTED] = siptag_supported_str,
  [SOFIA_TAG_ALLOW] = siptag_allow_str,
  [SOFIA_TAG_ALLOW_EVENTS] = siptag_allow_events_str,
  [SOFIA_TAG_USER_AGENT] = siptag_user_agent_str,
  [SOFIA_TAG_EXPIRES] = siptag_expires_str,
  [SOFIA_TAG_EVENT] = siptag_event_str,
  [SOFIA_TAG_ACCEPT] = siptag_accept_str,
  [SOFIA_TAG_CONTENT_TYPE] = siptag_content_type_str,
  [SOFIA_TAG_HEADER] = siptag_header_str,
};

static tag_type_t const number_tags[] = {
  [SOFIA_TAG_MEDIA_ENABLE] = nutag_media_enable,
  [SOFIA_TAG_FOLLOW_REDIRECTS] = nutag_auto302,
  [SOFIA_TAG_SESSION_TIMER] = nutag_session_timer,
  [SOFIA_TAG_PATH] = nutag_path_enable,
  [SOFIA_TAG_INVITE_TIMER] = nutag_invite_timer,
  [SOFIA_TAG_TRANSACTION_TIMEOUT] = ntatag_sip_t1x64,
  [SOFIA_TAG_SHUTDOWN_EVENTS] = nutag_shutdown_events,
  [SOFIA_TAG_TCP_RPORT] = ntatag_tcp_rport,
  [SOFIA_TAG_MAXIMUM_SIZE] = ntatag_maxsize,
  [SOFIA_TAG_KEEPALIVE] = tptag_keepalive,
  [SOFIA_TAG_PING_PONG] = tptag_pingpong,
  [SOFIA_TAG_PONG_TO_PING] = tptag_pong2ping,
  [SOFIA_TAG_SHUTDOWN_IS_ERROR] = tptag_sdwn_error,
  [SOFIA_TAG_IDLE] = tptag_idle,
  [SOFIA_TAG_LISTEN] = tptag_server,
};

sofia_tags *sofia_tags_create(void) { return su_home_new(sizeof(sofia_tags)); }

void sofia_tags_destroy(sofia_tags *tags) {
  if (tags) su_home_unref(tags->home);
}

tagi_t *sofia_tags_list(const sofia_tags *tags) { return (tagi_t *)tags->list; }

// The list is zeroed when made, and a zero tag is TAG_END.
static int add(sofia_tags *tags, tag_type_t tag, tag_value_t value) {
  if (tags->count == MAXIMUM_TAGS) return -1;
  tags->list[tags->count].t_tag = tag;
  tags->list[tags->count].t_value = value;
  tags->count++;
  return 0;
}

int sofia_tags_add_text(sofia_tags *tags, sofia_text_tag tag, const char *value) {
  char *copy = su_strdup(tags->home, value);
  return copy ? add(tags, text_tags[tag], (tag_value_t)copy) : -1;
}

int sofia_tags_add_number(sofia_tags *tags, sofia_number_tag tag, intptr_t value) {
  return add(tags, number_tags[tag], (tag_value_t)value);
}

int sofia_tags_add_body(sofia_tags *tags, const void *bytes, size_t length) {
  // Not SIPTAG_PAYLOAD_STR, which ends at the first NUL byte.
  sip_payload_t *payload = sip_payload_create(tags->home, bytes, (isize_t)length);
  return payload ? add(tags, siptag_payload, siptag_payload_v(payload)) : -1;
}
