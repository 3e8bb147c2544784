// Header fields as text.
#pragma once
#include <sofia-sip/msg_types.h>

/// One of Sofia's encoders, msg_header_e (a whole line) or msg_header_field_e (the value): both return the length that
/// the text has, whatever room there is.
typedef issize_t sofia_encoder(char *buffer, isize_t size, msg_header_t const *header, int flags);

/// The text, to be freed with free(), and its length. NULL when the field cannot be encoded or without memory.
char *sofia_encode(sofia_encoder *encode, msg_header_t const *header, size_t *length);
