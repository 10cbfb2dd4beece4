/* filer.h — one thread beside each worker for what waits on the disk: syncing, hashing, renaming. An event loop that
 * waits for fdatasync keeps thousands of clients waiting for one picture. */
#ifndef WHISTLED_FILER_H
#define WHISTLED_FILER_H

/* One thing to do. The caller owns it until `done` was called. */
struct filing {
    int (*work)(
        struct filing *filing); /* in the filer's thread: may block, and may touch only what belongs to the filing */
    void (*done)(struct filing *filing); /* in the worker's loop */
    int result;                          /* of work, or -ECANCELED when it was not begun any more */
    struct filing *next;
};

struct filer;

/* Its descriptor is added to `epoll_fd` with data.ptr = a struct event_source. NULL when there is no memory or
 * descriptor. The thread starts with the first filing. */
struct filer *filer_new(int epoll_fd);
/* Always ends in exactly one `done`, never before it returns. One after the other, in order. */
void filer_submit(struct filer *filer, struct filing *filing);
/* In the worker's thread: waits for the one under way and calls `done` for all. Accepts NULL, returns NULL. */
struct filer *filer_free(struct filer *filer);

#endif
