/* SPDX-License-Identifier: GPL-2.0-only */
/* The host as a whole: info, admin set. */

#include <inttypes.h>

#include "cli.h"

/* By bit; a bit without a name is printed as its number. */
static const char *const feature[] = {
    "tx_ref", "tx_frame", "fabric", "segment", "sealed", "edit",
};

/* hicamp_info.admin when nobody has been named: DOMID_INVALID. */
#define NO_ADMIN 0x7ff4

static void feature_text(unsigned int bit, char *buf, size_t size)
{
    if ( bit < ARRAY_SIZE(feature) )
        snprintf(buf, size, "%s", feature[bit]);
    else
        snprintf(buf, size, "feature%u", bit);
}

static double mib(const struct hicamp_info *i, uint64_t lines)
{
    return (double)lines * i->line_bytes / (1 << 20);
}

static void info_json(FILE *out, const struct hicamp_info *i,
                      const struct hicamp_version *v)
{
    struct json j;
    unsigned int bit;
    char name[32];

    json_init(&j, out);
    json_open(&j, NULL, '{');
    json_num(&j, "version", i->version);
    json_open(&j, "features", '[');
    for ( bit = 0; bit < 64; bit++ )
        if ( i->features & (UINT64_C(1) << bit) )
        {
            feature_text(bit, name, sizeof(name));
            json_str(&j, NULL, name);
        }
    json_close(&j, ']');
    if ( i->admin == NO_ADMIN )
        json_null(&j, "admin");
    else
        json_num(&j, "admin", i->admin);

    json_open(&j, "limits", '{');
    json_num(&j, "queues_per_port", v->max_queues);
    json_num(&j, "ring_entries", v->max_ring);
    json_num(&j, "runs_per_domain", v->max_runs);
    json_num(&j, "ports", i->ports_max);
    json_num(&j, "flows", i->flows_max);
    json_num(&j, "masks", i->masks_max);
    json_num(&j, "masks_per_port", i->port_masks_max);
    json_num(&j, "lines", i->lines_max);
    json_close(&j, '}');

    json_open(&j, "lines", '{');
    json_num(&j, "bytes_per_line", i->line_bytes);
    json_num(&j, "used", i->lines_used);
    json_num(&j, "backed", i->lines_total);
    json_num(&j, "max", i->lines_max);
    json_real(&j, "used_mib", mib(i, i->lines_used));
    json_real(&j, "backed_mib", mib(i, i->lines_total));
    json_real(&j, "max_mib", mib(i, i->lines_max));
    json_close(&j, '}');

    json_num(&j, "pins", i->pins);
    json_num(&j, "ports", i->ports);
    json_num(&j, "flows", i->flows);
    json_num(&j, "masks", i->masks);
    json_num(&j, "upcalls", i->upcalls);
    json_close(&j, '}');
    json_end(&j);
}

static void info_text(FILE *out, const struct hicamp_info *i,
                      const struct hicamp_version *v)
{
    unsigned int bit;
    char name[32];

    fprintf(out, "version        %u\n", i->version);
    fprintf(out, "features      ");
    if ( !i->features )
        fprintf(out, " none");
    for ( bit = 0; bit < 64; bit++ )
        if ( i->features & (UINT64_C(1) << bit) )
        {
            feature_text(bit, name, sizeof(name));
            fprintf(out, " %s", name);
        }
    if ( i->admin == NO_ADMIN )
        fprintf(out, "\nadmin          the control domain\n");
    else
        fprintf(out, "\nadmin          domain %u\n", i->admin);
    fprintf(out, "lines          %" PRIu64 " used (%.1f MiB), %" PRIu64
            " backed (%.1f MiB), at most %" PRIu64 " (%.1f MiB), of %u "
            "bytes\n", i->lines_used, mib(i, i->lines_used), i->lines_total,
            mib(i, i->lines_total), i->lines_max, mib(i, i->lines_max),
            i->line_bytes);
    fprintf(out, "pins           %" PRIu64 " guest frames (%.1f MiB)\n",
            i->pins, (double)i->pins * 4096 / (1 << 20));
    fprintf(out, "ports          %u of %u\n", i->ports, i->ports_max);
    fprintf(out, "flows          %u of %u\n", i->flows, i->flows_max);
    fprintf(out, "masks          %u of %u; %u for one ingress port\n",
            i->masks, i->masks_max, i->port_masks_max);
    fprintf(out, "upcalls        %" PRIu64 "\n", i->upcalls);
    fprintf(out, "port limits    %u queues, rings of %u entries\n",
            v->max_queues, v->max_ring);
    fprintf(out, "domain limits  %u runs issued\n", v->max_runs);
}

int cmd_info(struct cli *cli, struct err *err)
{
    struct hicamp_info info = { .version = 0 };

    if ( cli_connect(cli, err) ||
         ops_call(&cli->ops, HICAMP_OP_info, &info, sizeof(info), "info",
                  err) )
        return -1;

    if ( cli->given & OPT_JSON )
        info_json(cli->out, &info, &cli->ops.version);
    else
        info_text(cli->out, &info, &cli->ops.version);

    return 0;
}

int cmd_admin_set(struct cli *cli, struct err *err)
{
    struct hicamp_admin admin = { .domid = 0 };

    if ( cli_domid("admin set", cli->arg[0], &admin.domid, err) ||
         cli_connect(cli, err) ||
         ops_call(&cli->ops, HICAMP_OP_admin_set, &admin, sizeof(admin),
                  cli->arg[0], err) )
        return -1;

    if ( cli->given & OPT_JSON )
        json_one(cli->out, "admin", admin.domid);

    return 0;
}
