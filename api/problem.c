/* problem.c — refusals as application/problem+json (RFC 9457), in the client's language. */
#include "problem.h"

#include <stdlib.h>
#include <string.h>

#include "manners.h"

enum { RETRY_AFTER_S = 1 };

static const struct {
    int status;
    const char *zh, *en;
} titles[] = {
    {400, "请求无法解析", "The request cannot be parsed"},
    {401, "需要有效的令牌", "A valid token is needed"},
    {403, "没有权限", "Not allowed"},
    {404, "没有找到", "Not found"},
    {405, "不支持的方法", "Method not allowed"},
    {406, "无法提供所要求的格式", "Not acceptable"},
    {408, "请求超时", "Request timeout"},
    {409, "与当前状态冲突", "In conflict with the present state"},
    {410, "已不再提供", "Gone"},
    {412, "版本已过期", "Stale version"},
    {413, "请求体过大", "Body too large"},
    {414, "地址过长", "Target too long"},
    {415, "不支持的内容类型", "Unsupported content type"},
    {417, "无法满足的期望", "Expectation failed"},
    {422, "字段有误", "A field is wrong"},
    {428, "需要版本号", "A version is needed"},
    {429, "请求过于频繁", "Too many requests"},
    {431, "请求头过大", "Header too large"},
    {500, "服务内部错误", "Internal error"},
    {503, "暂时无法提供服务", "Unavailable for now"},
    {505, "不支持的协议版本", "HTTP version not supported"},
};

static int compare_code(const void *code, const void *entry)
{
    return strcmp(code, ((const struct error_entry *)entry)->code);
}

static const struct error_entry *find_entry(const char *code)
{
    return bsearch(code, contract.errors, contract.n_errors, sizeof *contract.errors, compare_code);
}

const struct error_entry *problem_entry(const char *code)
{
    static const struct error_entry bug = {
        .code = "internal", .status = 500, .zh = "服务内部错误", .en = "A fault of ours"};
    const struct error_entry *entry = code ? find_entry(code) : NULL;

    if (!entry)
        entry = find_entry("internal");
    return entry ? entry : &bug;
}

static const char *title_of(int status, enum language lang)
{
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (titles[i].status == status)
            return lang == LANG_EN ? titles[i].en : titles[i].zh;
    return lang == LANG_EN ? "Error" : "错误";
}

static void add_member(struct buffer *body, const char *name, const char *text)
{
    buffer_add_text(body, ",\"");
    buffer_add_text(body, name);
    buffer_add_text(body, "\":");
    buffer_add_json_string(body, text, strlen(text));
}

static void add_fault(struct buffer *body, const char *pointer, const char *code, enum language lang)
{
    const struct error_entry *entry = find_entry(code);

    buffer_add_text(body, "{\"pointer\":");
    buffer_add_json_string(body, pointer, strlen(pointer));
    add_member(body, "code", code);
    add_member(body, "detail", !entry ? code : lang == LANG_EN ? entry->en : entry->zh);
    buffer_add_text(body, "}");
}

static void add_faults(struct buffer *body, const struct faults *faults, const char *code, const char *pointer,
                       enum language lang)
{
    if (!pointer && !faults->n)
        return;
    buffer_add_text(body, ",\"errors\":[");
    if (pointer)
        add_fault(body, pointer, code, lang);
    for (size_t i = 0; !pointer && i < faults->n; i++) {
        if (i)
            buffer_add_text(body, ",");
        add_fault(body, faults->items[i].pointer, faults->items[i].code, lang);
    }
    buffer_add_text(body, "]");
}

/* {"state":"closed"} without its braces, behind a comma; nothing for an empty object. */
static void add_detail(struct buffer *body, const char *detail, size_t size)
{
    size_t first = 1;

    if (!detail || size < 2 || detail[0] != '{' || detail[size - 1] != '}')
        return;
    while (first < size - 1 && (detail[first] == ' ' || detail[first] == '\n'))
        first++;
    if (first == size - 1)
        return;
    buffer_add_text(body, ",");
    buffer_add(body, detail + first, size - 1 - first);
}

static void add_head(struct buffer *body, const struct request *request, const struct error_entry *entry)
{
    char number[48];

    buffer_add_text(body, "{\"type\":\"/docs#errors-");
    buffer_add_text(body, entry->code);
    buffer_add_text(body, "\"");
    add_member(body, "title", title_of(entry->status, request->lang));
    snprintf(number, sizeof number, ",\"status\":%d", entry->status);
    buffer_add_text(body, number);
    add_member(body, "detail", request->lang == LANG_EN ? entry->en : entry->zh);
    add_member(body, "instance", request->id);
    add_member(body, "code", entry->code);
}

void problem_write(struct buffer *out, const struct request *request, const char *code, const char *detail,
                   size_t detail_size, const char *pointer, const struct faults *faults)
{
    const struct error_entry *entry = problem_entry(code);

    add_head(out, request, entry);
    add_detail(out, detail, detail_size);
    add_faults(out, faults, entry->code, pointer, request->lang);
    buffer_add_text(out, "}");
}

void problem_fill(struct request *request, const char *code, const char *detail, size_t detail_size,
                  const char *pointer)
{
    const struct error_entry *entry = problem_entry(code);
    struct reply *reply = &request->reply;

    reply->status = manners_status(request->manner, entry->status);
    reply->code = entry->code;
    reply->content_type = "application/problem+json";
    reply->body.size = 0;
    if (entry->status == 503 || entry->status == 429 || !strcmp(entry->code, "request_in_progress"))
        reply->retry_after_s = RETRY_AFTER_S;
    if (!strcmp(entry->code, "insufficient_role"))
        reply->www_authenticate = "Bearer realm=\"whistled\", error=\"insufficient_scope\"";
    if (request->manner != MANNER_OWN)
        manners_fill(request, entry, pointer);
    else
        problem_write(&reply->body, request, code, detail, detail_size, pointer, &request->faults);
}
