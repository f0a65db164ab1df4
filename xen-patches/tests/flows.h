/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * flows.h
 *
 * For tests of the flow table without the ports' room: ports 1 to 63 exist
 * unless the test says otherwise, and short ways to make keys and actions.
 * Included by one file of a test program.
 */

#ifndef FLOWS_H
#define FLOWS_H

#include "test.h"
#include "classify.h"
#include "port.h"

rcu_read_lock_t hicamp_rcu;

static uint64_t ports_gone;     /* bit: port id */

bool hicamp_port_exists(uint32_t port)
{
    return port && port < 64 && !(read_atomic(&ports_gone) >> port & 1);
}

bool hicamp_meter_exists(uint32_t id)
{
    return id && id < 64;
}

/* A mask that covers in_port, and more fields the higher the bits of which. */
static inline struct hicamp_flow_key mask_of(unsigned int which)
{
    struct hicamp_flow_key m = { .in_port = ~0u };

    if ( which & 1 )
        m.eth_type = 0xffff;
    if ( which & 2 )
        memset(m.eth_dst, 0xff, 6);
    if ( which & 4 )
        memset(m.ip_dst, 0xff, 3);
    if ( which & 8 )
        m.ip_proto = 0xff;
    if ( which & 16 )
        m.l4_dst = 0xffff;
    if ( which & 32 )
        memset(m.eth_src, 0xff, 6);

    return m;
}

static inline struct hicamp_flow_key key_of(uint32_t port, uint32_t n)
{
    struct hicamp_flow_key k = { .in_port = port, .eth_type = 8,
                                 .ip_proto = 6 };

    memcpy(k.eth_dst + 2, &n, 4);
    k.ip_dst[0] = n;
    k.ip_dst[1] = n >> 8;
    k.l4_dst = n;

    return k;
}

static inline struct hicamp_flow_key masked(struct hicamp_flow_key k,
                                            struct hicamp_flow_key m)
{
    uint8_t *p = (uint8_t *)&k, *q = (uint8_t *)&m;
    unsigned int i;

    for ( i = 0; i < sizeof(k); i++ )
        p[i] &= q[i];

    return k;
}

/* Actions: one output; port 0: drop. */
static inline struct hicamp_acts *output_to(uint32_t port)
{
    static const struct hicamp_flow_key any;
    struct hicamp_action a = { HICAMP_ACT_OUTPUT, sizeof(a), port };
    struct hicamp_acts *acts = NULL;

    if ( hicamp_acts_compile(&a, port ? sizeof(a) : 0, &any, &any, &acts) )
        return NULL;

    return acts;
}

static inline int add(struct hicamp_flow_key k, struct hicamp_flow_key m,
                      uint64_t cookie, uint32_t port)
{
    struct hicamp_acts *acts = output_to(port);
    int rc = acts ? hicamp_flow_add(&k, &m, cookie, acts) : -ENOMEM;

    if ( rc )
        hicamp_acts_free(acts);

    return rc;
}

/* Where a packet goes: a port, 0: dropped, -1: no flow. */
static inline int classify(struct hicamp_flow_key k)
{
    const struct hicamp_acts *acts;
    int port;

    rcu_read_lock(&hicamp_rcu);
    acts = hicamp_classify(&k, 1, 100);
    port = !acts ? -1 : acts->drop ? 0 : (int)acts->outputs[0];
    rcu_read_unlock(&hicamp_rcu);

    return port;
}

static inline void flush(void)
{
    while ( hicamp_flow_flush() == -ERESTART )
        ;
    CHECK_EQ(hicamp_flow_count(), 0);
    CHECK_EQ(hicamp_mask_count(), 0);
}

#endif /* FLOWS_H */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
