/* contract.h — shape of the compiled contract: the static tables that api/contract/compile.py makes from openapi.yaml,
 * db/queries and api/errors.def at build time. Nothing in them is ever written at run time. */
#ifndef WHISTLED_CONTRACT_H
#define WHISTLED_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct request;

/* Bits of struct schema.types. */
enum json_kind {
    JSON_KIND_NULL = 1,
    JSON_KIND_BOOLEAN = 2,
    JSON_KIND_INTEGER = 4,
    JSON_KIND_NUMBER = 8,
    JSON_KIND_STRING = 16,
    JSON_KIND_ARRAY = 32,
    JSON_KIND_OBJECT = 64,
};

/* W3C: as date-time, but the seconds may be left out (NOTE-datetime). */
enum string_format { FORMAT_NONE, FORMAT_UUID, FORMAT_DATE_TIME, FORMAT_DATE, FORMAT_W3C };

struct schema;

/* `if` a property has this value, `then` others are required. */
struct condition {
    const char *property;
    const char *value; /* a text, or true or false as one */
    bool is_text;
    const char *const *required;
    size_t n_required;
};

struct property {
    const char *name;
    const struct schema *schema;
    bool required;
};

/* One schema node. `properties` is sorted by name; a free object (no declared properties, additionalProperties true)
 * has free_form set. Numbers and lengths that are not limited have has_* false or max SIZE_MAX. */
struct schema {
    unsigned types;
    enum string_format format;
    const char *pattern;       /* PCRE2, anchored by its author; NULL when none */
    unsigned pattern_index;    /* into the table of patterns compiled once at start */
    const char *const *values; /* enum of strings, sorted; NULL when none */
    size_t n_values;
    bool has_minimum, has_maximum;
    double minimum, maximum;
    size_t min_length, max_length; /* code points */
    const struct property *properties;
    size_t n_properties;
    const struct condition *conditions;
    size_t n_conditions;
    bool free_form;
    size_t min_properties;
    const struct schema *items;
    size_t min_items, max_items;
    bool unique_items;
};

enum parameter_place { IN_PATH, IN_QUERY, IN_HEADER };

/* A declared path, query or header parameter. An array schema in the query means: the parameter may be repeated. */
struct parameter {
    const char *name;
    enum parameter_place place;
    const struct schema *schema;
    bool required;
    const char *fallback; /* `default` as text; NULL when none */
};

/* Where a statement's $n comes from. */
enum argument_source {
    ARGUMENT_TENANT,
    ARGUMENT_ACTOR,
    ARGUMENT_ROLES,
    ARGUMENT_OP_ROLES,
    ARGUMENT_ORG,
    ARGUMENT_AREAS,
    ARGUMENT_ACTION,
    ARGUMENT_ID,
    ARGUMENT_IDEMPOTENCY_KEY,
    ARGUMENT_FINGERPRINT,
    ARGUMENT_IF_MATCH,
    ARGUMENT_REQUEST_ID,
    ARGUMENT_LANG,
    ARGUMENT_NOW,
    ARGUMENT_CURSOR,
    ARGUMENT_LIMIT,
    ARGUMENT_BODY,
    ARGUMENT_SECRET_HASH, /* of what the operation's function has made */
    ARGUMENT_KEY_HASH,
    ARGUMENT_BASE_URL,
    ARGUMENT_CONTACT,
    ARGUMENT_PARAMETER, /* index into operation.parameters */
    ARGUMENT_FIELD,     /* index into the body schema's properties */
    ARGUMENT_GIVEN,     /* by the C function that calls it, in order */
};

struct argument {
    enum argument_source source;
    unsigned index;
};

/* Several operations may share one statement (all plain actions of a state machine do), each with its own arguments. */
struct statement {
    const char *name; /* cases.act; also the prepared statement's name */
    const char *sql;  /* with $n */
    /* The same, with the columns of its one row as one. NULL: some operation that uses it wants more rows, or looks at
     * them by the names of their columns. */
    const char *packed;
    const struct argument *arguments;
    size_t n_arguments;
    const uint32_t *argument_types; /* PostgreSQL OIDs, 0: let the server decide */
    const char *const *argument_names;
    unsigned index; /* place in contract.statements */
};

/* What a value is called in XML: an object's members by their own names, the items of a list each by one name. */
struct xml_element {
    const char *name;
    const struct xml_element *item;
    const struct xml_element *members;
    size_t n_members;
};

/* The encoder's program: a node for each property of a reply schema, in the contract's order. */
enum encode_kind { ENCODE_OBJECT, ENCODE_COLUMN };
/* x-names: the name of what stands beside it by its key (`code`, or `kind` and `id`) may be left to the encoder. */
enum names_of { NAMES_NONE, NAMES_CATEGORY, NAMES_AREA, NAMES_ORGANISATION, NAMES_PARTY };

