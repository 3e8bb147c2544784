// Reading a parsed SIP message. Pointers stay valid during the callback that gave the message.
#pragma once
#include <stddef.h>

typedef struct sofia_message sofia_message;
typedef struct sofia_header sofia_header;

/// The header fields in message order, list fields split into their elements; NULL after the last. The first line and
/// the body are not among them.
const sofia_header *sofia_message_first_header(const sofia_message *message);
const sofia_header *sofia_header_next(const sofia_header *header);
/// The full name, also of a field that came with its compact name.
const char *sofia_header_name(const sofia_header *header);
/// The value as text, to be freed with free(); NULL without memory.
char *sofia_header_value(const sofia_header *header);
/// The body's length; `bytes` points at it.
size_t sofia_message_body(const sofia_message *message, const void **bytes);
/// Method of a request, NULL for a response.
const char *sofia_message_method(const sofia_message *message);
/// The Request-URI as text, to be freed with free(); NULL for a response.
char *sofia_message_request_uri(const sofia_message *message);
/// Status code of a response, 0 for a request.
int sofia_message_status(const sofia_message *message);
/// Reason phrase of a response, NULL for a request.
const char *sofia_message_reason(const sofia_message *message);
