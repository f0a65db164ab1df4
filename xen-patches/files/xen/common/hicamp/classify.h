/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The flow table: which actions serve a packet.
 *
 * A flow matches a packet when (packet & mask) == key.  Flows with the same
 * mask stand in one hash table, and a lookup asks each table in turn (tuple
 * space search, as in Open vSwitch's classifier and Linux's flow_table.c).  A
 * packet asks the tables that have flows of its ingress port, and those for any
 * port, so what it costs is bounded by the number of masks of its own port,
 * which is limited: traffic that makes a control plane install many ("tuple
 * space explosion", Csikor et al., CoNEXT 2019) slows down its sender alone.
 *
 * Readers take no lock: they are in an RCU read section (hicamp_rcu), in which
 * everything that they find stays accessible.  Writers take the flow writer
 * lock, in here; no other lock is taken inside it.
 */

#ifndef HICAMP_CLASSIFY_H
#define HICAMP_CLASSIFY_H

#include "acts.h"

/* Masks of an ingress port, and those for any, beside the full one. */
#define HICAMP_MASKS_MAX        32
/* Masks of the host. */
#define HICAMP_TABLES_MAX       1024

/*
 * Flows of the host, "hicamp=flows="; at most HICAMP_FLOWS_LIMIT.  Set before
 * hicamp_classify_init(), fixed then.  Eight bytes each at once; a flow that
 * exists takes up to 1 KiB, with counters for eight CPUs.
 */
#define HICAMP_FLOWS_LIMIT      (1u << 20)
extern unsigned int hicamp_flows_max;

/* What dump and statistics tell of a flow. */
struct hicamp_flow_view {
    struct hicamp_flow_key key, mask;
    const struct hicamp_acts *acts; /* in the RCU read section */
    uint64_t cookie;
    uint64_t packets, bytes;
    uint64_t used_ns;               /* since the last match, ~0: none */
};

/* At boot, once.  -ENOMEM. */
int hicamp_classify_init(void);

/*
 * The actions for a packet with this key, and account packets and bytes to the
 * flow; NULL: no flow matches.  In the RCU read section; any CPU, any lock.
 * Costs a bounded number of steps: 2 * (HICAMP_MASKS_MAX + 1) times the length
 * of a hash chain.
 */
const struct hicamp_acts *hicamp_classify(const struct hicamp_flow_key *key,
                                          unsigned int packets,
                                          unsigned int bytes);

/*
 * The same in three steps, for several packets at a time, so that what memory
 * takes for one passes while others are worked on: begin fetches the bucket
 * that the flow is likely to be in, fetch what stands there, end is the rest.
 * In one RCU read section, on one CPU.
 */
struct hicamp_lookup {
    const struct flowtab *table;    /* asked first, or NULL */
    uint32_t hash;                  /* of the key, there */
    uint32_t index;                 /* of the table */
};

void hicamp_classify_begin(const struct hicamp_flow_key *key,
                           struct hicamp_lookup *l);
void hicamp_classify_fetch(const struct hicamp_lookup *l);
const struct hicamp_acts *hicamp_classify_end(const struct hicamp_flow_key *key,
                                              const struct hicamp_lookup *l,
                                              unsigned int packets,
                                              unsigned int bytes);

/*
 * Add, change or delete the flow of (key, mask).  Takes the flow writer lock;
 * allocates, so none of ours may be held.  On success acts belongs to the
 * flow, else to the caller.  Modify keeps the counters.
 *
 *   -EINVAL      key outside mask; mask covers a part of in_port
 *   -EOPNOTSUPP  a key field that is not known
 *   -EEXIST      add: there is one
 *   -ENOENT      modify, delete: there is none; add, modify: in_port, or an
 *                output, is no port
 *   -ENOSPC      add: hicamp_flows_max flows or HICAMP_TABLES_MAX masks exist;
 *                or the ingress port has HICAMP_MASKS_MAX masks, and this is
 *                one more that leaves a field open
 *   -ENOMEM      add
 */
int hicamp_flow_add(const struct hicamp_flow_key *key,
                    const struct hicamp_flow_key *mask, uint64_t cookie,
                    struct hicamp_acts *acts);
int hicamp_flow_modify(const struct hicamp_flow_key *key,
                       const struct hicamp_flow_key *mask, uint64_t cookie,
                       struct hicamp_acts *acts);
int hicamp_flow_delete(const struct hicamp_flow_key *key,
                       const struct hicamp_flow_key *mask);

/*
 * The next flow from *cursor on, into *view; false at the end.  In the RCU
 * read section.  Begin with *cursor 0; between calls flows may come and go:
 * one that stays is seen once.  An untrusted *cursor is harmless.
 */
bool hicamp_flow_next(uint64_t *cursor, struct hicamp_flow_view *view);

/*
 * Delete every flow with port as its ingress port (also those whose ingress
 * port is gone, should there be any).  No lock of ours may be held but
 * port.ctl_lock.  -ERESTART: there are more; call again, *cursor is unused.
 * Each call makes progress.
 */
int hicamp_flow_drop_port(uint32_t port, uint64_t *cursor);

/* Delete all flows.  -ERESTART: there are more, call again. */
int hicamp_flow_flush(void);

/*
 * Another administrator takes over: flows that he neither adds nor changes are
 * orphans.  hicamp_flow_flush_orphans() deletes these: begin with *cursor 0;
 * -ERESTART: call again.  An untrusted *cursor is harmless.
 */
void hicamp_flow_new_epoch(void);
int hicamp_flow_flush_orphans(uint64_t *cursor);

unsigned int hicamp_flow_count(void);
unsigned int hicamp_mask_count(void);

#endif /* HICAMP_CLASSIFY_H */
