/* router.h — method and path become an operation. */
#ifndef WHISTLED_ROUTER_H
#define WHISTLED_ROUTER_H

#include "contract.h"
#include "request.h"

struct router;

/* Built once from the contract's operations and read-only from then on. NULL when memory is out. */
struct router *router_new(const struct operation *operations, size_t n);
struct router *router_free(struct router *router);

enum route { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_NO_METHOD };

/* A literal segment goes before a parameter; of `{id}.{format}` both values are found. HEAD finds the GET operation. On
 * ROUTE_FOUND and ROUTE_NO_METHOD `ret_allow` is the path's Allow value (owned by the router); on ROUTE_FOUND the
 * parameters' values are in path order in ret_values. */
enum route router_find(const struct router *router, struct arena *arena, const char *method,
                       const char *const *segments, size_t n_segments, const struct operation **ret_operation,
                       const char **ret_allow, const char *ret_values[MAX_PATH_VALUES]);

#endif
