/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fake: a hypervisor for the tests, in the place of hcall.c.
 *
 * It keeps ports and flows, and is as strict as public/hicamp.h: padding and
 * out-only fields must be zero, arrays must lie in memory of hcall_alloc().
 */
#ifndef HICAMPCTL_FAKE_H
#define HICAMPCTL_FAKE_H

#include <stddef.h>

#include <public/hicamp.h>

struct fake
{
    /* To be set by tests; fake_reset() gives a host where all is well. */
    const char *open_error;     /* hcall_open() fails and says this */
    unsigned int fail_cmd;      /* this command fails with fail_error */
    int fail_error;             /* (0: none) */
    uint32_t version;           /* that Xen speaks, and no other */
    uint32_t flows_max;
    uint32_t nr_counters;
    uint64_t features;
    uint64_t used_ns;           /* of every flow */

    /* To be read by tests. */
    unsigned int calls[64];     /* by command */
    unsigned int opened;
    unsigned int nr_ports;
    struct hicamp_port_info port[256];
    unsigned int nr_flows;
    struct
    {
        struct hicamp_flow flow;
        uint8_t actions[HICAMP_ACTIONS_MAX];
    } *flow;
    uint16_t admin;
    uint64_t param[12];         /* by HICAMP_PARAM_* */
    uint64_t own[12];           /* of the port that was set last */
    uint32_t own_port;
    struct hicamp_domain_set domain_set;
    struct hicamp_port_rate rate; /* the last */
    struct hicamp_port_addrs addrs;
    struct hicamp_meter meter[4];   /* by number; in use if it has a rate */
};

extern struct fake fake;

void fake_reset(void);
/* Ports of domains 1 to nr, device 0. */
void fake_ports(unsigned int nr);
/* Buffers of hcall_alloc() that were not freed, in bytes. */
size_t fake_buffers(void);

#endif
