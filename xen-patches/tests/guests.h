/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * guests.h
 *
 * Fake guests for tests of the whole hypervisor side: domains that own pages,
 * make hypercalls, and use rings as a well-behaved driver does.  A test that
 * wants to misbehave writes to a guest's memory itself.
 *
 *     struct guest *a = guest_new(), *b = guest_new();
 *
 *     flow(a, 1, &b, 1);
 *     guest_send(a, 1, 1000, 64, 0);
 *     guest_doorbell(a, HICAMP_DOORBELL_TX);
 *     CHECK(guest_get(b));
 *     guests_end();
 */

#ifndef GUESTS_H
#define GUESTS_H

#include "test.h"
#include "classify.h"
#include "deliver.h"
#include "op.h"
#include "port.h"
#include "snapshot.h"
#include "stats.h"

#define GUESTS                  48

/* How many packets of one sender can wait where that many places are left. */
#define WAIT_ALONE(left)        ((left) * 4 / (4 + 1) + 1)
#define WAIT_FULL               WAIT_ALONE(WAIT_SLOTS)

#define GUEST_BUFS              256
#define GUEST_AREA_MAX          192     /* pages */

/* A receive buffer: a run, or a part of one. */
struct buffer {
    unsigned long mfn;
    uint32_t ref, offset, len;
    uint16_t order;
    bool posted;
};

/* A packet as the sender writes it. */
struct pkt {
    struct hicamp_pkt h;
    uint8_t inl[HICAMP_INLINE_MAX];
    struct hicamp_extent ext[HICAMP_EXTENTS_MAX];
};

/* A packet as the receiver finds it. */
struct got {
    struct hicamp_pkt h;
    unsigned int bufs;          /* that it took */
    uint8_t data[HICAMP_LEN_MAX + 1];
};

struct guest {
    struct domain *d;
    uint32_t devid, port;
    uint8_t mac[6];
    bool attached, fabric;
    unsigned int queue;         /* of the port, which this guest uses */
    struct guest *more;         /* the one with the port's next queue */

    /* The rings: sizes, place, and the guest's own indices. */
    uint32_t tx_size, rx_size, fill_size, comp_size;
    uint64_t frames[GUEST_AREA_MAX];
    unsigned int nr_frames;
    struct hicamp_ring_ctrl *ctrl;
    uint32_t evtchn;
    uint32_t tx_prod, rx_cons, fill_prod, comp_cons;

    struct buffer bufs[GUEST_BUFS];
    unsigned int nr_bufs;

    /* Pages to send from: bytes that never change, and one run of them. */
    unsigned long pool;
    unsigned int pool_pages;
    uint32_t pool_ref;

    struct got got;
};

/* dom0: may do everything. */
extern struct domain *dom0;

/* Boot Xen; mem as in "hicamp=mem=".  To be called by test_setup(). */
void guests_boot(const char *mem);
/* Its second half: a world with nobody but dom0.  Again after guests_end(). */
void guests_begin(void);

/* Kill everybody; nothing may be left: lines, pins, ports, flows. */
void guests_end(void);

/* A domain, with all that guest_add() does. */
struct guest *guest_new(void);
/* Rings of these sizes; else all are 64. */
struct guest *guest_sized(uint32_t tx, uint32_t rx, uint32_t fill,
                          uint32_t comp);
/* A port in d, attached, some receive buffers posted, a pool to send from. */
struct guest *guest_add(struct domain *d, uint32_t devid, uint32_t tx,
                        uint32_t rx, uint32_t fill, uint32_t comp);

/*
 * A domain with one port of nr queues, each a guest of its own; only the first
 * attaches, detaches and destroys.
 */
void guest_queues(struct guest **q, unsigned int nr);

/* A driver domain, the administrator, that serves the fabric with rings of 64. */
struct guest *guest_fabric(void);
/* The same with several queues, as guest_queues() makes them. */
void guest_fabric_queues(struct guest **q, unsigned int nr);

