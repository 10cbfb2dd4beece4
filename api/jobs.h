/* jobs.h — background threads: give committed rows of the outbox their position, wake those who wait, sweep, run the
 * clocks. Every instance has them; leases in the database decide which of them works. */
#ifndef WHISTLED_JOBS_H
#define WHISTLED_JOBS_H

struct worker;
struct jobs;

struct jobs_settings {
    const char *url, *search_path, *zone;
    struct worker *const *workers; /* must outlive jobs_stop */
    unsigned n_workers;
    /* worker_wake: called from the jobs' thread for each worker. `keys` as in the notification: "t,o:<org>,g:<grid>"; a
     * tenant of NULL means: something may have been missed, wake all. */
    void (*wake)(struct worker *worker, const char *tenant, const char *keys);
};

/* Starts the threads; they connect by themselves and again whenever they must. 0 or -Exxx. */
int jobs_start(const struct jobs_settings *settings, struct jobs **ret_jobs);
/* A write has been committed here: drain soon. From any thread, never blocks. */
void jobs_hint(struct jobs *jobs);
/* Ends the threads and waits for them. Accepts NULL; returns NULL. */
struct jobs *jobs_stop(struct jobs *jobs);

#endif
