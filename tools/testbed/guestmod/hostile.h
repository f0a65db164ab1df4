/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that means harm, as a kernel module: it speaks the interface of
 * public/hicamp.h with raw hypercalls and hand-made rings, and says how the
 * hypervisor took it.
 *
 * It owns two ports, A and B, which dom0 made for devices that no driver has;
 * a flow leads from A's address to B's.  Every promise gives one line in the
 * kernel's log,
 *
 *	hostile: ok NAME
 *	hostile: FAIL NAME: got X, want Y
 *
 * and each group ends with "hostile: done GROUP".  What the guest cannot see,
 * the counters of its ports, it predicts: "hostile: counter A NAME VALUE".
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <linux/types.h>
#include <asm/xen/hypercall.h>

#include <hicamp.h>

/* Sizes of all rings that are attached without error. */
#define RING		64
#define AREA_PAGES	4
#define SLOT_BYTES	HICAMP_SLOT_BYTES

struct port {
	char name;		/* 'A' or 'B' */
	u32 devid;
	u32 id;			/* from attach */
	u8 mac[6];
	void *area;		/* AREA_PAGES, attached as rings */
	struct hicamp_ring_ctrl *ctrl;
	struct hicamp_slot *tx, *rx;
	struct hicamp_fill *fill;
	struct hicamp_comp *comp;
	u32 tx_prod, comp_cons, fill_prod, rx_cons;
	u64 frames[AREA_PAGES];
	u64 want[HICAMP_NR_COUNTERS];
};

extern struct port port_a, port_b;
extern ulong peerframe, hostframe;
extern u8 peermac[6];
extern uint peerport, seconds, step, domid, count;
extern char *how, *then;

#define COUNT(p, name, n)	((p)->want[HICAMP_CNT_ ## name] += (n))

/* ---- Hypercalls --------------------------------------------------------- */

static inline long op(unsigned int cmd, void *arg)
{
	return _hypercall2(long, hicamp_op, cmd, arg);
}

static inline long op_at(unsigned int cmd, u64 arg)
{
	return _hypercall2(long, hicamp_op, cmd, arg);
}

/* Issue or revoke nr runs; *done is what the hypervisor says of it. */
long space_op(unsigned int cmd, void *runs, u32 nr, u32 *done);
long issue(u64 frame, u16 order, u16 flags, u32 *ref);
long revoke(u32 ref);

long doorbell(const struct port *p, unsigned int what);

/* Attach with rings of RING entries, all memory zeroed before. */
long attach(struct port *p);
long detach(struct port *p);

/* Fill in an attach call that would succeed, for p's own area. */
void attach_fill(struct port *p, struct hicamp_port_attach *a,
		 struct hicamp_queue *q);

/* Make a page's mapping read-only, or writable again. */
long protect(void *page, bool readonly);

/* ---- Results ------------------------------------------------------------ */

__printf(3, 4)
void expect(long got, long want, const char *fmt, ...);
__printf(2, 3)
void expect_true(bool good, const char *fmt, ...);
void done(const char *group);

/* ---- Packets ------------------------------------------------------------ */

struct packet {
	struct hicamp_pkt h;
	u8 bytes[HICAMP_INLINE_MAX];
	struct hicamp_extent ext[HICAMP_EXTENTS_MAX + 1];
};

/* A good packet of n bytes from A for B, all inline. */
void make(struct packet *k, unsigned int n);
/*
 * Into A's tx ring as it is; what it claims to be longer than is not there.
 * ring() shows Xen what was put; send() does both.  put_slot() puts one slot, of
 * which n bytes are given.
 */
void put_slot(const void *from, unsigned int n);
void put(const struct packet *k);
long ring(void);
long send(const struct packet *k);
/* A fill entry of p. */
void post(struct port *p, u32 ref, u32 offset, u32 len, u32 id);
/* Take one packet out of p's rx ring, and count it.  False: there is none. */
bool receive(struct port *p, struct packet *k);

/* ---- Frames ------------------------------------------------------------- */

/* Frame numbers that a guest must not be able to use for anything. */
struct bad_frame {
	const char *name;
	u64 frame;
};

/* The i-th, or false. */
bool bad_frame(unsigned int i, struct bad_frame *f);

/* ---- Groups ------------------------------------------------------------- */

void group_admin(void);		/* in dom0: the administrator's operations */
void group_off(void);		/* on a host that runs without hicamp */
void group_noport(void);	/* before dom0 makes the ports */
void group_calls(void);		/* commands, pointers, permission */
void group_attach(void);	/* attach, detach, doorbell */
void group_alias(void);		/* rings upon rings; counters unpredicted */
void group_space(void);		/* issue, revoke, page types */
void group_scan(void);		/* each step-th frame of the host */
void group_tx(void);		/* packets, rings, buffers */
void group_lend(void);		/* pages lent to a guest that may be paused */
void group_rewrite(void);	/* headers rewritten while Xen reads them */
void group_storm(void);		/* random everything, for some seconds */

#endif
