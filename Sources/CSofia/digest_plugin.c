// The Digest scheme for Sofia's clients: a plugin that leaves all arithmetic to the application (RFC 7616, RFC 8760).
#define SOFIA_EXTEND_AUTH_CLIENT 1
#include "sofia_digest.h"
#include <sofia-sip/auth_client.h>
#include <sofia-sip/auth_client_plugin.h>
#include <sofia-sip/msg_header.h>
#include <sofia-sip/su_alloc.h>
#include <sofia-sip/su_strlst.h>
#include <sofia-sip/url.h>
#include <stdlib.h>

typedef struct {
  auth_client_t base[1];
  void *responder;
} digest_client;

static sofia_digest_methods methods;

static void release_client(void *home) {
  digest_client *client = home; // the home is the client's first member
  if (client->responder) methods.release(client->responder);
  client->responder = NULL;
}

// Return values of this and the next functions: see ca_challenge() in Sofia's auth_client.c. 2: try (again), 1: known
// already, -1: error.
static int on_challenge(auth_client_t *base, msg_auth_t const *challenge) {
  digest_client *client = (digest_client *)base;
  if (!client->responder && su_home_destructor(base->ca_home, release_client) < 0) return -1;
  su_strlst_t *texts = su_strlst_create(NULL);
  if (!texts) return -1;
  for (size_t i = 0; challenge->au_params && challenge->au_params[i]; i++)
    su_strlst_dup_append(texts, challenge->au_params[i]);
  char *params = su_strlst_join(texts, NULL, ", ");
  char *text = params ? su_sprintf(NULL, "%s %s", challenge->au_scheme, params) : NULL;
  int is_new = 0;
  if (text) client->responder = methods.challenge(client->responder, text, &is_new);
  su_free(NULL, text);
  su_free(NULL, params);
  su_strlst_destroy(texts);
  return text ? (is_new ? 2 : 1) : -1;
}

static int on_authorize(
    auth_client_t *base, su_home_t *home, char const *method, url_t const *url, msg_payload_t const *body,
    msg_header_t **result) {
  digest_client *client = (digest_client *)base;
  *result = NULL;
  if (!base->ca_user || base->ca_clear || !client->responder) return 0;
  char *uri = url_as_string(NULL, url);
  if (!uri) return -1;
  char *credentials = methods.authorize(
      client->responder, base->ca_user, method, uri, body ? body->pl_data : NULL, body ? body->pl_len : 0);
  su_free(NULL, uri);
  if (!credentials) return 0;
  *result = msg_header_make(home, base->ca_credential_class, credentials);
  free(credentials);
  return *result ? 0 : -1;
}

static int on_clear(auth_client_t *base) {
  base->ca_clear = 1;
  return 1;
}

static int on_save(
    auth_client_t *base, char const *scheme, char const *realm, char const *user, char const *password) {
  int result = auth_client_save_credentials(base, scheme, realm, user, password);
  if (result > 0) base->ca_clear = 0;
  return result;
}

int sofia_digest_install(const sofia_digest_methods *given) {
  static auth_client_plugin_t plugin = {
    .auc_plugin_size = sizeof plugin,
    .auc_size = sizeof(digest_client),
    .auc_name = "x-digest",
    .auc_challenge = on_challenge,
    .auc_authorize = on_authorize,
    .auc_clear = on_clear,
    .auc_save_credentials = on_save,
    .auc_copy_credentials = auth_client_copy_credentials,
  };
  methods = *given;
  // In Sofia 1.12.11 the name comparison of auc_register_plugin is inverted: a plugin of any other name takes the place
  // of the built-in Digest. The name that challenges are matched with is set afterwards.
  if (auc_register_plugin(&plugin) < 0) return -1;
  plugin.auc_name = "Digest";
  return 0;
}
