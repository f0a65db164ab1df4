/* SPDX-License-Identifier: GPL-2.0-only */
/* Limits that flows share: meter. */

#include <inttypes.h>
#include <string.h>

#include "cli.h"

#define BURST_MAX       (UINT64_C(1) << 32)
#define BURST_MIN       65536u      /* of bytes: a packet may be that long */

static int parse_meter(const struct cli *cli, const char *verb, uint32_t *meter,
                       struct err *err)
{
    uint64_t v;

    if ( !parse_num(cli->arg[0], UINT32_MAX, &v) || !v )
        return err_set(err, EXIT_USAGE,
                       "meter %s: '%.64s' is not a number from 1 to 2^32 - 1",
                       verb, cli->arg[0]);
    *meter = v;

    return 0;
}

static const char *unit(const struct hicamp_meter *m)
{
    return m->flags & HICAMP_METER_PACKETS ? "packets" : "bytes";
}

static void meter_json(struct json *j, const struct hicamp_meter *m)
{
    json_open(j, NULL, '{');
    json_num(j, "meter", m->meter);
    json_str(j, "unit", unit(m));
    json_num(j, "rate", m->rate);
    json_num(j, "burst", m->burst);
    json_num(j, "packets", m->packets);
    json_num(j, "bytes", m->bytes);
    json_num(j, "drop_packets", m->drop_packets);
    json_num(j, "drop_bytes", m->drop_bytes);
    json_close(j, '}');
}

static void meter_row(struct table *t, const struct hicamp_meter *m)
{
    table_cell(t, "%u", m->meter);
    table_cell(t, "%" PRIu64 " %s/s", m->rate, unit(m));
    table_cell(t, "%" PRIu64, m->burst);
    table_cell(t, "%" PRIu64, m->packets);
    table_cell(t, "%" PRIu64, m->bytes);
    table_cell(t, "%" PRIu64, m->drop_packets);
    table_cell(t, "%" PRIu64, m->drop_bytes);
}

int cmd_meter_list(struct cli *cli, struct err *err)
{
    static const char *const head[] = {
        "METER", "RATE", "BURST", "PACKETS", "BYTES", "DROP-PKTS", "DROP-BYTES",
    };
    struct hicamp_meter m = { .meter = 0 };
    struct table t;
    struct json j;
    unsigned int i;
    int rc;

    if ( cli_connect(cli, err) )
        return -1;

    if ( cli->given & OPT_JSON )
    {
        json_init(&j, cli->out);
        json_open(&j, NULL, '{');
        json_open(&j, "meters", '[');
        while ( !(rc = ops_next_meter(&cli->ops, &m, err)) )
            meter_json(&j, &m);
        json_close(&j, ']');
        json_close(&j, '}');
        json_end(&j);
        return rc < 0 ? rc : 0;
    }

    table_init(&t, ARRAY_SIZE(head), 0);
    for ( i = 0; i < ARRAY_SIZE(head); i++ )
        table_cell(&t, "%s", head[i]);
    while ( !(rc = ops_next_meter(&cli->ops, &m, err)) )
        meter_row(&t, &m);
    table_print(&t, cli->out);

    return rc < 0 ? rc : 0;
}

int cmd_meter_set(struct cli *cli, struct err *err)
{
    struct hicamp_meter m = { .command = HICAMP_METER_SET };

    if ( cli->given & OPT_PACKETS )
        m.flags = HICAMP_METER_PACKETS;
    if ( parse_meter(cli, "set", &m.meter, err) )
        return -1;
    if ( !parse_num(cli->arg[1], UINT64_MAX, &m.rate) || !m.rate )
        return err_set(err, EXIT_USAGE,
                       "meter set: '%.64s' is not a number above 0",
                       cli->arg[1]);

    m.burst = m.rate / 10;
    if ( m.burst < (m.flags ? 1 : BURST_MIN) )
        m.burst = m.flags ? 1 : BURST_MIN;
    if ( m.burst > BURST_MAX )
        m.burst = BURST_MAX;
    if ( cli->nr_args > 2 &&
         (!parse_num(cli->arg[2], BURST_MAX, &m.burst) || !m.burst) )
        return err_set(err, EXIT_USAGE,
                       "meter set: '%.64s' is not a burst from 1 to 2^32",
                       cli->arg[2]);

    if ( cli_connect(cli, err) ||
         ops_call(&cli->ops, HICAMP_OP_meter, &m, sizeof(m), cli->arg[0], err) )
        return -1;

    if ( cli->given & OPT_JSON )
    {
        struct json j;

        json_init(&j, cli->out);
        meter_json(&j, &m);
        json_end(&j);
    }

    return 0;
}

int cmd_meter_del(struct cli *cli, struct err *err)
{
    struct hicamp_meter m = { .command = HICAMP_METER_DELETE };

    if ( parse_meter(cli, "del", &m.meter, err) || cli_connect(cli, err) ||
         ops_call(&cli->ops, HICAMP_OP_meter, &m, sizeof(m), cli->arg[0], err) )
        return -1;

    if ( cli->given & OPT_JSON )
        json_one(cli->out, "deleted", m.meter);

    return 0;
}
