// SIP messages as text: what server.c hands to Swift and gets from it.
#include "header_text.h"
#include "server_text.h"
#include <sofia-sip/msg.h>
#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_header.h>
#include <stdlib.h>
#include <string.h>

static int append(char **buffer, size_t *used, size_t *size, const char *data, size_t length) {
  if (*used + length > *size) {
    size_t wanted = (*used + length) * 2;
    char *grown = realloc(*buffer, wanted);
    if (!grown) return -1;
    *buffer = grown;
    *size = wanted;
  }
  memcpy(*buffer + *used, data, length);
  *used += length;
  return 0;
}

int sofia_text_make(msg_t *msg, sip_t const *sip, sofia_text *text) {
  char *buffer = NULL;
  size_t used = 0, size = 0;
  memset(text, 0, sizeof *text);
  for (msg_header_t *header = *msg_chain_head(msg); header; header = header->sh_succ) {
    if (header == (msg_header_t *)sip->sip_separator || header == (msg_header_t *)sip->sip_payload ||
        header->sh_class == sip_error_class)
      continue;
    size_t length;
    char *line = sofia_encode(msg_header_e, header, &length);
    if (!line) continue;
    int failed = append(&buffer, &used, &size, line, length) < 0;
    free(line);
    if (failed) {
      free(buffer);
      return -1;
    }
  }
  text->head = buffer;
  text->head_length = used;
  if (sip->sip_payload) {
    text->body = sip->sip_payload->pl_data;
    text->body_length = sip->sip_payload->pl_len;
  }
  return buffer ? 0 : -1;
}

msg_t *sofia_text_parse(const char *text, size_t length) {
  msg_t *msg = msg_make(sip_default_mclass(), 0, text, (ssize_t)length);
  sip_t *sip = sip_object(msg);
  if (!sip || sip->sip_error || (!sip->sip_request && !sip->sip_status) || !sip->sip_from || !sip->sip_to ||
      !sip->sip_call_id || !sip->sip_cseq) {
    if (msg) msg_destroy(msg);
    return NULL;
  }
  return msg;
}
