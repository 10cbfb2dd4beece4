/* cors.c — which web pages of other origins may call. */
#include "cors.h"

#include <string.h>

#include "text.h"

bool cors_allows(const char *allowed, const char *origin)
{
    while (*allowed && origin) {
        size_t size = strcspn(allowed, ",");
        const char *entry = allowed;
        size_t entry_size = size;

        text_trim(&entry, &entry_size);
        if (text_equal(entry, entry_size, "*") || (entry_size && text_equal(entry, entry_size, origin)))
            return true;
        allowed += size + (allowed[size] == ',');
    }
    return false;
}

void cors_add(struct MHD_Response *response, const char *origin, const char *preflight_methods)
{
    MHD_add_response_header(response, "Access-Control-Allow-Origin", origin);
    MHD_add_response_header(response, "Access-Control-Expose-Headers",
                            "ETag, Location, Link, Retry-After, WWW-Authenticate, X-Request-Id, Idempotent-Replayed, "
                            "Preference-Applied, Content-Language, Content-Disposition, Allow, Deprecation, Sunset");
    if (!preflight_methods)
        return;
    MHD_add_response_header(response, "Access-Control-Allow-Methods", preflight_methods);
    MHD_add_response_header(response, "Access-Control-Allow-Headers",
                            "Authorization, Content-Type, Accept, Accept-Language, If-Match, If-None-Match, "
                            "Idempotency-Key, Prefer, X-Request-Id, traceparent, Last-Event-ID, Cache-Control");
    MHD_add_response_header(response, "Access-Control-Max-Age", "600");
}
