/* perform.h — a request whose body is there: checked, bound, run, answered. */
#ifndef WHISTLED_PERFORM_H
#define WHISTLED_PERFORM_H

#include "request.h"

/* Ends in request_finish, now or later. */
void perform(struct request *request);
/* The statement's rows become the reply: for whoever runs it by other ways. */
void perform_done(struct db_call *call);
/* For waiters_new: runs the list's statement another time; answers with what was found last. */
void perform_again(struct request *request);
void perform_over(struct request *request);

#endif