/* Each returns what the hypercall did. */
int guest_create(struct guest *g, uint32_t mtu, uint32_t flags);
int guest_attach(struct guest *g);
int guest_detach(struct guest *g);
int guest_destroy(struct guest *g);
int guest_set(struct guest *g, uint32_t which, uint32_t mtu, uint32_t flags);
int guest_doorbell(struct guest *g, unsigned int what);
int guest_issue(struct guest *g, unsigned long mfn, unsigned int order,
                unsigned int flags, uint32_t *ref);
int guest_revoke(struct guest *g, uint32_t ref);

/* One operation on segments, which says what it is. */
int guest_segment(struct guest *g, struct hicamp_segment_op *op);

/* A parameter of the host; a value of the store's quota for g's domain. */
int host_param(uint32_t param, uint64_t value);
void guest_quota(struct guest *g, unsigned int lines);
/* Lines that are charged to g's domain. */
unsigned int guest_lines(const struct guest *g);

/* The domain dies, with all its guests.  Returns how often it was preempted. */
unsigned int guest_kill(struct guest *g);
unsigned int domain_kill_hicamp(struct domain *d);
/* What the rest of the world does each time that a teardown is preempted. */
extern void (*guests_meanwhile)(void);

/* Pages for nr more receive buffers of 2^order pages, issued but not posted. */
void guest_buffers(struct guest *g, unsigned int nr, unsigned int order);
/* Attached anew, without a buffer posted. */
void guest_starve(struct guest *g);
/* Post what is not posted, as far as there is room.  Returns how many. */
unsigned int guest_fill(struct guest *g);
void guest_put_fill(struct guest *g, uint32_t ref, uint32_t offset,
                    uint32_t len, uint32_t id);

/* Where entries stand; any index. */
struct hicamp_slot *guest_tx_slot(struct guest *g, uint32_t i);
struct hicamp_slot *guest_rx_slot(struct guest *g, uint32_t i);
struct hicamp_fill *guest_fill_entry(struct guest *g, uint32_t i);
struct hicamp_comp *guest_comp_entry(struct guest *g, uint32_t i);

/* An Ethernet frame to group's address, headers inline, no extents yet. */
struct pkt pkt_new(const struct guest *g, unsigned int group,
                   unsigned int inline_len);
/* len bytes of the pool from offset; ref: through the pool's reference. */
void pkt_extent(struct pkt *p, const struct guest *g, unsigned int offset,
                unsigned int len, bool ref);
/* What arrives of it, whole. */
void pkt_bytes(const struct pkt *p, const struct guest *g, uint8_t *data);

/* As guest_expect(), at the fabric. */
void guest_expect_upcall(struct guest *g, const struct guest *from,
                         const struct pkt *p, uint8_t reason);

/* Into the tx ring; false: no room. */
bool guest_put(struct guest *g, const struct pkt *p);
/* The two above: a packet of len bytes, the rest in one extent of the pool. */
struct pkt guest_send(struct guest *g, unsigned int group, unsigned int len,
                      unsigned int inline_len, uint32_t id);

/* The next packet into g->got; its buffers can be posted again. */
bool guest_get(struct guest *g);
/* The next packet must be p, sent by from. */
void guest_expect(struct guest *g, const struct guest *from,
                  const struct pkt *p);
/* The next completion. */
bool guest_reap(struct guest *g, struct hicamp_comp *c);

/* What g sends to group leaves through these; none: it is dropped. */
void flow(const struct guest *g, unsigned int group,
          struct guest *const *to, unsigned int nr);
int flow_op(uint32_t in_port, unsigned int group, unsigned int command,
            const struct hicamp_action *list, unsigned int nr);

/* What Xen says of it. */
struct hicamp_port_info guest_info(const struct guest *g);
uint64_t guest_count(const struct guest *g, unsigned int counter);
#define COUNT(g, name)          guest_count(g, CNT(name))
struct hicamp_info host_info(void);
/* Xen's side of the rings; only while nothing else happens. */
struct queue *guest_queue(const struct guest *g);

#endif /* GUESTS_H */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
