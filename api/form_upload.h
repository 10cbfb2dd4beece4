/* form_upload.h — multipart/form-data as a request's body: fields become the same JSON as those of other forms,
 * pictures stream into the store. */
#ifndef WHISTLED_FORM_UPLOAD_H
#define WHISTLED_FORM_UPLOAD_H

#include <stdbool.h>

#include "request.h"

/* Whose key it is stands in the body, so strangers may begin one: there are few at the same time in one worker, and
 * what they sent is gone with the refusal. */
enum { MAX_FORM_UPLOADS = 16, MAX_PICTURES = 5 };

/* Is it such a request? From its headers. */
bool form_upload_is_meant(const struct request *request);
/* Called when the headers are there and before the body comes. */
void form_upload_open(struct request *request);
/* All parts are there: request->json holds the fields. NULL, or a code of errors.def; what is wrong with single fields
 * and pictures stands in request->faults. The pictures are put at their place, and into @body as the operation's field
 * of pictures (id, content_type, size, sha256, width, height), once the request was let in. */
const char *form_upload_close(struct request *request);

#endif
