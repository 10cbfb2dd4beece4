/* scenario.c — reads a scenario:
 *
 *     step NAME STATUS
 *     line POST /v1/cases/${case}/accept HTTP/1.1
 *     line If-Match: ${etag}
 *     body {"note": "…"}
 *     take etag header ETag
 *     take ticket text "tickets":[{"id":"
 *
 * One line each; `line` and `body` may name variables.
 */
#include "scenario.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *memory)
{
    if (memory == NULL)
        errx(1, "out of memory");
    return memory;
}

static int variable_of(struct scenario *scenario, const char *name, size_t size)
{
    if (size == 1 && name[0] == 'n')
        return VARIABLE_COUNT;
    if (size == 1 && name[0] >= '1' && name[0] <= '9')
        return name[0] - '0';
    for (size_t i = N_FIXED; i < scenario->n_variables; i++)
        if (strlen(scenario->names[i]) == size && !memcmp(scenario->names[i], name, size))
            return (int)i;
    if (scenario->n_variables == MAX_VARIABLES)
        errx(1, "too many variables");
    scenario->names[scenario->n_variables] = must(strndup(name, size));
    return (int)scenario->n_variables++;
}

static void add_piece(struct template *template, const char *text, size_t size, int variable)
{
    template->pieces = must(realloc(template->pieces, (template->n + 1) * sizeof *template->pieces));
    template->pieces[template->n++] =
        (struct piece){.text = must(strndup(text, size)), .size = size, .variable = variable};
}

static void add_text(struct scenario *scenario, struct template *template, const char *text)
{
    for (;;) {
        const char *start = strstr(text, "${"), *end = start ? strchr(start, '}') : NULL;

        if (end == NULL)
            break;
        add_piece(template, text, (size_t)(start - text), variable_of(scenario, start + 2, (size_t)(end - start) - 2));
        text = end + 1;
    }
    add_piece(template, text, strlen(text), -1);
}

static void add_take(struct scenario *scenario, struct step *step, char *text)
{
    char *name = strtok(text, " "), *kind = strtok(NULL, " "), *prefix = strtok(NULL, "");

    if (prefix == NULL || step->n_takes == MAX_TAKES)
        errx(1, "take: a name, header or text, and where it is found; at most %d of a step", MAX_TAKES);
    step->takes[step->n_takes++] = (struct take){
        .variable = variable_of(scenario, name, strlen(name)),
        .header = !strcmp(kind, "header"),
        .prefix = must(strdup(prefix)),
    };
}

static void add_step(struct scenario *scenario, char *text)
{
    struct step *step = &scenario->steps[scenario->n_steps++];
    char *name = strtok(text, " "), *status = strtok(NULL, "");

    if (scenario->n_steps > MAX_STEPS || status == NULL)
        errx(1, "step: a name and a status; at most %d of them", MAX_STEPS);
    step->name = must(strdup(name));
    step->expected = (int)strtol(status, NULL, 10);
}

static void read_line(struct scenario *scenario, char *line, const char *authority)
{
    struct step *step = scenario->n_steps ? &scenario->steps[scenario->n_steps - 1] : NULL;
    char *rest = strchr(line, ' ');

    if (rest != NULL)
        *rest++ = '\0';
    if (!*line || *line == '#')
        return;
    if (rest != NULL && !strcmp(line, "step")) {
        add_step(scenario, rest);
    } else if (step != NULL && rest != NULL && !strcmp(line, "line")) {
        bool first = step->head.n == 0;

        add_text(scenario, &step->head, rest);
        add_piece(&step->head, "\r\n", 2, -1);
        if (first) {
            add_text(scenario, &step->head, authority);
            add_piece(&step->head, "\r\n", 2, -1);
        }
    } else if (step != NULL && rest != NULL && !strcmp(line, "body")) {
        add_text(scenario, &step->body, rest);
        step->has_body = true;
    } else if (step != NULL && rest != NULL && !strcmp(line, "take")) {
        add_take(scenario, step, rest);
    } else {
        errx(1, "a scenario has no such line: %s", line);
    }
}

void scenario_read(struct scenario *scenario, const char *path, const char *authority)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;

    if (file == NULL)
        err(1, "%s", path);
    scenario->n_variables = N_FIXED;
    while ((size = getline(&line, &capacity, file)) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        read_line(scenario, line, authority);
    }
    if (scenario->n_steps == 0)
        errx(1, "%s: no step", path);
    free(line);
    fclose(file);
}

void scenario_read_rows(struct scenario *scenario, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t capacity = 0, room = 0;

    if (file == NULL)
        err(1, "%s", path);
    while (getline(&line, &capacity, file) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        if (scenario->n_rows == room) {
            room = room ? 2 * room : 1024;
            scenario->rows = must(realloc(scenario->rows, room * sizeof *scenario->rows));
        }
        scenario->rows[scenario->n_rows++] = must(strdup(line));
    }
    if (scenario->n_rows == 0)
        errx(1, "%s: no row", path);
    free(line);
    fclose(file);
}

size_t template_fill(const struct template *template, char values[][VARIABLE_SIZE], char *out, size_t size)
{
    size_t length = 0;

    for (size_t i = 0; i < template->n; i++) {
        const struct piece *piece = &template->pieces[i];
        const char *value = piece->variable < 0 ? "" : values[piece->variable];
        size_t value_size = strlen(value);

        if (length + piece->size + value_size > size)
            return 0;
        memcpy(out + length, piece->text, piece->size);
        memcpy(out + length + piece->size, value, value_size);
        length += piece->size + value_size;
    }
    return length;
}
