/* banned.h — calls that have hurt others become compile errors. The build includes it in front of every file. */
#ifndef WHISTLED_BANNED_H
#define WHISTLED_BANNED_H

/* The headers that declare them come first, or their declarations would not compile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef sprintf
#undef vsprintf
#undef strtok
#undef atoi
#undef atol
#undef atoll
#undef atof
#undef gets
#undef localtime
#undef gmtime
#undef ctime
#undef asctime
#undef rand
#undef srand
#undef alloca
#undef tmpnam
#undef mktemp

/* An undeclared name with the reason in it: the compiler's own message then says what to do. */
#define strcpy(...) strcpy_is_banned_use_memcpy_or_arena_strdup
#define strcat(...) strcat_is_banned_use_buffer_add_text
#define strncpy(...) strncpy_is_banned_use_memcpy
#define strncat(...) strncat_is_banned_use_buffer_add
#define sprintf(...) sprintf_is_banned_use_snprintf
#define vsprintf(...) vsprintf_is_banned_use_vsnprintf
#define strtok(...) strtok_is_banned_use_strcspn
#define atoi(...) atoi_is_banned_use_strtol
#define atol(...) atol_is_banned_use_strtol
#define atoll(...) atoll_is_banned_use_strtoll
#define atof(...) atof_is_banned_use_strtod
#define gets(...) gets_is_banned_use_fgets
#define localtime(...) localtime_is_banned_use_localtime_r
#define gmtime(...) gmtime_is_banned_use_gmtime_r
#define ctime(...) ctime_is_banned_use_strftime
#define asctime(...) asctime_is_banned_use_strftime
#define rand(...) rand_is_banned_use_getrandom
#define srand(...) srand_is_banned_use_getrandom
#define alloca(...) alloca_is_banned_use_the_arena
#define tmpnam(...) tmpnam_is_banned_use_mkstemp
#define mktemp(...) mktemp_is_banned_use_mkstemp

#endif
