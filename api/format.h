/* format.h — the formats that the contract gives to texts: uuid, date-time, date. */
#ifndef WHISTLED_FORMAT_H
#define WHISTLED_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

#include "contract.h"

/* True for what PostgreSQL will take as that type, and which therefore never fails there. */
bool format_fits(enum string_format format, const char *text, size_t size);

#endif
