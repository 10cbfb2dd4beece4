/* manners.c — refusals in the forms of other specifications. */
#include "manners.h"

#include <ctype.h>
#include <string.h>

#include "encode_xml.h"
#include "problem.h"

int manners_status(enum manner manner, int status)
{
    bool kept = status >= 500 || status == 403 || status == 404 || status == 405 || status == 413 || status == 429;

    if (manner == MANNER_OPEN311)
        return status == 401 ? 403 : kept ? status : 400;
    if (manner == MANNER_OAUTH)
        return status == 401 || status == 403 ? 401 : kept || status == 415 ? status : 400;
    return status;
}

static const char *oauth_error(const struct error_entry *entry)
{
    static const char *const codes[] = {"invalid_client", "invalid_scope", "unsupported_grant_type"};

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (!strcmp(entry->code, codes[i]))
            return codes[i];
    if (entry->status == 429 || entry->status == 503)
        return "temporarily_unavailable";
    return entry->status >= 500 ? "server_error" : "invalid_request";
}

/* RFC 6749 lets error_description have these characters only: so it is English, whatever the client reads. */
static void add_plain(struct buffer *body, const char *text)
{
    for (; *text; text++)
        if (*text >= 0x20 && *text < 0x7f && *text != '"' && *text != '\\')
            buffer_add(body, text, 1);
}

static void fill_oauth(struct request *request, const struct error_entry *entry)
{
    struct buffer *body = &request->reply.body;
    const struct faults *faults = &request->faults;

    request->reply.content_type = "application/json";
    if (!strcmp(entry->code, "invalid_client"))
        request->reply.www_authenticate = "Basic realm=\"whistled\", charset=\"UTF-8\"";
    buffer_add_text(body, "{\"error\":\"");
    buffer_add_text(body, oauth_error(entry));
    buffer_add_text(body, "\",\"error_description\":\"");
    add_plain(body, entry->en);
    for (size_t i = 0; i < faults->n; i++) {
        add_plain(body, i ? ", " : " ");
        add_plain(body, faults->items[i].pointer);
        add_plain(body, ": ");
        add_plain(body, problem_entry(faults->items[i].code)->en);
    }
    buffer_add_text(body, "\"}");
}

/* `/attribute/size`, `/media_url/0` and `query.start_date` as the client wrote them: attribute[size], media_url,
 * start_date. */
static void add_field(struct buffer *text, const char *pointer)
{
    const char *dot = pointer[0] == '/' ? NULL : strchr(pointer, '.');
    const char *name = pointer[0] == '/' ? pointer + 1 : dot ? dot + 1 : pointer;
    size_t size = strcspn(name, "/");

    buffer_add(text, name, size);
    if (name[size] && !isdigit((unsigned char)name[size + 1])) {
        const char *member = name + size + 1;

        buffer_add_text(text, "[");
        buffer_add(text, member, strcspn(member, "/"));
        buffer_add_text(text, "]");
    }
}

static void add_description(struct buffer *body, bool xml, const struct buffer *text)
{
    if (xml)
        buffer_add_xml_text(body, text->data, text->size);
    else
        buffer_add_json_string(body, text->data, text->size);
}

/* One of the array: the status, and a sentence that begins with the field when there is one. */
static void add_error(struct request *request, int status, const char *field, const struct error_entry *entry,
                      bool first)
{
    struct buffer *body = &request->reply.body;
    struct buffer text = {.size = 0};
    char number[16];

    if (field && *field) {
        add_field(&text, field);
        buffer_add_text(&text, ": ");
    }
    buffer_add_text(&text, request->lang == LANG_EN ? entry->en : entry->zh);
    body->failed |= text.failed;
    snprintf(number, sizeof number, "%d", status);
    buffer_add_text(body, request->xml ? "<error><code>" : first ? "{\"code\":" : ",{\"code\":");
    buffer_add_text(body, number);
    buffer_add_text(body, request->xml ? "</code><description>" : ",\"description\":");
    if (!text.failed)
        add_description(body, request->xml, &text);
    buffer_add_text(body, request->xml ? "</description></error>" : "}");
    buffer_free(&text);
}

static void fill_open311(struct request *request, const struct error_entry *entry, const char *pointer)
{
    struct buffer *body = &request->reply.body;
    const struct faults *faults = &request->faults;
    int status = request->reply.status;

    request->reply.content_type = request->xml ? "text/xml; charset=utf-8" : "application/json; charset=utf-8";
    buffer_add_text(body, request->xml ? XML_DECLARATION "<errors>" : "[");
    if (pointer || !faults->n)
        add_error(request, status, pointer, entry, /* first= */ true);
    for (size_t i = 0; !pointer && i < faults->n; i++)
        add_error(request, status, faults->items[i].pointer, problem_entry(faults->items[i].code), i == 0);
    buffer_add_text(body, request->xml ? "</errors>" : "]");
}

void manners_fill(struct request *request, const struct error_entry *entry, const char *pointer)
{
    if (request->manner == MANNER_OAUTH)
        fill_oauth(request, entry);
    else
        fill_open311(request, entry, pointer);
}
