// CCurl.h: libcurl's easy interface, with a function for each type of option since Swift cannot call variadic ones
#pragma once
#include <curl/curl.h>

typedef size_t (*ccurl_data_callback)(char *bytes, size_t size, size_t count, void *context);
typedef int (*ccurl_seek_callback)(void *context, curl_off_t offset, int origin);
typedef int (*ccurl_progress_callback)(void *context, curl_off_t down_total, curl_off_t down_now, curl_off_t up_total,
                                       curl_off_t up_now);

CURLcode ccurl_set_string(CURL *handle, CURLoption option, const char *value);
CURLcode ccurl_set_long(CURL *handle, CURLoption option, long value);
CURLcode ccurl_set_offset(CURL *handle, CURLoption option, curl_off_t value);
// The list and the buffer must live until the transfer ends.
CURLcode ccurl_set_headers(CURL *handle, struct curl_slist *list);
CURLcode ccurl_set_error_buffer(CURL *handle, char *buffer);
CURLcode ccurl_set_write(CURL *handle, ccurl_data_callback callback, void *context);
CURLcode ccurl_set_header(CURL *handle, ccurl_data_callback callback, void *context);
CURLcode ccurl_set_read(CURL *handle, ccurl_data_callback callback, void *context);
CURLcode ccurl_set_seek(CURL *handle, ccurl_seek_callback callback, void *context);
CURLcode ccurl_set_progress(CURL *handle, ccurl_progress_callback callback, void *context);
// The HTTP status of the last transfer, 0 if there was none.
long ccurl_status(CURL *handle);
