/* unit.h — cmocka and the headers that it wants in front. */
#ifndef WHISTLED_UNIT_H
#define WHISTLED_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
