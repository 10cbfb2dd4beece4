/* webhooks.c — what no schema can say of a webhook's address; the rest is the statement's. */
#include "../webhook_url.h"

#include "../perform.h"
#include "../worker.h"
#include "ops.h"

static void save(struct request *request)
{
    const char *url = json_string_value(json_object_get(request->json, "url"));

    if (!url || webhook_url_allowed(&request->worker->service->webhook_rules, url)) {
        perform_statement(request);
        return;
    }
    faults_add(&request->faults, request->arena, "/url", "url_not_allowed");
    perform_refuse(request, "invalid_body");
}

void webhooks_create(struct request *request)
{
    save(request);
}

void webhooks_edit(struct request *request)
{
    save(request);
}
