/* router.c — method and path become an operation, by a tree of path segments. */
#include "router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_METHODS = 8, ALLOW_SIZE = 96 };

/* One segment of some paths. A name in braces stands for any segment. `services.{format}` is the segment `services`,
 * suffixed: what comes in is parted at its last dot. */
struct node {
    char *segment;
    bool suffixed;
    struct node *children; /* literal ones; siblings by `next` */
    struct node *parameters;
    struct node *next;
    const struct operation *operations[MAX_METHODS];
    size_t n_operations;
    char allow[ALLOW_SIZE];
};

struct router {
    struct node root;
};

static void node_free(struct node *node)
{
    while (node) {
        struct node *next = node->next;

        node_free(node->children);
        node_free(node->parameters);
        free(node->segment);
        free(node);
        node = next;
    }
}

struct router *router_free(struct router *router)
{
    if (router) {
        node_free(router->root.children);
        node_free(router->root.parameters);
        free(router);
    }
    return NULL;
}

static const struct node *find_child(const struct node *node, const char *segment, size_t size, bool suffixed)
{
    for (const struct node *child = node->children; child; child = child->next)
        if (child->suffixed == suffixed && !strncmp(child->segment, segment, size) && !child->segment[size])
            return child;
    return NULL;
}

static const struct node *find_parameter(const struct node *node, bool suffixed)
{
    for (const struct node *child = node->parameters; child; child = child->next)
        if (child->suffixed == suffixed)
            return child;
    return NULL;
}

static struct node *add_child(struct node *node, const char *segment, size_t size)
{
    bool is_parameter = segment[0] == '{';
    struct node **place = is_parameter ? &node->parameters : &node->children;
    const char *end = memmem(segment, size, ".{", 2);
    struct node *child;

    size = end ? (size_t)(end - segment) : size;
    child = (struct node *)(is_parameter ? find_parameter(node, end != NULL)
                                         : find_child(node, segment, size, end != NULL));
    if (child)
        return child;
    child = calloc(1, sizeof *child);
    if (!child || !(child->segment = strndup(segment, size))) {
        free(child);
        return NULL;
    }
    child->suffixed = end != NULL;
    child->next = *place;
    *place = child;
    return child;
}

static void write_allow(struct node *node)
{
    bool reads = false;
    size_t size = 0;

    for (size_t i = 0; i < node->n_operations; i++) {
        reads = reads || !strcmp(node->operations[i]->method, "GET");
        size += (size_t)snprintf(node->allow + size, ALLOW_SIZE - size, "%s, ", node->operations[i]->method);
    }
    snprintf(node->allow + size, ALLOW_SIZE - size, "%sOPTIONS", reads ? "HEAD, " : "");
}

static int add_operation(struct router *router, const struct operation *operation)
{
    const char *rest = operation->path;
    struct node *node = &router->root;

    while (*rest == '/' && node) {
        size_t size = strcspn(++rest, "/");

        node = add_child(node, rest, size);
        rest += size;
    }
    if (!node || node->n_operations == MAX_METHODS)
        return -1;
    node->operations[node->n_operations++] = operation;
    write_allow(node);
    return 0;
}

struct router *router_new(const struct operation *operations, size_t n)
{
    struct router *router = calloc(1, sizeof *router);

    for (size_t i = 0; router && i < n; i++)
        if (add_operation(router, &operations[i]))
            return router_free(router);
    return router;
}

/* A path on its way down the tree. */
struct walk {
    struct arena *arena;
    const char **values; /* of parameters so far */
    size_t n_values;
};

static const struct node *walk_on(struct walk *walk, const struct node *node, const char *const *segments, size_t n);

static const struct node *walk_parameter(struct walk *walk, const struct node *node, const char *const *segments,
                                         size_t n)
{
    const struct node *parameter = find_parameter(node, /* suffixed= */ false);
    const struct node *found;

    /* A parameter is never empty: /v1/cases/ is no case. */
    if (!parameter || !segments[0][0] || walk->n_values == MAX_PATH_VALUES)
        return NULL;
    walk->values[walk->n_values++] = segments[0];
    found = walk_on(walk, parameter, segments + 1, n - 1);
    walk->n_values -= !found;
    return found;
}

/* `services.json` and `services/pothole.json`: the last segment alone may have a suffix, and neither part is empty. */
static const struct node *walk_suffix(struct walk *walk, const struct node *node, const char *segment)
{
    const char *dot = strrchr(segment, '.');
    size_t size = dot ? (size_t)(dot - segment) : 0;
    const struct node *found = size && dot[1] ? find_child(node, segment, size, /* suffixed= */ true) : NULL;

    if (!size || !dot[1])
        return NULL;
    if (!found && walk->n_values + 1 < MAX_PATH_VALUES) {
        found = find_parameter(node, /* suffixed= */ true);
        walk->values[walk->n_values] = found ? arena_strndup(walk->arena, segment, size) : NULL;
        walk->n_values += found != NULL;
        if (found && !walk->values[walk->n_values - 1])
            return NULL;
    }
    if (!found || walk->n_values == MAX_PATH_VALUES)
        return NULL;
    walk->values[walk->n_values++] = dot + 1;
    return found;
}

static const struct node *walk_on(struct walk *walk, const struct node *node, const char *const *segments, size_t n)
{
    const struct node *child, *found = NULL;

    if (!n)
        return node->n_operations ? node : NULL;
    child = find_child(node, segments[0], strlen(segments[0]), /* suffixed= */ false);
    if (child)
        found = walk_on(walk, child, segments + 1, n - 1);
    if (!found && n == 1)
        found = walk_suffix(walk, node, segments[0]);
    return found ? found : walk_parameter(walk, node, segments, n);
}

enum route router_find(const struct router *router, struct arena *arena, const char *method,
                       const char *const *segments, size_t n_segments, const struct operation **ret_operation,
                       const char **ret_allow, const char *ret_values[MAX_PATH_VALUES])
{
    const char *wanted = !strcmp(method, "HEAD") ? "GET" : method;
    struct walk walk = {.arena = arena, .values = ret_values};
    const struct node *node = n_segments ? walk_on(&walk, &router->root, segments, n_segments) : NULL;

    if (!node)
        return ROUTE_NO_PATH;
    *ret_allow = node->allow;
    for (size_t i = 0; i < node->n_operations; i++) {
        if (!strcmp(node->operations[i]->method, wanted)) {
            *ret_operation = node->operations[i];
            return ROUTE_FOUND;
        }
    }
    return ROUTE_NO_METHOD;
}
