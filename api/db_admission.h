/* db_admission.h — how many calls may wait: no more than leave the queue in time. */
#ifndef WHISTLED_DB_ADMISSION_H
#define WHISTLED_DB_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

/* Under lasting overload a queue of fixed length only decides how late everybody is; here it is the time in it that is
 * fixed, and the length follows from how fast the queue moves. */
struct admission {
    unsigned most;    /* calls waiting, whatever their time */
    unsigned limit;   /* calls waiting that leave in time, as far as was seen */
    unsigned n_soon;  /* calls that left early */
    unsigned wait_ms; /* what a call may wait; 0: the length alone counts */
};

void admission_init(struct admission *admission, unsigned most, unsigned wait_ms);
/* A call goes to the database that found `ahead` others waiting and waited so long. */
void admission_learn(struct admission *admission, unsigned ahead, uint64_t waited_ms);
/* One more, where so many wait, the first of them for so long already. */
bool admission_admits(const struct admission *admission, unsigned waiting, uint64_t oldest_ms);

#endif
