// res_nquery of the C library behind NameService.swift: its names are macros and its state is a structure of bit fields.
#include "resolver.h"
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>

/// Makes a numeric address the only server.
static int use_server(struct __res_state *state, const char *server, uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct sockaddr_in6 address6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  if (inet_pton(AF_INET, server, &address.sin_addr) == 1) {
    state->nsaddr_list[0] = address;
  } else if (inet_pton(AF_INET6, server, &address6.sin6_addr) == 1) {
    // glibc keeps IPv6 servers here, and takes them where the place in the list has no family; res_nclose frees them.
    if (!state->_u._ext.nsaddrs[0]) state->_u._ext.nsaddrs[0] = malloc(sizeof address6);
    if (!state->_u._ext.nsaddrs[0]) return -1;
    *state->_u._ext.nsaddrs[0] = address6;
    state->nsaddr_list[0].sin_family = 0;
  } else {
    return -1;
  }
  state->nscount = 1;
  return 0;
}

int resolver_query(const char *name, int type, const char *server, uint16_t port, uint8_t *answer, size_t size) {
  struct __res_state state;
  memset(&state, 0, sizeof state);
  if (res_ninit(&state) != 0) return -1;
  state.retrans = 2;
  state.retry = 2;
  if (server) {
    if (use_server(&state, server, port) != 0) {
      res_nclose(&state);
      return -1;
    }
  }
  int length = res_nquery(&state, name, ns_c_in, type, answer, (int)size);
  int cause = state.res_h_errno;
  res_nclose(&state);
  if (length < 0) return cause == HOST_NOT_FOUND || cause == NO_DATA ? 0 : -1;
  return length <= (int)size ? length : (int)size;
}
