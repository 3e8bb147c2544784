// The SIP user agent behind SofiaStack.swift: nua's variadic functions, macros and event data.
#define NUA_MAGIC_T struct sofia_agent
#include "sofia_agent.h"
#include "loop.h"
#include "tags.h"
#include <arpa/inet.h>
#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nua.h>
#include <sofia-sip/nua_tag.h>
#include <sofia-sip/sip_status.h>
#include <stdlib.h>

struct sofia_agent {
  nua_t *nua;
  void *context;
  void (*callback)(void *context, const sofia_event *event);
};

struct sofia_request {
  nua_saved_event_t saved[1];
  nua_handle_t *handle;
};

static sofia_event_kind kind_of(nua_event_t event) {
  switch (event) {
  case nua_r_register: return SOFIA_RESPONSE_REGISTER;
  case nua_r_unregister: return SOFIA_RESPONSE_UNREGISTER;
  case nua_r_invite: return SOFIA_RESPONSE_INVITE;
  case nua_r_bye: return SOFIA_RESPONSE_BYE;
  case nua_r_message: return SOFIA_RESPONSE_MESSAGE;
  case nua_r_subscribe: return SOFIA_RESPONSE_SUBSCRIBE;
  case nua_r_unsubscribe: return SOFIA_RESPONSE_UNSUBSCRIBE;
  case nua_r_method: return SOFIA_RESPONSE_METHOD;
  case nua_r_authenticate: return SOFIA_RESPONSE_AUTHENTICATE;
  case nua_i_invite: return SOFIA_INCOMING_INVITE;
  case nua_i_cancel: return SOFIA_INCOMING_CANCEL;
  case nua_i_bye: return SOFIA_INCOMING_BYE;
  case nua_i_message: return SOFIA_INCOMING_MESSAGE;
  case nua_i_notify: return SOFIA_INCOMING_NOTIFY;
  case nua_i_terminated: return SOFIA_SESSION_TERMINATED;
  case nua_r_shutdown: return SOFIA_SHUTDOWN_PROGRESS;
  default: return nua_event_is_incoming_request(event) ? SOFIA_INCOMING_OTHER : SOFIA_EVENT_OTHER;
  }
}

// What nta makes up for a request without an answer looks like a response, but has no source address.
static int came_from_network(nua_t *nua, sofia_event *event) {
  msg_t *message = nua_current_request(nua);
  if (!message || msg_addr(message)->su_family == 0) return 0;
  su_sockaddr_t const *address = msg_addr(message);
  if (address->su_family == AF_INET6)
    inet_ntop(AF_INET6, &address->su_sin6.sin6_addr, event->host, sizeof event->host);
  else
    inet_ntop(AF_INET, &address->su_sin.sin_addr, event->host, sizeof event->host);
  event->port = ntohs(address->su_port);
  return 1;
}

static void on_event(
    nua_event_t event, int status, char const *phrase, nua_t *nua, nua_magic_t *agent, nua_handle_t *handle,
    nua_hmagic_t *handle_magic, sip_t const *sip, tagi_t tags[]) {
  int substate = nua_substate_active;
  (void)handle_magic;
  if (event == nua_r_subscribe || event == nua_r_unsubscribe || event == nua_i_notify)
    tl_gets(tags, NUTAG_SUBSTATE_REF(substate), TAG_END());
  sofia_event copy = {
    .kind = kind_of(event),
    .status = status,
    .phrase = phrase,
    .handle = (sofia_handle *)handle,
    .subscription_ended = substate == nua_substate_terminated,
  };
  if (came_from_network(nua, &copy)) copy.message = (const sofia_message *)sip;
  agent->callback(agent->context, &copy);
}

sofia_agent *sofia_agent_create(
    sofia_loop *loop, void *context, void (*callback)(void *, const sofia_event *), sofia_tags *tags) {
  sofia_agent *agent = calloc(1, sizeof *agent);
  if (!agent) return NULL;
  agent->context = context;
  agent->callback = callback;
  agent->nua = nua_create(loop->root, on_event, agent, NEXT_TAGS(tags));
  if (!agent->nua) {
    free(agent);
    return NULL;
  }
  return agent;
}

void sofia_agent_shutdown(sofia_agent *agent) { nua_shutdown(agent->nua); }

void sofia_agent_destroy(sofia_agent *agent) {
  nua_destroy(agent->nua);
  free(agent);
}

sofia_handle *sofia_handle_create(sofia_agent *agent, sofia_tags *tags) {
  return (sofia_handle *)nua_handle(agent->nua, NULL, NEXT_TAGS(tags));
}

void sofia_handle_destroy(sofia_handle *handle) { nua_handle_destroy((nua_handle_t *)handle); }

void sofia_handle_abandon(sofia_handle *handle) {
  // No agent binds SCTP, so nua's BYE finds no transport and fails, later and inside the stack. (A next hop that fails
  // at once would not do: nua then removes the usage twice and stops the process.)
  nua_handle_t *nh = (nua_handle_t *)handle;
  nua_set_hparams(nh, NUTAG_PROXY("sip:127.0.0.1:9;transport=sctp"), TAG_END());
  nua_handle_destroy(nh);
}

void sofia_handle_request(sofia_handle *handle, sofia_method method, sofia_tags *tags) {
  nua_handle_t *nh = (nua_handle_t *)handle;
  switch (method) {
  case SOFIA_REGISTER: nua_register(nh, NEXT_TAGS(tags)); break;
  case SOFIA_UNREGISTER: nua_unregister(nh, NEXT_TAGS(tags)); break;
  case SOFIA_INVITE: nua_invite(nh, NEXT_TAGS(tags)); break;
  case SOFIA_BYE: nua_bye(nh, NEXT_TAGS(tags)); break;
  case SOFIA_CANCEL: nua_cancel(nh, NEXT_TAGS(tags)); break;
  case SOFIA_MESSAGE: nua_message(nh, NEXT_TAGS(tags)); break;
  case SOFIA_SUBSCRIBE: nua_subscribe(nh, NEXT_TAGS(tags)); break;
  case SOFIA_UNSUBSCRIBE: nua_unsubscribe(nh, NEXT_TAGS(tags)); break;
  case SOFIA_OTHER_METHOD: nua_method(nh, NEXT_TAGS(tags)); break;
  case SOFIA_AUTHENTICATE: nua_authenticate(nh, NEXT_TAGS(tags)); break;
  }
}

sofia_request *sofia_agent_keep_request(sofia_agent *agent, sofia_handle *handle) {
  sofia_request *request = calloc(1, sizeof *request);
  if (!request) return NULL;
  if (!nua_save_event(agent->nua, request->saved)) {
    free(request);
    return NULL;
  }
  request->handle = nua_handle_ref((nua_handle_t *)handle);
  return request;
}

void sofia_request_respond(sofia_request *request, int status, sofia_tags *tags) {
  // nua does not copy the phrase: sip_status_phrase returns a static text.
  nua_respond(
      request->handle, status, sip_status_phrase(status), NUTAG_WITH_SAVED(request->saved), NEXT_TAGS(tags));
  sofia_request_discard(request);
}

void sofia_request_discard(sofia_request *request) {
  nua_destroy_event(request->saved);
  nua_handle_unref(request->handle);
  free(request);
}