struct encode_node {
    const char *name; /* property name */
    enum encode_kind kind;
    const char *column;                 /* ENCODE_COLUMN: its column, `location__lon` */
    const struct schema *schema;        /* what the contract says of it: compared with the column's type at start */
    const struct xml_element *element;  /* of a column that is a list or free JSON */
    const struct encode_node *children; /* ENCODE_OBJECT */
    size_t n_children;
    bool required;
    bool nullable;
    unsigned slot; /* ENCODE_COLUMN: place in the operation's array of bound columns */
    enum names_of names;
    const char *offers; /* x-offers: a column of bits is written as what this machine offers them in its `state` */
    const char *title;  /* ENCODE_COLUMN: above its column in a table for people; NULL: none */
};

/* The reply is such an object; {items, next_cursor, total?, total_capped?} of such objects; a plain array of them. */
enum encode_shape { SHAPE_OBJECT, SHAPE_PAGE, SHAPE_ARRAY };

struct encoder {
    const struct encode_node *nodes; /* of one object: the reply itself, or one item of a list */
    size_t n_nodes;
    size_t n_slots;
    enum encode_shape shape;
    const struct xml_element
        *element; /* of the whole; of an array its item names each row. NULL: never asked for as XML */
};

/* Whose habits an operation keeps in refusals, empty parameters and types: our own, RFC 6749's, GeoReport v2's. */
enum manner { MANNER_OWN, MANNER_OAUTH, MANNER_OPEN311 };
/* Whether an api_key inside the request says who calls. */
enum gate { GATE_NONE, GATE_OPTIONAL, GATE_REQUIRED };

/* What may stand behind the last dot of a path, and the form of the reply it asks for. */
struct suffix {
    const char *value, *media_type;
};

typedef void (*operation_function)(struct request *request);

struct operation {
    const char *id;     /* cases.start_source */
    const char *action; /* start_source: what stands behind the dot */
    const char *method; /* GET, POST, PATCH, PUT, DELETE */
    const char *path;   /* /v1/cases/{case_id}/start-source */
    uint32_t roles;     /* bits by index into contract.roles; 0 when public. Scopes of machine clients too */
    bool is_public;
    bool write;                                          /* not GET */
    bool alone;                                          /* a write that never shares a group (x-alone) */
    bool on_record;                                      /* a reading that writes who read (x-on-record) */
    bool if_match;                                       /* If-Match is required: 428 without */
    bool takes_key;                                      /* POST: Idempotency-Key is honoured */
    bool personal;                                       /* no-store; false: ETag with 304 */
    bool waits;                                          /* Prefer: wait is honoured */
    bool streams;                                        /* the reply is text/event-stream */
    const char *deprecation, *sunset, *deprecation_link; /* header values; NULL: not deprecated */
    bool raw_body;                                       /* body is not JSON; its function reads it */
    bool exports;                                        /* all rows, in parts, as CSV or lines of JSON (x-export) */
    bool form;                                           /* body is a form: one of media_types */
    const char *const *media_types;                      /* raw_body, form: what it may be, sorted */
    size_t n_media_types;
    const struct suffix *suffixes; /* NULL: the path ends in none */
    size_t n_suffixes;
    enum manner manner;
    enum gate gate;
    const struct schema *body; /* NULL: no body */
    bool body_required;
    size_t max_body;      /* bytes */
    const char *pictures; /* of a form: the field whose files are pictures, when it comes in parts; NULL: it may not */
    size_t max_upload;    /* bytes, of the parts together; the other fields have max_body */
    const struct parameter *parameters;
    size_t n_parameters;
    const struct statement *statement; /* or */
    operation_function function;       /* C, api/ops */
    const struct encoder *encoder;     /* NULL: 204 or the function writes its own */
    int status;                        /* of success */
    unsigned index;
};

/* One client-visible error, from errors.def. */
struct error_entry {
    const char *code;
    int status;
    const char *zh, *en;
};

struct contract {
    const char *version;
    const struct operation *operations; /* sorted by path, then method */
    size_t n_operations;
    const struct statement *statements;
    size_t n_statements;
    const char *const *roles; /* and scopes behind them */
    size_t n_roles;
    uint32_t machine, scopes;         /* bit of the role client; bits of all scopes */
    const struct error_entry *errors; /* sorted by code */
    size_t n_errors;
    const char *const *patterns;
    size_t n_patterns;
    const unsigned char *openapi_json; /* the bundled document, as served */
    size_t openapi_json_size;
    const char *procedures_checksum; /* 12 hex digits; the service's own schema is api_<checksum> */
};

extern const struct contract contract;

#endif
