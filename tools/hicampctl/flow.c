/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Commands on flows.
 *
 * Text is read twice: first to see that all of it can be read, with every
 * port taken to exist, and before anything is sent or a hypervisor is opened;
 * then to be carried out.
 */

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static int any_id(void *arg, const struct port_name *name, uint32_t *id,
                  struct err *err)
{
    (void)arg;
    (void)name;
    (void)err;
    *id = 1;

    return 0;
}

static void any_name(void *arg, uint32_t id, char buf[PORT_TEXT])
{
    (void)arg;
    snprintf(buf, PORT_TEXT, "%u", id);
}

static const struct names any_port = { any_id, any_name, NULL };

/* The result of a change, for --json. */
static void done_json(const struct cli *cli, const char *key, uint64_t nr)
{
    if ( cli->given & OPT_JSON )
        json_one(cli->out, key, nr);
}

/* ---- Batch files -------------------------------------------------------- */

/* The whole file, with a zero behind it. */
static char *read_file(const char *path, struct err *err)
{
    FILE *in = strcmp(path, "-") ? fopen(path, "r") : stdin;
    size_t len = 0, room = 0, n;
    char *text = NULL;

    if ( !in )
    {
        err_set(err, EXIT_CALL, "%.200s: %s", path, strerror(errno));
        return NULL;
    }

    do {
        if ( room - len < 2 )
        {
            room = room ? room * 2 : 65536;
            text = xrealloc(text, room);
        }
        n = fread(text + len, 1, room - len - 1, in);
        len += n;
    } while ( n );
    text[len] = '\0';

    if ( ferror(in) )
        err_set(err, EXIT_CALL, "%.200s: %s", path, strerror(errno));
    else if ( strlen(text) != len )
        err_set(err, EXIT_USAGE, "%.200s: a zero byte: not text", path);
    else
        n = 1;
    if ( in != stdin )
        fclose(in);
    if ( n )
        return text;

    free(text);

    return NULL;
}

/* The next word of a line, or NULL. */
static char *next_word(char **line)
{
    char *word;

    while ( isspace((unsigned char)**line) )
        (*line)++;
    if ( !**line )
        return NULL;

    word = *line;
    while ( **line && !isspace((unsigned char)**line) )
        (*line)++;
    if ( **line )
        *(*line)++ = '\0';

    return word;
}

/*
 * A line: MATCH ACTIONS [cookie=N] # comment.  Returns 1 when there is a flow
 * on it, its actions in *actions.
 */
static int parse_line(char *line, const struct names *names,
                      struct flow *flow, struct actions *actions,
                      struct err *err)
{
    char *match, *acts, *word;

    line[strcspn(line, "#")] = '\0';
    match = next_word(&line);
    if ( !match )
        return 0;
    acts = next_word(&line);

    if ( match_parse(match, names, &flow->match, err) ||
         actions_parse(acts ? acts : "", names, actions, err) )
        return -1;

    while ( (word = next_word(&line)) )
        if ( strncmp(word, "cookie=", 7) ||
             !parse_num(word + 7, UINT64_MAX, &flow->cookie) )
            return err_set(err, EXIT_USAGE,
                           "flow: '%.64s': only cookie=N may follow the "
                           "actions", word);

    return 1;
}

/* Flows that wait to be sent, and their actions. */
struct pending
{
    struct flow flow[4096];
    uint8_t *lists;
    size_t nr, bytes, room;
    size_t *at;             /* of each flow's list: lists may move */
    size_t sent;
};

static int send_pending(struct cli *cli, struct pending *p, struct err *err)
{
    enum update how = cli->given & OPT_REPLACE ? UPDATE_REPLACE : UPDATE_ADD;
    size_t i, done;
    int rc;

    for ( i = 0; i < p->nr; i++ )
        p->flow[i].actions = p->lists + p->at[i];

    rc = ops_update_flows(&cli->ops, how, p->flow, p->nr, &done, err);
    p->sent += done;
    if ( rc && done < p->nr )
        err_prefix(err, "%.200s:%u", cli->batch, p->flow[done].line);
    p->nr = p->bytes = 0;

    return rc;
}

