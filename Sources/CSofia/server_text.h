// Whole messages as text and back, for the server half.
#pragma once
#include <sofia-sip/sip.h>
#include "sofia_server.h"

/// Encodes the head anew from what the parser understood: names are full and folded lines are joined. The caller
/// frees `head`; the body is the message's. -1: out of memory.
int sofia_text_make(msg_t *msg, sip_t const *sip, sofia_text *text);
/// Parses a message that has all that every message needs. NULL when it has not.
msg_t *sofia_text_parse(const char *text, size_t length);
