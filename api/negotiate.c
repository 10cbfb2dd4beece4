/* negotiate.c — what the client would like, and what it sends. */
#include "negotiate.h"

#include <string.h>

#include "text.h"

/* One element of a comma list with its parameters: `zh-CN;q=0.8`. */
struct element {
    const char *name;
    size_t name_size;
    const char *parameters; /* behind the first ';' */
    size_t parameters_size;
};

/* Commas inside quotes do not part elements. */
static size_t element_size(const char *text)
{
    bool quoted = false;
    size_t size = 0;

    for (; text[size] && (quoted || text[size] != ','); size++) {
        if (quoted && text[size] == '\\' && text[size + 1])
            size++;
        else if (text[size] == '"')
            quoted = !quoted;
    }
    return size;
}

static bool next_element(const char **rest, struct element *ret_element)
{
    while (**rest) {
        size_t size = element_size(*rest);
        const char *text = *rest;
        const char *mark = memchr(text, ';', size);

        *rest += size + (text[size] == ',');
        ret_element->name = text;
        ret_element->name_size = mark ? (size_t)(mark - text) : size;
        ret_element->parameters = mark ? mark + 1 : "";
        ret_element->parameters_size = mark ? size - ret_element->name_size - 1 : 0;
        text_trim(&ret_element->name, &ret_element->name_size);
        if (ret_element->name_size)
            return true;
    }
    return false;
}

/* The parameter's value, trimmed and without quotes; NULL when absent. */
static const char *parameter(const struct element *element, const char *name, size_t *ret_size)
{
    const char *rest = element->parameters;
    const char *end = rest + element->parameters_size;

    while (rest < end) {
        const char *mark = memchr(rest, ';', (size_t)(end - rest));
        size_t size = (size_t)((mark ? mark : end) - rest);
        const char *equals = memchr(rest, '=', size);
        size_t name_size = equals ? (size_t)(equals - rest) : size;
        const char *found = rest;
        const char *value = equals ? equals + 1 : "";
        size_t value_size = equals ? size - name_size - 1 : 0;

        text_trim(&found, &name_size);
        text_trim(&value, &value_size);
        if (text_equal(found, name_size, name)) {
            bool quoted = value_size >= 2 && value[0] == '"' && value[value_size - 1] == '"';

            *ret_size = quoted ? value_size - 2 : value_size;
            return quoted ? value + 1 : value;
        }
        rest += size + 1;
    }
    return NULL;
}

/* q in thousandths; 1000 when absent, 0 when it cannot be read. */
static unsigned quality(const struct element *element)
{
    size_t size = 0;
    const char *text = parameter(element, "q", &size);
    unsigned q;

    if (!text)
        return 1000;
    if (!size || size > 5 || (text[0] != '0' && text[0] != '1') || (size > 1 && text[1] != '.'))
        return 0;
    q = text[0] == '1' ? 1000 : 0;
    for (size_t i = 2, weight = 100; i < size; i++, weight /= 10) {
        if (text[i] < '0' || text[i] > '9')
            return 0;
        q += (unsigned)(text[i] - '0') * (unsigned)weight;
    }
    return q > 1000 ? 0 : q;
}

/* How exactly a media range names the type: 3 type/subtype, 2 type slash star, 1 any, 0 not. */
static unsigned media_rank(const struct element *range, const char *type, const char *subtype)
{
    const char *slash = memchr(range->name, '/', range->name_size);
    size_t size = slash ? (size_t)(slash - range->name) : 0;
    size_t rest = slash ? range->name_size - size - 1 : 0;

    if (!slash)
        return 0;
    if (text_equal(range->name, size, "*"))
        return text_equal(slash + 1, rest, "*") ? 1 : 0;
    if (!text_equal(range->name, size, type))
        return 0;
    return text_equal(slash + 1, rest, "*") ? 2 : text_equal(slash + 1, rest, subtype) ? 3 : 0;
}

/* Of the range that names the type most exactly; 0: it is not wanted. */
static unsigned media_quality(const char *accept, const char *type, const char *subtype)
{
    struct element range;
    unsigned best = 0, q = 0;

    if (!accept || !*accept)
        return 1000;
    while (next_element(&accept, &range)) {
        unsigned rank = media_rank(&range, type, subtype);

        if (rank > best || (rank && rank == best && quality(&range) > q)) {
            best = rank;
            q = quality(&range);
        }
    }
    return q;
}