/* One pass over the text; sends when names are real. */
static int batch_pass(struct cli *cli, const char *text,
                      const struct names *names, struct pending *p,
                      struct err *err)
{
    struct actions *actions = xrealloc(NULL, sizeof(*actions));
    unsigned int nr = 0;
    char *line = NULL;
    int rc = 0;

    while ( *text && rc >= 0 )
    {
        size_t len = strcspn(text, "\n");
        struct flow *flow = &p->flow[p->nr];

        nr++;
        line = xrealloc(line, len + 1);
        memcpy(line, text, len);
        line[len] = '\0';
        text += len + (text[len] == '\n');

        memset(flow, 0, sizeof(*flow));
        flow->cookie = cli->cookie;
        flow->line = nr;
        rc = parse_line(line, names, flow, actions, err);
        if ( rc < 0 )
            err_prefix(err, "%.200s:%u", cli->batch, nr);
        if ( rc <= 0 || names == &any_port )
            continue;

        if ( p->bytes + actions->bytes > p->room )
        {
            p->room = 2 * (p->bytes + actions->bytes);
            p->lists = xrealloc(p->lists, p->room);
        }
        memcpy(p->lists + p->bytes, actions->list, actions->bytes);
        flow->actions_bytes = actions->bytes;
        p->at[p->nr++] = p->bytes;
        p->bytes += actions->bytes;

        if ( p->nr == ARRAY_SIZE(p->flow) )
            rc = send_pending(cli, p, err);
    }

    if ( rc >= 0 && p->nr )
        rc = send_pending(cli, p, err);

    free(line);
    free(actions);

    return rc < 0 ? -1 : 0;
}

static int add_batch(struct cli *cli, struct err *err)
{
    struct pending *p;
    struct names names;
    char *text;
    int rc;

    if ( cli->nr_args )
        return err_set(err, EXIT_USAGE,
                       "flow add: MATCH and ACTIONS, or --batch, not both");

    text = read_file(cli->batch, err);
    if ( !text )
        return -1;
    p = xrealloc(NULL, sizeof(*p));
    memset(p, 0, sizeof(*p));
    p->at = xrealloc(NULL, ARRAY_SIZE(p->flow) * sizeof(*p->at));

    rc = batch_pass(cli, text, &any_port, p, err);
    if ( !rc )
        rc = cli_connect(cli, err);
    if ( !rc )
    {
        ops_names(&cli->ops, &names);
        rc = batch_pass(cli, text, &names, p, err);
        if ( rc && p->sent )
            err_prefix(err, "%zu flows were added before an error", p->sent);
    }
    if ( !rc )
        done_json(cli, "added", p->sent);

    free(p->at);
    free(p->lists);
    free(p);
    free(text);

    return rc;
}

/* ---- add, del, flush ---------------------------------------------------- */

int cmd_flow_add(struct cli *cli, struct err *err)
{
    struct flow flow = { .cookie = cli->cookie };
    struct actions actions;
    struct names names;
    size_t done;

    if ( cli->given & OPT_BATCH )
        return add_batch(cli, err);
    if ( cli->nr_args < 2 )
        return err_set(err, EXIT_USAGE,
                       "flow add: needs MATCH and ACTIONS, or --batch FILE");

    if ( match_parse(cli->arg[0], &any_port, &flow.match, err) ||
         actions_parse(cli->arg[1], &any_port, &actions, err) ||
         cli_connect(cli, err) )
        return -1;

    ops_names(&cli->ops, &names);
    if ( match_parse(cli->arg[0], &names, &flow.match, err) ||
         actions_parse(cli->arg[1], &names, &actions, err) )
        return -1;

    flow.actions = actions.list;
    flow.actions_bytes = actions.bytes;
    if ( ops_update_flows(&cli->ops,
                          cli->given & OPT_REPLACE ? UPDATE_REPLACE
                                                   : UPDATE_ADD,
                          &flow, 1, &done, err) )
        return -1;
    done_json(cli, "added", done);

    return 0;
}

