/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ops: the hypercall's operations, in batches, with their errors in words.
 *
 * Callers hand in and get ordinary memory; buffers for the hypervisor live and
 * die in here.
 */
#ifndef HICAMPCTL_OPS_H
#define HICAMPCTL_OPS_H

#include <stddef.h>

#include "match.h"

struct hcall;

struct ops
{
    struct hcall *hc;
    struct hicamp_version version;
    /* The ports, once somebody asked for them. */
    bool have_ports;
    struct hicamp_port_info *port;
    size_t nr_ports;
};

/* Open, and shake hands. */
int ops_open(struct ops *ops, struct err *err);
void ops_close(struct ops *ops);

/*
 * One operation on one structure, copied in and out.  subject is what the
 * user calls the thing ("3.0"), for the error.
 */
int ops_call(struct ops *ops, unsigned int cmd, void *arg, size_t size,
             const char *subject, struct err *err);

/* Delete all flows, or those of an earlier driver domain. */
int ops_flush(struct ops *ops, bool orphans, struct err *err);

/* The meter behind m->meter into *m; 1: there is none. */
int ops_next_meter(struct ops *ops, struct hicamp_meter *m, struct err *err);

/* Read all ports (again); in the order of domain and device. */
int ops_read_ports(struct ops *ops, struct err *err);
/* A port out of what was read, or an error that names it. */
const struct hicamp_port_info *ops_find_port(struct ops *ops,
                                             const struct port_name *name,
                                             struct err *err);
/* Names of ports, looked up in one query when the first is needed. */
void ops_names(struct ops *ops, struct names *names);

/* Call each() for every domain that has, or had, a port. */
int ops_read_domains(struct ops *ops,
                     void (*each)(void *arg,
                                  const struct hicamp_domain_info *d),
                     void *arg, struct err *err);

/* A flow as the tool has it. */
struct flow
{
    struct match match;
    uint64_t cookie;
    const void *actions;
    uint32_t actions_bytes;
    unsigned int line;      /* of a batch file, from 1 */
};

enum update
{
    UPDATE_ADD,
    UPDATE_REPLACE,         /* add, or modify what is there */
    UPDATE_DELETE,
};

/* *done flows were carried out, also when an error is returned. */
int ops_update_flows(struct ops *ops, enum update how,
                     const struct flow *flows, size_t nr, size_t *done,
                     struct err *err);

/*
 * Call each() for every flow.  Its actions pointer stands for the list; a list
 * larger than the ABI allows is given as NULL.
 */
int ops_dump_flows(struct ops *ops,
                   void (*each)(void *arg, const struct hicamp_flow *flow,
                                const void *actions),
                   void *arg, struct err *err);

#endif
