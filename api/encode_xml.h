/* encode_xml.h — rows as XML, by the contract's names. */
#ifndef WHISTLED_ENCODE_XML_H
#define WHISTLED_ENCODE_XML_H

#include "encode.h"

#define XML_DECLARATION "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"

/* As text between tags: valid UTF-8; what XML cannot say becomes U+FFFD. */
void buffer_add_xml_text(struct buffer *buffer, const char *text, size_t size);
void xml_open(struct buffer *out, const char *name);
void xml_close(struct buffer *out, const char *name);

/* One element `name` from one row. Returns 0, -ENOMEM, or -EINVAL when a value breaks the contract. */
int encode_xml_row(const struct binding *binding, const PGresult *result, int row, const struct encoding *encoding,
                   const char *name, struct buffer *out);

#endif
