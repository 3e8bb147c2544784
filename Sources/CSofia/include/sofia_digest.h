// Replaces the Digest scheme of Sofia's clients, which knows MD5 only and fails when SHA-256 is offered beside it.
#pragma once
#include <stddef.h>

/// How the application answers challenges. `responder` is the application's state for one realm of one handle, NULL at
/// first.
typedef struct sofia_digest_methods {
  /// Offers a challenge ("Digest realm=…"). Returns the state to keep from now on (the old one is then the
  /// application's to free). `*is_new` is set to 1 when the request is worth sending again because of this challenge.
  void *(*challenge)(void *responder, const char *challenge, int *is_new);
  /// The credentials ("Digest username=…") for a request of `account` (the user of SOFIA_TAG_AUTH), to be freed with
  /// free(); NULL when there are none.
  char *(*authorize)(
      void *responder, const char *account, const char *method, const char *uri, const void *body, size_t length);
  void (*release)(void *responder);
} sofia_digest_methods;

/// Once per process, before the first agent. -1 when Sofia refuses.
int sofia_digest_install(const sofia_digest_methods *methods);