bool negotiate_accepts(const char *accept, const char *type, const char *subtype)
{
    return media_quality(accept, type, subtype) > 0;
}

int negotiate_best(const char *accept, const struct media *media, size_t n)
{
    unsigned most = 0;
    int best = -1;

    for (size_t i = 0; i < n; i++) {
        unsigned q = media_quality(accept, media[i].type, media[i].subtype);

        if (q > most) {
            most = q;
            best = (int)i;
        }
    }
    return best;
}

/* Does the range `zh-Hans-CN` or `zh` or `*` stand for this primary language? 2 by name, 1 by star. */
static unsigned language_rank(const struct element *range, const char *primary)
{
    if (text_equal(range->name, range->name_size, "*"))
        return 1;
    if (range->name_size > 2 && range->name[2] != '-')
        return 0;
    return range->name_size >= 2 && text_equal(range->name, 2, primary) ? 2 : 0;
}

static unsigned language_quality(const char *rest, const char *primary)
{
    struct element range;
    unsigned best = 0, q = 0;

    while (next_element(&rest, &range)) {
        unsigned rank = language_rank(&range, primary);

        if (rank > best || (rank && rank == best && quality(&range) > q)) {
            best = rank;
            q = quality(&range);
        }
    }
    return q;
}

enum language negotiate_language(const char *accept_language)
{
    if (!accept_language)
        return LANG_ZH;
    return language_quality(accept_language, "en") > language_quality(accept_language, "zh") ? LANG_EN : LANG_ZH;
}

bool negotiate_gzip(const char *accept_encoding)
{
    struct element coding;
    bool by_name = false;
    unsigned q = 0;

    while (accept_encoding && next_element(&accept_encoding, &coding)) {
        if (text_equal(coding.name, coding.name_size, "gzip") || text_equal(coding.name, coding.name_size, "x-gzip")) {
            by_name = true;
            q = quality(&coding);
        } else if (!by_name && text_equal(coding.name, coding.name_size, "*")) {
            q = quality(&coding);
        }
    }
    return q > 0;
}

unsigned negotiate_wait(const char *prefer)
{
    struct element preference;

    while (prefer && next_element(&prefer, &preference)) {
        const char *value = memchr(preference.name, '=', preference.name_size);
        size_t name_size = value ? (size_t)(value - preference.name) : 0;
        size_t size = value ? preference.name_size - name_size - 1 : 0;
        const char *name = preference.name;
        unsigned seconds = 0;

        text_trim(&name, &name_size);
        if (!value || !text_equal(name, name_size, "wait"))
            continue;
        value++;
        text_trim(&value, &size);
        if (size >= 2 && *value == '"')
            value++, size -= 2;
        for (size_t i = 0; i < size; i++) {
            if (value[i] < '0' || value[i] > '9')
                return 0;
            seconds = seconds > MAX_WAIT_S ? seconds : seconds * 10 + (unsigned)(value[i] - '0');
        }
        return seconds > MAX_WAIT_S ? MAX_WAIT_S : seconds;
    }
    return 0;
}

bool negotiate_is_json(const char *content_type)
{
    struct element type;
    const char *charset;
    size_t size = 0;

    if (!content_type || !next_element(&content_type, &type) || *content_type)
        return false;
    charset = parameter(&type, "charset", &size);
    return text_equal(type.name, type.name_size, "application/json") &&
           (!charset || text_equal(charset, size, "utf-8") || text_equal(charset, size, "utf8"));
}

bool negotiate_none_match(const char *if_none_match, const char *etag)
{
    struct element tag;

    while (if_none_match && next_element(&if_none_match, &tag)) {
        if (text_equal(tag.name, tag.name_size, "*"))
            return true;
        if (tag.name_size > 2 && tag.name[0] == 'W' && tag.name[1] == '/')
            tag.name += 2, tag.name_size -= 2;
        if (tag.name_size == strlen(etag) && !memcmp(tag.name, etag, tag.name_size))
            return true;
    }
    return false;
}
