// A SIP user agent (nua) on the loop. Every function is for the loop's thread.
#pragma once
#include <stdint.h>
#include "sofia_loop.h"
#include "sofia_message.h"
#include "sofia_tags.h"

typedef struct sofia_agent sofia_agent;
/// One registration, dialog, subscription or out-of-dialog request (nua_handle_t).
typedef struct sofia_handle sofia_handle;
/// An incoming request kept for a later answer.
typedef struct sofia_request sofia_request;

typedef enum sofia_event_kind {
  SOFIA_RESPONSE_REGISTER,
  SOFIA_RESPONSE_UNREGISTER,
  SOFIA_RESPONSE_INVITE,
  SOFIA_RESPONSE_BYE,
  SOFIA_RESPONSE_MESSAGE,
  SOFIA_RESPONSE_SUBSCRIBE,
  SOFIA_RESPONSE_UNSUBSCRIBE,
  SOFIA_RESPONSE_METHOD,
  SOFIA_RESPONSE_AUTHENTICATE,
  SOFIA_INCOMING_INVITE,
  SOFIA_INCOMING_CANCEL,
  SOFIA_INCOMING_BYE,
  SOFIA_INCOMING_MESSAGE,
  SOFIA_INCOMING_NOTIFY,
  SOFIA_INCOMING_OTHER, // answered by nua
  SOFIA_SESSION_TERMINATED,
  SOFIA_SHUTDOWN_PROGRESS,
  SOFIA_EVENT_OTHER,
} sofia_event_kind;

/// Valid during the callback.
typedef struct sofia_event {
  sofia_event_kind kind;
  int status;         // of a response, or what nua answered, or made up by nua (then `message` is NULL)
  const char *phrase; // may be NULL
  sofia_handle *handle;
  const sofia_message *message;
  int subscription_ended; // SUBSCRIBE and NOTIFY: the subscription has ended
  char host[48];          // numeric address and port that `message` came from
  uint16_t port;
} sofia_event;

/// NULL when nothing can be bound, or the certificates cannot be read.
sofia_agent *sofia_agent_create(
    sofia_loop *loop, void *context, void (*callback)(void *context, const sofia_event *event), sofia_tags *tags);
/// Ends all usages (BYE, un-REGISTER, un-SUBSCRIBE where they still stand), then reports SOFIA_SHUTDOWN_PROGRESS with a
/// status of 200 or more, after at most 30 s.
void sofia_agent_shutdown(sofia_agent *agent);
/// Only after that report, and not from within the callback.
void sofia_agent_destroy(sofia_agent *agent);

sofia_handle *sofia_handle_create(sofia_agent *agent, sofia_tags *tags);
/// Cancels or ends what the handle still does; no event of it comes afterwards.
void sofia_handle_destroy(sofia_handle *handle);
/// Like sofia_handle_destroy, but sends nothing: requests that would end a dialog fail at once inside the stack.
void sofia_handle_abandon(sofia_handle *handle);

typedef enum sofia_method {
  SOFIA_REGISTER,
  SOFIA_UNREGISTER,
  SOFIA_INVITE,
  SOFIA_BYE,
  SOFIA_CANCEL,
  SOFIA_MESSAGE,
  SOFIA_SUBSCRIBE,
  SOFIA_UNSUBSCRIBE,
  SOFIA_OTHER_METHOD, // named by SOFIA_TAG_METHOD; never makes a subscription
  SOFIA_AUTHENTICATE,
} sofia_method;
void sofia_handle_request(sofia_handle *handle, sofia_method method, sofia_tags *tags);

/// Keeps the request of the event being reported. NULL when it is none that can be answered.
sofia_request *sofia_agent_keep_request(sofia_agent *agent, sofia_handle *handle);
/// Sends the answer, with the standard reason phrase of `status`, and frees the request.
void sofia_request_respond(sofia_request *request, int status, sofia_tags *tags);
/// Frees the request without an answer.
void sofia_request_discard(sofia_request *request);
