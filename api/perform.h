/* perform.h — a request whose body is there: checked, bound, run, answered. */
#ifndef WHISTLED_PERFORM_H
#define WHISTLED_PERFORM_H

#include "request.h"

/* Ends in request_finish, now or later. */
void perform(struct request *request);
/* For an operation's C function that checks what no schema can say: goes on with the operation's statement, … */
void perform_statement(struct request *request);
/* … or refuses, once the database has said that this person may do such things at all: 403 comes before 422. */
void perform_refuse(struct request *request, const char *code);
/* The statement's rows become the reply: for whoever runs it by other ways. */
void perform_done(struct db_call *call);
/* For waiters_new: runs the list's statement another time; answers with what was found last. */
void perform_again(struct request *request);
void perform_over(struct request *request);

#endif
