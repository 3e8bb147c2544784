// Sofia's log of the messages that its transports send and receive, as text to a callback.
#pragma once
#include <stddef.h>

/// Pieces of text, on the loop's thread: for each message a line of what, where and when, a line of dashes, the
/// message's lines behind three blanks, and a line of dashes. Agents made with SOFIA_TAG_LOG are logged.
/// NULL ends it. For all agents of the process.
void sofia_trace_start(void *context, void (*take)(void *context, const char *text, size_t length));
