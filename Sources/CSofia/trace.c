// The message log of Sofia's transports (tport, TPTAG_LOG), redirected to a callback.
#include "include/sofia_trace.h"
#include <sofia-sip/su_log.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void *trace_context;
static void (*trace_take)(void *context, const char *text, size_t length);

static void log_text(void *stream, const char *format, va_list arguments) {
  (void)stream;
  if (!trace_take) return;
  char small[4096];
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(small, sizeof small, format, arguments);
  if (length >= 0 && (size_t)length < sizeof small) {
    trace_take(trace_context, small, (size_t)length);
  } else if (length > 0) {
    char *large = malloc((size_t)length + 1);
    if (large) {
      vsnprintf(large, (size_t)length + 1, format, again);
      trace_take(trace_context, large, (size_t)length);
      free(large);
    }
  }
  va_end(again);
}

void sofia_trace_start(void *context, void (*take)(void *, const char *, size_t)) {
  trace_context = context;
  trace_take = take;
  su_log_redirect(su_log_default, take ? log_text : NULL, NULL);
}
