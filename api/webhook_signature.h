/* webhook_signature.h — the signature of Standard Webhooks. */
#ifndef WHISTLED_WEBHOOK_SIGNATURE_H
#define WHISTLED_WEBHOOK_SIGNATURE_H

#include <stddef.h>

/* Room for what signing with so many secrets gives. */
enum { WEBHOOK_SECRETS = 4, WEBHOOK_SIGNATURE_SIZE = WEBHOOK_SECRETS * 48 + 1 };

/* "v1,<base64>", one for each of the secrets (whsec_…, with blanks between), with blanks between. 0, -EINVAL when a
 * secret is none, or -ENOMEM. */
int webhook_sign(const char *secrets, const char *id, long long timestamp, const char *body, size_t size,
                 char ret_text[WEBHOOK_SIGNATURE_SIZE]);

#endif
