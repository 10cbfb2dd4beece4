/* uuid.h — UUIDv7 (RFC 9562): the time in front keeps new rows together in an index. */
#ifndef WHISTLED_UUID_H
#define WHISTLED_UUID_H

enum { UUID_SIZE = 37 };

/* Lower case, with the NUL. Returns 0, or -Exxx when the kernel gives no random bytes. */
int uuid_new(char ret_text[UUID_SIZE]);
void uuid_text(const unsigned char bytes[16], char ret_text[UUID_SIZE]);

#endif
