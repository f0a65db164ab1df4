/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cli: from words to commands.
 *
 * cli_main() checks the words, opens the hypervisor only when they make
 * sense, and returns the exit code.  A command returns 0, or -1 with err set.
 */
#ifndef HICAMPCTL_CLI_H
#define HICAMPCTL_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "json.h"
#include "ops.h"
#include "text.h"

#define OPT_JSON            (1u << 0)
#define OPT_MAC             (1u << 1)
#define OPT_MTU             (1u << 2)
#define OPT_ANTISPOOF       (1u << 3)
#define OPT_NO_ANTISPOOF    (1u << 4)
#define OPT_WATCH           (1u << 5)
#define OPT_COUNT           (1u << 6)
#define OPT_COOKIE          (1u << 7)
#define OPT_REPLACE         (1u << 8)
#define OPT_BATCH           (1u << 9)
#define OPT_COPY            (1u << 10)
#define OPT_NO_COPY         (1u << 11)
#define OPT_QUOTA           (1u << 12)
#define OPT_TENANT          (1u << 13)
#define OPT_PACKETS         (1u << 14)
#define OPT_ORPHANS         (1u << 15)
#define OPT_PORT            (1u << 16)

struct cli
{
    FILE *out;
    unsigned int given;     /* OPT_* */
    uint8_t mac[6];
    uint32_t mtu;
    double watch;           /* seconds */
    uint64_t count;
    uint64_t cookie;
    const char *batch;
    uint64_t quota;         /* lines */
    uint32_t tenant;
    struct port_name port;

    int nr_args;            /* what is left of the command line */
    char **arg;

    struct ops ops;         /* open only after cli_connect() */
    bool connected;
};

int cli_main(int argc, char **argv, FILE *out, FILE *err);

/* Open the hypervisor, once; commands call it when their words are checked. */
int cli_connect(struct cli *cli, struct err *err);

/* A word that is a domain id; who says what asks for it, for the error. */
int cli_domid(const char *who, const char *word, uint16_t *domid,
              struct err *err);

/* host.c */
int cmd_info(struct cli *cli, struct err *err);
int cmd_admin_set(struct cli *cli, struct err *err);

/* port.c */
int cmd_port_list(struct cli *cli, struct err *err);
int cmd_port_show(struct cli *cli, struct err *err);
int cmd_port_stats(struct cli *cli, struct err *err);
int cmd_port_create(struct cli *cli, struct err *err);
int cmd_port_destroy(struct cli *cli, struct err *err);
int cmd_port_set(struct cli *cli, struct err *err);
int cmd_port_rate(struct cli *cli, struct err *err);
int cmd_port_addrs(struct cli *cli, struct err *err);

/* uplink.c */
int cmd_uplink_add(struct cli *cli, struct err *err);
int cmd_uplink_del(struct cli *cli, struct err *err);
int cmd_uplink_list(struct cli *cli, struct err *err);

/* limits.c */
int cmd_domain_list(struct cli *cli, struct err *err);
int cmd_domain_set(struct cli *cli, struct err *err);
int cmd_param_list(struct cli *cli, struct err *err);
int cmd_param_get(struct cli *cli, struct err *err);
int cmd_param_set(struct cli *cli, struct err *err);

/* meter.c */
int cmd_meter_list(struct cli *cli, struct err *err);
int cmd_meter_set(struct cli *cli, struct err *err);
int cmd_meter_del(struct cli *cli, struct err *err);

/* flow.c */
int cmd_flow_add(struct cli *cli, struct err *err);
int cmd_flow_del(struct cli *cli, struct err *err);
int cmd_flow_dump(struct cli *cli, struct err *err);
int cmd_flow_flush(struct cli *cli, struct err *err);

#endif
