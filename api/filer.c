/* filer.c — one thread beside each worker for what waits on the disk. */
#include "filer.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "event.h"

/* First in, first out. */
struct queue {
    struct filing *first, **end;
};

/* The lock is held for a few pointers, between one worker and its own filer: no worker ever waits for another. */
struct filer {
    struct event_source source;
    int bell_fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t news;
    bool started, stopping;
    struct queue waiting, finished;
};

static void put(struct queue *queue, struct filing *filing)
{
    filing->next = NULL;
    *queue->end = filing;
    queue->end = &filing->next;
}

static struct filing *take(struct queue *queue)
{
    struct filing *filing = queue->first;

    if (filing)
        queue->first = filing->next;
    if (!queue->first)
        queue->end = &queue->first;
    return filing;
}

static void ring(const struct filer *filer)
{
    const uint64_t one = 1;

    (void)!write(filer->bell_fd, &one, sizeof one);
}

static void *loop(void *cls)
{
    struct filer *filer = cls;
    struct filing *filing;

    pthread_mutex_lock(&filer->lock);
    while (!filer->stopping) {
        filing = take(&filer->waiting);
        if (!filing) {
            pthread_cond_wait(&filer->news, &filer->lock);
            continue;
        }
        pthread_mutex_unlock(&filer->lock);
        filing->result = filing->work(filing);
        pthread_mutex_lock(&filer->lock);
        put(&filer->finished, filing);
        ring(filer);
    }
    pthread_mutex_unlock(&filer->lock);
    return NULL;
}

/* One at a time without the lock: `done` may submit the next. */
static void finish(struct filer *filer)
{
    struct filing *filing;

    do {
        pthread_mutex_lock(&filer->lock);
        filing = take(&filer->finished);
        pthread_mutex_unlock(&filer->lock);
        if (filing)
            filing->done(filing);
    } while (filing);
}

static void bell_rings(struct event_source *source, uint32_t events)
{
    struct filer *filer = (struct filer *)source;
    uint64_t count;

    (void)events;
    (void)!read(filer->bell_fd, &count, sizeof count);
    finish(filer);
}

struct filer *filer_new(int epoll_fd)
{
    struct filer *filer = calloc(1, sizeof *filer);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = filer};

    if (!filer)
        return NULL;
    filer->source.ready = bell_rings;
    filer->waiting.end = &filer->waiting.first;
    filer->finished.end = &filer->finished.first;
    pthread_mutex_init(&filer->lock, NULL);
    pthread_cond_init(&filer->news, NULL);
    filer->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (filer->bell_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, filer->bell_fd, &event) < 0)
        return filer_free(filer);
    return filer;
}

void filer_submit(struct filer *filer, struct filing *filing)
{
    pthread_mutex_lock(&filer->lock);
    if (!filer->started)
        filer->started = pthread_create(&filer->thread, NULL, loop, filer) == 0;
    if (filer->started && !filer->stopping) {
        put(&filer->waiting, filing);
        pthread_cond_signal(&filer->news);
    } else {
        filing->result = filer->stopping ? -ECANCELED : -EAGAIN;
        put(&filer->finished, filing);
        ring(filer);
    }
    pthread_mutex_unlock(&filer->lock);
}

struct filer *filer_free(struct filer *filer)
{
    struct filing *filing;

    if (!filer)
        return NULL;
    pthread_mutex_lock(&filer->lock);
    filer->stopping = true;
    pthread_cond_signal(&filer->news);
    pthread_mutex_unlock(&filer->lock);
    if (filer->started)
        pthread_join(filer->thread, NULL);
    while ((filing = take(&filer->waiting))) {
        filing->result = -ECANCELED;
        put(&filer->finished, filing);
    }
    finish(filer);
    if (filer->bell_fd >= 0)
        close(filer->bell_fd);
    pthread_cond_destroy(&filer->news);
    pthread_mutex_destroy(&filer->lock);
    free(filer);
    return NULL;
}
