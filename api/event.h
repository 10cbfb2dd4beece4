/* event.h — what a worker's epoll hands back: one pointer, one function. */
#ifndef WHISTLED_EVENT_H
#define WHISTLED_EVENT_H

#include <stdint.h>

struct event_source {
    void (*ready)(struct event_source *source, uint32_t events);
};

#endif
