/* SPDX-License-Identifier: GPL-2.0-only */
/* What domains may use; parameters of the host and of ports: domain, param. */

#include <inttypes.h>
#include <string.h>

#include "cli.h"

/* ---- Domains ------------------------------------------------------------ */

static void domain_json(void *arg, const struct hicamp_domain_info *d)
{
    struct json *j = arg;

    json_open(j, NULL, '{');
    json_num(j, "domid", d->domid);
    json_num(j, "tenant", d->tenant);
    json_num(j, "quota", d->quota);
    json_num(j, "used", d->used);
    json_num(j, "peak", d->peak);
    json_num(j, "refused", d->refused);
    json_num(j, "interned", d->interned);
    json_num(j, "intern_misses", d->intern_misses);
    json_num(j, "segments", d->segments);
    json_num(j, "pages", d->pages);
    json_num(j, "runs", d->runs);
    json_num(j, "frames", d->frames);
    json_close(j, '}');
}

static void domain_row(void *arg, const struct hicamp_domain_info *d)
{
    struct table *t = arg;

    table_cell(t, "%u", d->domid);
    if ( d->tenant )
        table_cell(t, "%u", d->tenant);
    else
        table_cell(t, "-");
    table_cell(t, "%" PRIu64, d->quota);
    table_cell(t, "%" PRIu64, d->used);
    table_cell(t, "%" PRIu64, d->peak);
    table_cell(t, "%" PRIu64, d->refused);
    table_cell(t, "%u", d->segments);
    table_cell(t, "%u", d->pages);
    table_cell(t, "%u", d->runs);
    table_cell(t, "%u", d->frames);
}

int cmd_domain_list(struct cli *cli, struct err *err)
{
    static const char *const head[] = {
        "DOMAIN", "TENANT", "QUOTA", "USED", "PEAK", "REFUSED", "SEGMENTS",
        "PAGES", "RUNS", "FRAMES",
    };
    struct table t;
    unsigned int i;
    int rc;

    if ( cli_connect(cli, err) )
        return -1;

    if ( cli->given & OPT_JSON )
    {
        struct json j;

        json_init(&j, cli->out);
        json_open(&j, NULL, '{');
        json_open(&j, "domains", '[');
        rc = ops_read_domains(&cli->ops, domain_json, &j, err);
        json_close(&j, ']');
        json_close(&j, '}');
        json_end(&j);
        return rc;
    }

    table_init(&t, ARRAY_SIZE(head), 0);
    for ( i = 0; i < ARRAY_SIZE(head); i++ )
        table_cell(&t, "%s", head[i]);
    rc = ops_read_domains(&cli->ops, domain_row, &t, err);
    table_print(&t, cli->out);

    return rc;
}

int cmd_domain_set(struct cli *cli, struct err *err)
{
    struct hicamp_domain_set set = {
        .quota = cli->quota,
        .tenant = cli->tenant,
    };

    if ( cli_domid("domain set", cli->arg[0], &set.domid, err) )
        return -1;
    if ( cli->given & OPT_QUOTA )
        set.which |= HICAMP_DOMAIN_SET_QUOTA;
    if ( cli->given & OPT_TENANT )
        set.which |= HICAMP_DOMAIN_SET_TENANT;
    if ( !set.which )
        return err_set(err, EXIT_USAGE,
                       "domain set: nothing to set: --quota or --tenant");

    if ( cli_connect(cli, err) ||
         ops_call(&cli->ops, HICAMP_OP_domain_set, &set, sizeof(set),
                  cli->arg[0], err) )
        return -1;

    if ( cli->given & OPT_JSON )
        json_one(cli->out, "domid", set.domid);

    return 0;
}

/* ---- Parameters --------------------------------------------------------- */

static const struct
{
    uint32_t param;
    const char *name, *unit;
    bool of_host;           /* alone */
} params[] = {
    { HICAMP_PARAM_BORROW_AGE_US, "borrow-age", " us", false },
    { HICAMP_PARAM_BORROW_PAIR, "borrow-pair", " packets", false },
    { HICAMP_PARAM_QUOTA, "quota", " lines", true },
    { HICAMP_PARAM_ORPHAN_S, "orphan-life", " s", true },
    { HICAMP_PARAM_RX_EVENT_US, "rx-event", " us", false },
    { HICAMP_PARAM_RX_EVENT_PACKETS, "rx-event-packets", " packets", false },
    { HICAMP_PARAM_OFFLOAD, "offload", " bytes", false },
    { HICAMP_PARAM_WEIGHT, "weight", "", false },
    { HICAMP_PARAM_STRAIGHT, "straight", " bytes", false },
    { HICAMP_PARAM_TX_POLL_US, "tx-poll", " us", false },
    { HICAMP_PARAM_TX_POLL_IDLE_US, "tx-poll-idle", " us", false },
};