int cmd_flow_del(struct cli *cli, struct err *err)
{
    struct flow flow = { .cookie = 0 };
    struct names names;
    size_t done;

    if ( match_parse(cli->arg[0], &any_port, &flow.match, err) ||
         cli_connect(cli, err) )
        return -1;

    ops_names(&cli->ops, &names);
    if ( match_parse(cli->arg[0], &names, &flow.match, err) )
        return -1;
    if ( ops_update_flows(&cli->ops, UPDATE_DELETE, &flow, 1, &done, err) )
        return -1;
    done_json(cli, "deleted", done);

    return 0;
}

int cmd_flow_flush(struct cli *cli, struct err *err)
{
    struct json j;

    if ( cli_connect(cli, err) ||
         ops_flush(&cli->ops, cli->given & OPT_ORPHANS, err) )
        return -1;

    if ( cli->given & OPT_JSON )
    {
        json_init(&j, cli->out);
        json_open(&j, NULL, '{');
        json_bool(&j, "flushed", true);
        json_close(&j, '}');
        json_end(&j);
    }

    return 0;
}

/* ---- dump --------------------------------------------------------------- */

struct dump
{
    struct cli *cli;
    struct names names;
    struct json json;
    char *match, *actions;
};

static void key_json(void *arg, const char *name, const char *value)
{
    json_str(arg, name, value);
}

static void dump_one(void *arg, const struct hicamp_flow *flow,
                     const void *actions)
{
    const struct match match = { .key = flow->key, .mask = flow->mask };
    bool never = flow->used_ns == UINT64_MAX;
    struct dump *d = arg;
    struct json *j = &d->json;
    char cookie[32];
    FILE *out = d->cli->out;

    match_text(&match, &d->names, d->match);
    if ( actions )
        actions_text(actions, flow->actions_bytes, &d->names, d->actions);
    else
        snprintf(d->actions, ACTIONS_TEXT, "actions(%u bytes)",
                 flow->actions_bytes);
    snprintf(cookie, sizeof(cookie), "0x%" PRIx64, flow->cookie);

    if ( !(d->cli->given & OPT_JSON) )
    {
        fprintf(out, "%s %s cookie=%s # packets=%" PRIu64 " bytes=%" PRIu64
                " used=", d->match, d->actions, cookie, flow->packets,
                flow->bytes);
        if ( never )
            fprintf(out, "never\n");
        else
            fprintf(out, "%.3fs\n", flow->used_ns / 1e9);
        return;
    }

    json_open(j, NULL, '{');
    json_str(j, "match", d->match);
    json_open(j, "key", '{');
    match_each(&match, &d->names, key_json, j);
    json_close(j, '}');
    json_str(j, "actions", d->actions);
    json_str(j, "cookie", cookie);
    json_num(j, "packets", flow->packets);
    json_num(j, "bytes", flow->bytes);
    if ( never )
        json_null(j, "used_ns");
    else
        json_num(j, "used_ns", flow->used_ns);
    json_close(j, '}');
}

int cmd_flow_dump(struct cli *cli, struct err *err)
{
    bool json = cli->given & OPT_JSON;
    struct dump d = { .cli = cli };
    int rc;

    if ( cli_connect(cli, err) || ops_read_ports(&cli->ops, err) )
        return -1;

    ops_names(&cli->ops, &d.names);
    d.match = xrealloc(NULL, MATCH_TEXT);
    d.actions = xrealloc(NULL, ACTIONS_TEXT);

    json_init(&d.json, cli->out);
    if ( json )
    {
        json_open(&d.json, NULL, '{');
        json_open(&d.json, "flows", '[');
    }
    rc = ops_dump_flows(&cli->ops, dump_one, &d, err);
    if ( json )
    {
        json_close(&d.json, ']');
        json_close(&d.json, '}');
        json_end(&d.json);
    }

    free(d.match);
    free(d.actions);

    return rc;
}
