/* router.c — method and path become an operation, by a tree of path segments. */
#include "router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_METHODS = 8, ALLOW_SIZE = 96 };

/* One segment of some paths. A name in braces stands for any segment. */
struct node {
    char *segment;
    struct node *children; /* literal ones; siblings by `next` */
    struct node *parameter;
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
        node_free(node->parameter);
        free(node->segment);
        free(node);
        node = next;
    }
}

struct router *router_free(struct router *router)
{
    if (router) {
        node_free(router->root.children);
        node_free(router->root.parameter);
        free(router);
    }
    return NULL;
}

static const struct node *find_child(const struct node *node, const char *segment, size_t size)
{
    for (const struct node *child = node->children; child; child = child->next)
        if (!strncmp(child->segment, segment, size) && !child->segment[size])
            return child;
    return NULL;
}

static struct node *add_child(struct node *node, const char *segment, size_t size)
{
    struct node **place = segment[0] == '{' ? &node->parameter : &node->children;
    struct node *child = segment[0] == '{' ? node->parameter : (struct node *)find_child(node, segment, size);

    if (child)
        return child;
    child = calloc(1, sizeof *child);
    if (!child || !(child->segment = strndup(segment, size))) {
        free(child);
        return NULL;
    }
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

static const struct node *walk(const struct node *node, const char *const *segments, size_t n,
                               const char *values[MAX_PATH_VALUES], size_t n_values)
{
    const struct node *child, *found = NULL;

    if (!n)
        return node->n_operations ? node : NULL;
    child = find_child(node, segments[0], strlen(segments[0]));
    if (child)
        found = walk(child, segments + 1, n - 1, values, n_values);
    /* A parameter is never empty: /v1/cases/ is no case. */
    if (!found && node->parameter && segments[0][0] && n_values < MAX_PATH_VALUES) {
        values[n_values] = segments[0];
        found = walk(node->parameter, segments + 1, n - 1, values, n_values + 1);
    }
    return found;
}

enum route router_find(const struct router *router, const char *method, const char *const *segments, size_t n_segments,
                       const struct operation **ret_operation, const char **ret_allow,
                       const char *ret_values[MAX_PATH_VALUES])
{
    const char *wanted = !strcmp(method, "HEAD") ? "GET" : method;
    const struct node *node = n_segments ? walk(&router->root, segments, n_segments, ret_values, 0) : NULL;

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