static int find_param(const struct cli *cli, unsigned int *i, struct err *err)
{
    for ( *i = 0; *i < ARRAY_SIZE(params); ++*i )
        if ( !strcmp(params[*i].name, cli->arg[0]) )
            break;

    if ( *i == ARRAY_SIZE(params) )
        return err_set(err, EXIT_USAGE,
                       "param: '%.64s' is not a parameter (try param list)",
                       cli->arg[0]);
    if ( (cli->given & OPT_PORT) && params[*i].of_host )
        return err_set(err, EXIT_USAGE,
                       "param: only the host has %s, no port has its own",
                       params[*i].name);

    return 0;
}

/* The id of the port that --port names; 0, which is the host, without one. */
static int port_id(struct cli *cli, uint32_t *id, struct err *err)
{
    const struct hicamp_port_info *p;

    *id = 0;
    if ( !(cli->given & OPT_PORT) )
        return 0;

    p = ops_find_port(&cli->ops, &cli->port, err);
    if ( !p )
        return -1;
    *id = p->port;

    return 0;
}

/* What is in effect; *own: of the port itself, not as the host has it. */
static int read_param(struct cli *cli, unsigned int i, uint32_t port,
                      uint64_t *value, bool *own, struct err *err)
{
    struct hicamp_param p = { .param = params[i].param, .port = port };

    if ( ops_call(&cli->ops, HICAMP_OP_param_get, &p, sizeof(p),
                  params[i].name, err) )
        return -1;

    *own = port && p.value != HICAMP_PARAM_INHERIT;
    if ( port && !*own )
        return read_param(cli, i, 0, value, own, err);
    *value = p.value;

    return 0;
}

/* The parameters from first on, nr of them. */
static int print_params(struct cli *cli, unsigned int first, unsigned int nr,
                        struct err *err)
{
    struct json j;
    unsigned int i;
    uint32_t port, owned = 0;
    int rc = 0;

    if ( cli_connect(cli, err) || port_id(cli, &port, err) )
        return -1;

    if ( cli->given & OPT_JSON )
    {
        json_init(&j, cli->out);
        json_open(&j, NULL, '{');
    }
    for ( i = first; i < first + nr; i++ )
    {
        uint64_t value;
        bool own;

        if ( port && params[i].of_host )
            continue;
        rc = read_param(cli, i, port, &value, &own, err);
        if ( rc )
            break;
        owned |= (uint32_t)own << i;
        if ( cli->given & OPT_JSON )
            json_num(&j, params[i].name, value);
        else
            fprintf(cli->out, "%-17s %" PRIu64 "%s%s\n", params[i].name, value,
                    params[i].unit, own ? " (its own)" : "");
    }
    if ( cli->given & OPT_JSON )
    {
        if ( port )
        {
            json_open(&j, "own", '[');
            for ( i = 0; i < ARRAY_SIZE(params); i++ )
                if ( owned & (1u << i) )
                    json_str(&j, NULL, params[i].name);
            json_close(&j, ']');
        }
        json_close(&j, '}');
        json_end(&j);
    }

    return rc;
}

int cmd_param_list(struct cli *cli, struct err *err)
{
    return print_params(cli, 0, ARRAY_SIZE(params), err);
}

int cmd_param_get(struct cli *cli, struct err *err)
{
    unsigned int i;

    return find_param(cli, &i, err) ? -1 : print_params(cli, i, 1, err);
}

int cmd_param_set(struct cli *cli, struct err *err)
{
    struct hicamp_param p = { .value = HICAMP_PARAM_INHERIT };
    unsigned int i;

    if ( find_param(cli, &i, err) )
        return -1;
    p.param = params[i].param;
    if ( !((cli->given & OPT_PORT) && !strcmp(cli->arg[1], "host")) &&
         !parse_num(cli->arg[1], HICAMP_PARAM_INHERIT - 1, &p.value) )
        return err_set(err, EXIT_USAGE, "param set: '%.64s' is not a number",
                       cli->arg[1]);

    if ( cli_connect(cli, err) || port_id(cli, &p.port, err) ||
         ops_call(&cli->ops, HICAMP_OP_param_set, &p, sizeof(p),
                  params[i].name, err) )
        return -1;

    return cli->given & OPT_JSON ? print_params(cli, i, 1, err) : 0;
}
