/* SPDX-License-Identifier: MIT */
/******************************************************************************
 * hicamp.h
 *
 * HICAMP memory and switch: guest, driver-domain and tool interface.
 *
 * One hypercall, HYPERVISOR_hicamp_op(cmd, arg), serves everything.  All
 * fields have a fixed width, all padding is explicit and must be zero on
 * input, and arrays are passed as 64-bit guest addresses, so the layout is the
 * same for every caller.  64-bit PV guests may call; for every other caller
 * the hypercall does not exist (-ENOSYS), as when Xen is built without
 * CONFIG_HICAMP or booted without "hicamp=on".
 *
 * Errors that every operation may give, beside its own:
 *   -ENOSYS      hicamp is off, or the command is not known
 *   -EFAULT      an argument, or an array named by it, cannot be accessed
 *   -EINVAL      padding is not zero, or a field is out of its range
 *   -EPERM       the caller may not do this (XSM)
 */

#ifndef __XEN_PUBLIC_HICAMP_H__
#define __XEN_PUBLIC_HICAMP_H__

#ifndef __HYPERVISOR_hicamp_op
#define __HYPERVISOR_hicamp_op 43
#endif

/* Interface version: a change that an old caller would misread raises it. */
#define HICAMP_ABI_VERSION      1

/* ---- Limits that are part of the interface ------------------------------- */

#define HICAMP_SLOT_BYTES       64   /* one tx or rx ring slot               */
#define HICAMP_INLINE_MAX       160  /* bytes of a packet carried in slots   */
#define HICAMP_EXTENTS_MAX      36   /* extents of one packet                */
#define HICAMP_LEN_MAX          65535 /* bytes of one packet, all headers    */
#define HICAMP_QUEUES_MAX       8    /* queues of one port                   */
#define HICAMP_ORDER_MAX        4    /* a run is 2^order pages               */
#define HICAMP_FILL_MIN         2048 /* bytes of a receive buffer            */
#define HICAMP_RING_MIN         64   /* entries of any ring, power of two    */
#define HICAMP_RING_MAX         4096
#define HICAMP_ACTIONS_MAX      4096 /* bytes of one flow's action list      */
#define HICAMP_LINE_BYTES       512  /* unit of the line store               */
#define HICAMP_SEG_IO_MAX       (1u << 20) /* bytes that one segment
                                      * operation reads or writes            */

/* ---- Commands ------------------------------------------------------------ */

#define HICAMP_OP_version       0    /* any domain      hicamp_version       */
#define HICAMP_OP_info          1    /* administrator   hicamp_info          */
#define HICAMP_OP_admin_set     2    /* control domain  hicamp_admin         */

#define HICAMP_OP_port_attach   16   /* guest           hicamp_port_attach   */
#define HICAMP_OP_port_detach   17   /* guest           hicamp_port_detach   */
#define HICAMP_OP_space_issue   18   /* guest           hicamp_space_op      */
#define HICAMP_OP_space_revoke  19   /* guest           hicamp_space_op      */
#define HICAMP_OP_doorbell      20   /* guest           argument by value    */
#define HICAMP_OP_segment       21   /* guest           hicamp_segment_batch */

#define HICAMP_OP_port_create   32   /* administrator   hicamp_port_create   */
#define HICAMP_OP_port_destroy  33   /* administrator   hicamp_port_id       */
#define HICAMP_OP_port_set      34   /* administrator   hicamp_port_set      */
#define HICAMP_OP_port_query    35   /* administrator   hicamp_query         */
#define HICAMP_OP_flow_update   36   /* administrator   hicamp_flow_batch    */
#define HICAMP_OP_flow_dump     37   /* administrator   hicamp_query         */
#define HICAMP_OP_flow_stats    38   /* administrator   hicamp_query         */
#define HICAMP_OP_flow_flush    39   /* administrator   HICAMP_FLUSH_*       */
#define HICAMP_OP_domain_set    40   /* administrator   hicamp_domain_set    */
#define HICAMP_OP_domain_query  41   /* administrator   hicamp_query         */
#define HICAMP_OP_param_get     42   /* administrator   hicamp_param         */
#define HICAMP_OP_param_set     43   /* administrator   hicamp_param         */
#define HICAMP_OP_port_rate     44   /* administrator   hicamp_port_rate     */
#define HICAMP_OP_port_addrs    45   /* administrator   hicamp_port_addrs    */
#define HICAMP_OP_meter         46   /* administrator   hicamp_meter         */

#define HICAMP_OP_fabric_attach 48   /* administrator   hicamp_port_attach   */
#define HICAMP_OP_fabric_detach 49   /* administrator   hicamp_port_detach   */
#define HICAMP_OP_window_open   50   /* administrator   hicamp_window        */
#define HICAMP_OP_window_release 51  /* administrator   hicamp_window_release */

/*
 * HICAMP_OP_version: the handshake, first call of everybody.
 *
 * The caller states the version that it speaks; Xen answers with its own, its
 * features and its limits, also when it fails.
 *
 *   -EOPNOTSUPP  Xen does not speak the caller's version
 */
#define HICAMP_FEAT_TX_REF      (1u << 0) /* extents may name references      */
#define HICAMP_FEAT_TX_FRAME    (1u << 1) /* extents may name frames          */
#define HICAMP_FEAT_FABRIC      (1u << 2) /* fabric_attach is served          */
#define HICAMP_FEAT_SEGMENT     (1u << 3) /* segments; extents may name them  */
#define HICAMP_FEAT_SEALED      (1u << 4) /* runs may be sealed               */
#define HICAMP_FEAT_EDIT        (1u << 5) /* actions that change packets      */
#define HICAMP_FEAT_METER       (1u << 6) /* meters, and an action for them   */
#define HICAMP_FEAT_WINDOW      (1u << 7) /* payload shown, not copied        */

struct hicamp_version {
    uint32_t version;       /* in: caller's version; out: Xen's */
    uint32_t pad;
    uint64_t features;      /* out: HICAMP_FEAT_* */
    uint32_t max_queues;    /* out: per port, at most HICAMP_QUEUES_MAX */
    uint32_t max_ring;      /* out: entries per ring */
    uint32_t max_runs;      /* out: runs that a domain may have issued */
    uint32_t max_ports;     /* out: ports of the host */
};

/*
 * HICAMP_OP_info: the host's limits and use.  Line counts are in lines of
 * line_bytes bytes.
 */
struct hicamp_info {
    uint32_t version;
    uint32_t line_bytes;
    uint64_t features;
    uint64_t lines_max;     /* cap, "hicamp=mem=" */
    uint64_t lines_total;   /* backed by memory now */
    uint64_t lines_used;
    uint64_t pins;          /* guest frames held by references of hicamp */
    uint32_t ports_max;
    uint32_t ports;
    uint32_t flows_max;
    uint32_t flows;
    uint32_t masks_max;
    uint32_t masks;
    uint16_t admin;         /* domain named by admin_set; DOMID_INVALID
                             * (0x7ff4): none */
    uint16_t port_masks_max; /* of one ingress port, and for any port; the mask
                             * that covers every field is beside them */
    uint16_t pad[2];
    uint64_t upcalls;       /* packets that no flow matched, host */
};

/*
 * HICAMP_OP_admin_set: name the domain that administers the switch, beside the
 * control domain, which always may.  Forgotten when that domain dies.
 *
 *   -ESRCH       no such domain
 */
struct hicamp_admin {
    uint16_t domid;
    uint16_t pad[3];
};

/* ---- Rings --------------------------------------------------------------- */

/*
 * A queue has four rings, each with one producer and one consumer, in one area
 * of guest memory: the control page below, then, each beginning where the one
 * before it ends,
 *
 *   tx    packets of the guest       struct hicamp_slot      guest -> Xen
 *   rx    packets for the guest      struct hicamp_slot      Xen -> guest
 *   fill  buffers to receive into    struct hicamp_fill      guest -> Xen
 *   comp  transmits completed        struct hicamp_comp      Xen -> guest
 *
 * Indices count entries and run freely through 2^32; an entry's place is its
 * index modulo the ring's size.  The producer writes entries, then its index;
 * the consumer advances its index when it has read them.  Xen reads an index
 * or entry once and believes none: an index that claims more than the ring
 * holds stops that ring until the port is detached, and is counted
 * (ring_errors).
 *
 * Wake-ups.  A side that waits sets its flag, then looks at the ring again;
 * the other side, after it moved its index, looks at the flag (with a full
 * barrier between, on both sides):
 *   rx_event     guest: raise my event when rx moves
 *   comp_event   guest: raise my event when comp moves
 *   fill_wakeup  Xen: packets wait for fill entries, for room in rx, or for
 *                the guest to have them delivered in its own time (then Xen
 *                raises the event whatever rx_event says); ring the doorbell
 *                (HICAMP_DOORBELL_RX)
 *   tx_wakeup    Xen: nobody polls tx, ring the doorbell (HICAMP_DOORBELL_TX).
 *                While it is 0 Xen looks by itself before long; when it stops
 *                to, and finds the ring not empty, it sets the flag and raises
 *                the event, whatever rx_event says.  Ringing never harms
 */
struct hicamp_ring_ctrl {
    uint32_t tx_prod;       uint32_t pad0[15];
    uint32_t tx_cons;
    uint32_t tx_wakeup;     uint32_t pad1[14];
    uint32_t comp_prod;     uint32_t pad2[15];
    uint32_t comp_cons;
    uint32_t comp_event;    uint32_t pad3[14];
    uint32_t fill_prod;     uint32_t pad4[15];
    uint32_t fill_cons;
    uint32_t fill_wakeup;   uint32_t pad5[14];
    uint32_t rx_prod;       uint32_t pad6[15];
    uint32_t rx_cons;
    uint32_t rx_event;      uint32_t pad7[14];
};

#define HICAMP_CTRL_BYTES       4096

/*
 * A packet in the tx or rx ring is
 *
 *   struct hicamp_pkt, directly followed by inline_len bytes of the packet,
 *   padded to whole slots, then nr_extents of struct hicamp_extent, four to a
 *   slot, padded to whole slots.
 *
 * So the first slot holds 32 inline bytes, each further one 64, and a packet
 * takes HICAMP_PKT_SLOTS(inline_len, nr_extents) slots; it may wrap around the
 * end of the ring between slots.  What pads a slot is ignored.
 *
 * Transmit: all headers that the switch looks at (Ethernet, VLAN tags, IP with
 * extension headers, L4) and that checksum and GSO metadata point at must be
 * inline; Xen copies the slots once and never looks at them again, so nothing
 * written later can change where a packet goes or what its headers say.  len
 * must equal inline_len and the lengths of the extents.  Slots are free again
 * when tx_cons has passed them; the frames that extents name are free when the
 * completion with the packet's id has come.  A packet without extents has no
 * completion.  A packet whose slots cannot be told (inline_len, nr_extents, or
 * more slots than tx_prod covers) is dropped with all that stands behind it.
 * Ids of packets under way should differ (they are the guest's
 * own affair: Xen only returns them).
 *
 * At most as many packets with extents can be under way as the comp ring has
 * entries; Xen leaves further ones in the tx ring until completions have been
 * consumed.
 *
 * Receive: inline_len bytes (all headers, at least; the whole packet if it is
 * that small) stand in the slots, the rest in buffers named by fill entries,
 * in order; HICAMP_PKT_CSUM_PARTIAL and GSO packets must be accepted.
 */
struct hicamp_pkt {
    uint32_t len;           /* bytes of the frame, without FCS */
    uint16_t inline_len;
    uint16_t nr_extents;
    uint16_t flags;         /* HICAMP_PKT_* */
    uint16_t csum_start;    /* with CSUM_PARTIAL: from where, frame offset */
    uint16_t csum_offset;   /* ... and where to, from csum_start */
    uint16_t gso_size;      /* payload bytes per segment, 0 if not GSO */
    uint8_t  gso_type;      /* HICAMP_GSO_* */
    uint8_t  reason;        /* fabric, towards driver domain; else 0 */
    uint16_t pad;
    uint32_t id;            /* tx: returned in the completion; rx: 0 */
    uint32_t port;          /* fabric: ingress or egress port; else 0 */
    uint32_t hash;          /* with HICAMP_PKT_HASH: L4 flow hash */
};

#define HICAMP_PKT_CSUM_PARTIAL (1u << 0) /* checksum to be filled in         */
#define HICAMP_PKT_CSUM_VALID   (1u << 1) /* L4 checksum was verified         */
#define HICAMP_PKT_HASH         (1u << 2) /* hash holds an L4 hash            */

#define HICAMP_GSO_NONE         0
#define HICAMP_GSO_TCPV4        1
#define HICAMP_GSO_TCPV6        2

/* Reasons for a packet to come up the fabric (hicamp_pkt.reason). */
#define HICAMP_REASON_MISS      1   /* no flow matches */
#define HICAMP_REASON_ACTION    2   /* an upcall action */

struct hicamp_extent {
    uint64_t name;          /* by type: frame, reference or segment id;
                             * rx: the fill entry's id; PLACE: the frame */
    uint32_t offset;        /* bytes, into what name names; rx: 0, the
                             * buffer is filled from its beginning; PLACE:
                             * into the window */
    uint16_t len;           /* bytes, not 0 */
    uint16_t type;          /* HICAMP_EXT_* */
};

/*
 * FRAME: name is a guest frame number of the caller; the extent may run on
 * into the frames that follow it (offset below 4096, at most 17 frames).  The
 * frames are shared for this packet alone: until its completion, a detach, or
 * the sender's death, whichever is first; Xen reads, never writes, them.
 * REF: name is a reference from space_issue, offset and len lie in its run.
 * SEGMENT: name is a segment id of the caller, offset and len lie in the
 * segment; what is sent is the segment as it is now, whatever is written to it
 * or freed later.
 *
 * What a packet borrows so, Xen gives back soon, whatever its receivers do: a
 * payload that still waits after HICAMP_PARAM_BORROW_AGE_US, one more than
 * HICAMP_PARAM_BORROW_PAIR of this sender that wait for one queue, or one
 * whose reference is revoked, is copied into lines that are charged to the
 * receiver.  Where they cannot be had, a packet that waits already is torn:
 * dropped, counted at the receiver (drop_torn), and completed with
 * HICAMP_COMP_TORN.  One that would be too many is not put in line
 * (drop_quota).  Where a receiver has a window (HICAMP_OP_window_open), frames
 * may be lent until a NIC has read them, 10 seconds at most.
 */
#define HICAMP_EXT_FRAME        0
#define HICAMP_EXT_REF          1
#define HICAMP_EXT_SEGMENT      2
#define HICAMP_EXT_FILL         3   /* rx only */
#define HICAMP_EXT_PLACE        4   /* rx only: see HICAMP_OP_window_open */

struct hicamp_slot {
    uint8_t  bytes[HICAMP_SLOT_BYTES];
};

/*
 * A buffer to receive into: len bytes at offset of a read-write reference.  An
 * entry that names anything else is skipped, and counted (bad_fill).
 */
struct hicamp_fill {
    uint32_t ref;
    uint32_t offset;
    uint32_t len;           /* at least HICAMP_FILL_MIN */
    uint32_t id;            /* the guest's own, returned with the packet */
};

struct hicamp_comp {
    uint32_t id;            /* hicamp_pkt.id */
    uint32_t status;        /* HICAMP_COMP_* */
};

#define HICAMP_COMP_OK          0   /* handed to every output, or dropped */
#define HICAMP_COMP_TORN        1   /* taken back before it was delivered */
#define HICAMP_COMP_BAD         2   /* refused: malformed, see counters */

#define HICAMP_HDR_SLOTS(inl)   ((32 + (inl) + 63) / 64)
#define HICAMP_EXT_SLOTS(n)     (((n) + 3) / 4)
#define HICAMP_PKT_SLOTS(inl, n) (HICAMP_HDR_SLOTS(inl) + HICAMP_EXT_SLOTS(n))
#define HICAMP_PKT_SLOTS_MAX    HICAMP_PKT_SLOTS(HICAMP_INLINE_MAX, \
                                                 HICAMP_EXTENTS_MAX)

/* Offsets of the rings in a queue's area, and its size, in bytes. */
#define HICAMP_TX_OFF(tx, rx, fill, comp)   HICAMP_CTRL_BYTES
#define HICAMP_RX_OFF(tx, rx, fill, comp)   (HICAMP_CTRL_BYTES + 64 * (tx))
#define HICAMP_FILL_OFF(tx, rx, fill, comp) \
    (HICAMP_CTRL_BYTES + 64 * ((tx) + (rx)))
#define HICAMP_COMP_OFF(tx, rx, fill, comp) \
    (HICAMP_CTRL_BYTES + 64 * ((tx) + (rx)) + 16 * (fill))
#define HICAMP_AREA_BYTES(tx, rx, fill, comp) \
    (HICAMP_CTRL_BYTES + 64 * ((tx) + (rx)) + 16 * (fill) + 8 * (comp))

/* ---- Guest operations ---------------------------------------------------- */

/*
 * HICAMP_OP_port_attach: give the caller's port its rings and put it in
 * service.  The port must have been created by the administrator for
 * (caller's domain id, devid).  Xen holds the rings' frames, as writable pages
 * of the caller, until detach, destruction of the port or death of the domain.
 * The control page must be zero; Xen then sets tx_wakeup.  For each queue Xen
 * allocates an unbound event channel in the caller's domain, which the caller
 * binds to (EVTCHNOP_bind_interdomain, remote domain: itself).
 *
 *   -ENOENT      no port for this devid
 *   -EBUSY       attached already
 *   -ENOMEM      Xen is short of memory
 *   -EINVAL      ring sizes, number of queues or frames; a frame that is not
 *                plain writable memory of the caller; a control page that
 *                is not zero
 *   -ENOSPC      no event channel is free, or the domain's ports would have
 *                more than 64 queues
 *   -ESRCH       the domain is dying
 *
 * With several queues each is a world of its own, with its own event, for a
 * vCPU of its own: the guest sends through which it likes, and receives each
 * flow (addresses, protocol, L4 ports) in one, which a hash of these chooses.
 * What one queue sends of a flow arrives in its order.
 */
struct hicamp_queue {
    uint32_t tx_slots;      /* sizes: powers of two, HICAMP_RING_MIN to _MAX */
    uint32_t rx_slots;
    uint32_t fill_entries;
    uint32_t comp_entries;
    uint64_t frames;        /* guest address of nr_frames uint64_t frames */
    uint32_t nr_frames;     /* HICAMP_AREA_BYTES(...) in pages, rounded up */
    uint32_t evtchn;        /* out: unbound event channel */
};

struct hicamp_port_attach {
    uint32_t devid;
    uint32_t nr_queues;     /* 1 to hicamp_version.max_queues */
    uint64_t queues;        /* guest address of nr_queues struct hicamp_queue */
    uint32_t features;      /* none are defined: 0 */
    uint32_t port;          /* out: port id, for the doorbell */
};

/*
 * HICAMP_OP_port_detach: take the port out of service.  Payload of the caller's
 * packets that still wait somewhere is copied (or torn, when there is no
 * memory), packets that wait for it are dropped, and the rings are released:
 * when the call returns, Xen accesses none of the frames any more.  References
 * of the grant space stay.  May be continued inside; needs no other domain to
 * run.
 *
 *   -ENOENT      no port for this devid
 *   -ENOTCONN    not attached
 *   -EBUSY       out of service, but a NIC may still read what the caller sent
 *                (HICAMP_OP_window_open): call again a while later.  Frames of
 *                packets that have no completion must not be used until then
 */
struct hicamp_port_detach {
    uint32_t devid;
    uint32_t pad;
};

/*
 * HICAMP_OP_space_issue, HICAMP_OP_space_revoke: enter runs into the caller's
 * grant space, take them out again.
 *
 * Issue: frame, order and flags are read, ref is written.  A run is 2^order
 * frames, machine-contiguous, frame aligned to nothing.  Xen holds each frame
 * (a read-write run's as writable page: it cannot become a page table while
 * issued) until revoked or until the domain dies.  The domain must own a port.
 *
 * A sealed run cannot be written by anybody while it is issued: no writable
 * mapping of its frames may exist, and none can be made until it is revoked.
 * Its owner goes on reading it.
 *
 * References outlive ports, and are revoked without one.
 *
 * Revoke: ref is read.  Packets under way that borrow from the run get a copy
 * of what they borrow (see struct hicamp_extent).  When the call returns, Xen
 * accesses no frame of the runs any more and holds none.  Waits for at most one
 * copy that is under way; never for another domain.
 *
 * The batch ends with its first error; done tells, also then, how many runs
 * before it have been served.  (Xen may continue a long batch inside; the
 * caller sees one call.)
 *
 *   -ENOENT      issue: the domain has no port; revoke: no such reference, or
 *                it has been revoked (a generation is part of the reference)
 *   -EINVAL      order or flags; a frame that is not plain memory of the
 *                caller or, for read-write, not writable
 *   -EBUSY       issue, sealed: a frame has a writable mapping, or another
 *                use that excludes it (a page table, a read-write run)
 *   -ENOSPC      issue: hicamp_version.max_runs runs are issued
 *   -ENOMEM      issue: Xen is short of memory
 */
struct hicamp_run {
    uint64_t frame;
    uint16_t order;         /* 0 to HICAMP_ORDER_MAX */
    uint16_t flags;         /* HICAMP_RUN_* */
    uint32_t ref;
};

#define HICAMP_RUN_RW           (1u << 0) /* Xen may write: receive buffers  */
#define HICAMP_RUN_SEALED       (1u << 1) /* nobody may write; excludes RW   */

struct hicamp_space_op {
    uint64_t runs;          /* guest address of nr struct hicamp_run */
    uint32_t nr;            /* 1 to 4096 */
    uint32_t done;          /* in: 0; out: runs served */
};

/*
 * HICAMP_OP_doorbell: arg is no address but HICAMP_DOORBELL(port, queue, what)
 * with the port id from attach.  TX: packets stand in the tx ring; Xen takes
 * them, switches them, and delivers.  RX: there are fill entries, or room in
 * rx, again.
 *
 *   -ENOENT      not a port of the caller
 *   -ENOTCONN    not attached
 *   -EINVAL      queue, or what
 *   -EIO         a ring of the port is stopped: an index was out of bounds
 */
#define HICAMP_DOORBELL_TX      1
#define HICAMP_DOORBELL_RX      2
#define HICAMP_DOORBELL(port, queue, what) \
    ((uint64_t)(port) | ((uint64_t)(queue) << 32) | ((uint64_t)(what) << 48))

/*
 * HICAMP_OP_segment: work on segments, the caller's own memory in the line
 * store.  A segment is a DAG of immutable lines under a root; the segment map
 * turns its id into that root.  Whatever changes a segment gives it a new root
 * and copies only the path to what changed, so a snapshot, which is another id
 * for the same root, costs the same at every size and goes on reading what it
 * read before.  What was never written reads as zero and takes no memory.
 * (Chan, Litz, Cheriton, "Rethinking Network Stack Design with Memory
 * Snapshots", section 3.)
 *
 * Lines are charged to the caller's domain (hicamp_domain_set.quota).  The
 * domain must own a port.  Segments live until freed, or the domain dies; they
 * do not survive save and restore or migration.
 *
 *   CREATE    bytes, flags -> segment: a new one of so many zero bytes
 *   READ      bytes at offset go to addr
 *   WRITE     bytes from addr go to offset, inside the segment
 *   APPEND    bytes from addr are put behind its end
 *   PREPEND   bytes from addr are put before its beginning; what is there moves
 *             up.  Touches the lines of these bytes and the path to them: room
 *             before the beginning is made by inner lines above the root, as
 *             much as what is there spans, and is used up by further ones.
 *   SNAPSHOT  segment -> other: a new id for what segment holds now.  flags may
 *             add HICAMP_SEG_READ_ONLY.
 *   COMPARE   segment, other, offset -> result: 1 if they are as long, and
 *             hold the same bytes from offset on, else 0.  Equal roots are
 *             equal at once, and what both share is skipped.  (Interned
 *             segments share nearly all that is equal, unless they grew by
 *             prepending; that is no promise.)  When continued inside, offset
 *             tells how far it got; what is written meanwhile may be compared
 *             as it was or as it is.
 *   MAP       bytes at offset, multiples of 4096, of a segment created with
 *             HICAMP_SEG_MAPPABLE: writes one frame number (uint64_t) for each
 *             page to addr.  The frames belong to the caller, who maps them
 *             read-only; he sees the bytes as they are now, as in a snapshot.
 *             Not with a beginning that a prepend has moved off a multiple of
 *             4096.  All pages of zeros may be the same one.
 *   FREE      forget the id.  Lines that nothing else refers to go; a page that
 *             the caller still maps stays charged to him until he unmaps it.
 *   INFO      segment -> bytes, flags, result: levels of inner lines
 *
 * The batch ends with its first error; done tells, also then, how many
 * operations before it have been carried out.  An operation that fails has
 * changed nothing.  (Xen may continue a long one inside; the caller sees one
 * call.)
 *
 *   -ENOENT      the domain has no port; no such segment (a generation is part
 *                of the id)
 *   -EINVAL      command or flags; offset and bytes are outside the segment or
 *                not what the operation demands; a field that it does not use
 *                is not zero
 *   -EACCES      WRITE, APPEND, PREPEND: the segment is read-only
 *   -EBUSY       a line is referred to too often (more than a billion times)
 *   -E2BIG       bytes is more than HICAMP_SEG_IO_MAX (READ, WRITE, APPEND,
 *                PREPEND, MAP), or a segment would pass HICAMP_SEG_BYTES_MAX
 *   -ENOSPC      the domain has HICAMP_SEGMENTS_MAX segments
 *   -ENOBUFS     the domain's quota of lines is used up
 *   -ENOMEM      Xen is short of memory
 */
#define HICAMP_SEG_CREATE       1
#define HICAMP_SEG_READ         2
#define HICAMP_SEG_WRITE        3
#define HICAMP_SEG_APPEND       4
#define HICAMP_SEG_PREPEND      5
#define HICAMP_SEG_SNAPSHOT     6
#define HICAMP_SEG_COMPARE      7
#define HICAMP_SEG_MAP          8
#define HICAMP_SEG_FREE         9
#define HICAMP_SEG_INFO         10

#define HICAMP_SEG_BYTES_MAX    (1ull << 36) /* of one segment */
#define HICAMP_SEGMENTS_MAX     65536        /* of one domain */

/*
 * INTERNED: equal lines of the tenant's interned segments are stored once, as
 * far as they are found.  Costs a hash for each line written.  MAPPABLE: data
 * is kept in whole pages (eight lines each), so that the caller can map them;
 * not together with INTERNED, as a page is its owner's alone.  READ_ONLY: not
 * for CREATE; it stays with all snapshots of a snapshot.
 */
#define HICAMP_SEG_INTERNED     (1u << 0)
#define HICAMP_SEG_MAPPABLE     (1u << 1)
#define HICAMP_SEG_READ_ONLY    (1u << 2)

struct hicamp_segment_op {
    uint16_t command;       /* HICAMP_SEG_* */
    uint16_t flags;
    uint32_t segment;
    uint32_t other;
    uint32_t result;
    uint64_t offset;
    uint64_t bytes;
    uint64_t addr;          /* guest address */
};

struct hicamp_segment_batch {
    uint64_t ops;           /* guest address of nr struct hicamp_segment_op */
    uint32_t nr;            /* 1 to 4096 */
    uint32_t done;          /* in: 0; out */
};

/* ---- Windows (administrator) --------------------------------------------- */

/*
 * HICAMP_OP_window_open: from now on show the caller large payload that a queue
 * of its port receives, instead of copying it.  For a port whose packets go on
 * to a NIC and are seldom looked at.
 *
 * A place is a page of the caller, and the page-table entry by which it maps it,
 * read-write.  While a place shows payload, the entry maps a frame of the sender,
 * read-only, and the page itself is not to be seen.  Who gives the places away
 * meanwhile, or changes the entries, harms only himself.  Places come in runs of
 * 2^order, so that what stands side by side with the sender does so here.
 *
 * A packet is shown if its payload is of at least min_bytes, stands in FRAME
 * extents, takes at most max_runs runs, and so many are free; else it is copied.
 * In rx it has an extent of type PLACE for each run: name is the first of its
 * machine frames, which follow one another, for DMA; offset says where in the
 * window the bytes are (a place begins at its index times 4096).  Bytes of the
 * frames beside them are the sender's own affair; they are seen, too.
 *
 * The sender gets its frames back when the packet is released; until then it
 * cannot detach its port.  Packets that are not released within 10 seconds are
 * taken back (shown_lost), and the window shows no more.
 *
 * A window ends with the queue: by then all that it showed must be out of the
 * NIC's hands.
 *
 *   -EOPNOTSUPP  the caller is not 64-bit PV, or has an IOMMU's tables of its
 *                own, in which others' frames are not
 *   -ENOENT      no such port of the caller
 *   -ENOTCONN    not attached, or no such queue
 *   -EBUSY       it has got a window
 *   -EINVAL      order, runs, max_runs; an entry does not map the page
 *   -ENOMEM      Xen is short of memory
 */
#define HICAMP_WINDOW_MAX       1024    /* places */

struct hicamp_place {
    uint64_t frame;         /* the page */
    uint64_t pte;           /* machine address of the entry */
};

struct hicamp_window {
    uint32_t port;
    uint16_t queue;
    uint16_t order;         /* 0 to HICAMP_ORDER_MAX */
    uint16_t runs;
    uint16_t max_runs;      /* of a packet, 1 to HICAMP_EXTENTS_MAX */
    uint32_t min_bytes;
    uint64_t places;        /* guest address of runs << order hicamp_place */
    uint64_t pad;
};

/*
 * HICAMP_OP_window_release: nobody reads these packets any more.  A packet is
 * named by the run of its first extent.  The batch ends with its first error;
 * done tells, also then, how many before it have been released.
 *
 *   -ENOENT      no such port of the caller, or no window; no packet begins in
 *                this run
 *   -EINVAL      nr
 */
#define HICAMP_RELEASE_MAX      1024

struct hicamp_window_release {
    uint32_t port;
    uint16_t queue;
    uint16_t pad;
    uint32_t nr;            /* 1 to HICAMP_RELEASE_MAX */
    uint32_t done;          /* in: 0; out */
    uint64_t runs;          /* guest address of nr uint16_t */
};

/* ---- Domains and parameters (administrator) ------------------------------ */

/*
 * HICAMP_OP_domain_set: how much line memory a domain may use, and with whom
 * it may share.  Lines of a domain are charged to its tenant: by default a
 * domain is its own tenant, so nothing of it is ever shared with another by
 * content, and no timing tells what others hold.  Domains with the same tenant
 * number find each other's interned lines and share one quota.
 *
 *   -ESRCH       no such domain, or it is dying
 *   -ENOENT      the domain has no port
 *   -EBUSY       SET_TENANT: the domain has lines in use, or had segments
 *   -EINVAL      which, or quota above the host's lines_max
 *   -ENOMEM      Xen is short of memory
 */
#define HICAMP_DOMAIN_SET_QUOTA     (1u << 0)
#define HICAMP_DOMAIN_SET_TENANT    (1u << 1)

struct hicamp_domain_set {
    uint16_t domid;
    uint16_t pad;
    uint32_t which;
    uint64_t quota;         /* lines; of the tenant */
    uint32_t tenant;        /* 0: by itself */
    uint32_t pad2;
};

/* Entry of HICAMP_OP_domain_query: a domain that has, or had, a port. */
struct hicamp_domain_info {
    uint16_t domid;
    uint16_t pad;
    uint32_t tenant;        /* 0: by itself */
    uint64_t quota;         /* lines, of the tenant, as all that follow */
    uint64_t used;          /* lines charged now */
    uint64_t peak;          /* most ever charged */
    uint64_t refused;       /* allocations refused: quota or host cap */
    uint64_t interned;      /* lines that interning found */
    uint64_t intern_misses; /* ... and did not */
    uint32_t segments;      /* of the domain */
    uint32_t pages;         /* page lines' pages, of the domain */
    uint32_t runs;          /* issued, of the domain */
    uint32_t frames;        /* in these runs */
};

/*
 * HICAMP_OP_param_get, HICAMP_OP_param_set: parameters of the host, and of
 * ports, which follow the host's until they have their own (or again, with
 * HICAMP_PARAM_INHERIT).  A port's are gone with it.
 *
 *   -ENOENT      no such parameter, or (port) one that only the host has
 *   -ENODEV      no such port
 *   -EINVAL      value out of its range
 */
#define HICAMP_PARAM_BORROW_AGE_US  1   /* 100 to 1,000,000; default 1000     */
#define HICAMP_PARAM_BORROW_PAIR    2   /* packets, 0 to 256; default 64      */
#define HICAMP_PARAM_QUOTA          3   /* host: lines, of a tenant by default */
#define HICAMP_PARAM_ORPHAN_S       4   /* host: 0 to 86,400 s; default 0     */
#define HICAMP_PARAM_RX_EVENT_US    5   /* 0 to 10,000; default 0             */
#define HICAMP_PARAM_RX_EVENT_PACKETS 6 /* 1 to 256; default 64               */
#define HICAMP_PARAM_OFFLOAD        7   /* bytes, 0 to 524,288; default 0     */
#define HICAMP_PARAM_WEIGHT         8   /* 1 to 16; default 16                */
#define HICAMP_PARAM_STRAIGHT       9   /* bytes, 0 to 65,535; default 4096   */
#define HICAMP_PARAM_TX_POLL_US     10  /* 0 to 10,000; default 0             */
#define HICAMP_PARAM_TX_POLL_IDLE_US 11 /* 0 to 10,000; default 0             */

#define HICAMP_PARAM_INHERIT    (~0ull) /* a port's value: the host's         */

/*
 * ORPHAN_S: how long flows are followed after whoever served the fabric has
 * left, or died; 0: for ever (fail open).  After that no flow matches, so that
 * nothing passes (fail closed), until the fabric is attached again.
 *
 * RX_EVENT_US: a guest whose vCPU runs already is not interrupted again for
 * received packets within so many microseconds, unless RX_EVENT_PACKETS wait
 * for that.  One that does not run is told at once.  0: always at once.
 *
 * OFFLOAD: so many bytes of a burst at most a sender copies to a receiver by
 * itself; the rest is left to an idle CPU of the receiver's cpupool, if there is
 * one.  0: never.
 *
 * WEIGHT: where more is sent to one receiver than it takes, senders get places in
 * its line, and so its throughput, by their weights.
 *
 * STRAIGHT: packets up to that length are delivered without being put in line,
 * where nothing waits for their receiver.  0: none.
 *
 * TX_POLL_US: when the doorbell is rung twice within so many microseconds, Xen
 * looks at the ring by itself from then on: before the vCPU blocks to which the
 * queue's event goes, and once in that time as long as packets come.  0: never.
 *
 * TX_POLL_IDLE_US: an idle CPU of the sender's cpupool, if there is one, takes
 * over the looking, and with it the sending, once in that time.  0: never.
 *
 * Of a port, RX_EVENT_* and OFFLOAD are about what it receives, the others about
 * what it sends.
 */
struct hicamp_param {
    uint32_t param;
    uint32_t port;          /* 0: the host's; or a port id */
    uint64_t value;
};

/* ---- Ports (administrator) ----------------------------------------------- */

/*
 * HICAMP_OP_port_create: make the port of (domid, devid).  It forwards once
 * its guest attached and flows name it.  A port id is an index below
 * hicamp_version.max_ports in its low 16 bits and a generation above, so that
 * a flow which names a port that is gone never reaches a later one.  0 is not
 * a port id.
 *
 *   -ESRCH       no such domain, or it is dying
 *   -EINVAL      mtu, flags, or devid is HICAMP_FABRIC_DEVID
 *   -EEXIST      the port exists
 *   -ENOSPC      hicamp_version.max_ports ports exist, or 64 of this domain
 *   -ENOMEM      Xen is short of memory
 */
struct hicamp_port_create {
    uint16_t domid;
    uint8_t  mac[6];        /* the guest's address; for information and for
                             * HICAMP_PORT_ANTISPOOF */
    uint32_t devid;
    uint32_t mtu;           /* largest frame less 14 bytes of Ethernet header
                             * (and 4 per VLAN tag), per GSO segment;
                             * 68 to 65521; 0: 65521 */
    uint32_t flags;         /* HICAMP_PORT_ANTISPOOF, _COPY */
    uint32_t port;          /* out: port id */
};

/*
 * Drop what the guest sends with another source address than mac, and ARP and
 * neighbour discovery that name another hardware address as the sender's.
 */
#define HICAMP_PORT_ANTISPOOF   (1u << 0)
/*
 * Copy all payload before anything is delivered (snapshot=copy): nothing that
 * the guest writes after its doorbell can be seen by anybody.
 */
#define HICAMP_PORT_COPY        (1u << 1)
/* Out only: */
#define HICAMP_PORT_ATTACHED    (1u << 16)
#define HICAMP_PORT_STOPPED     (1u << 17) /* a ring index was out of bounds */
#define HICAMP_PORT_FABRIC      (1u << 18) /* the fabric, see below          */

/*
 * HICAMP_OP_port_destroy: as detach, then the port and every flow with it as
 * ingress port go.  A flow that has it as output drops there, counted.
 *
 *   -ENOENT      no such port
 */
struct hicamp_port_id {
    uint16_t domid;
    uint16_t pad;
    uint32_t devid;
};

/*
 * HICAMP_OP_port_set: change what create set; which says what.
 *
 *   -ENOENT      no such port
 */
#define HICAMP_PORT_SET_MAC     (1u << 0)
#define HICAMP_PORT_SET_MTU     (1u << 1)
#define HICAMP_PORT_SET_FLAGS   (1u << 2)

struct hicamp_port_set {
    uint16_t domid;
    uint8_t  mac[6];
    uint32_t devid;
    uint32_t mtu;
    uint32_t flags;
    uint32_t which;
};

/*
 * HICAMP_OP_port_rate: how much the guest may send through all queues, in bytes
 * of frames per second, and in bytes at once when it was quiet before; what is
 * beyond is dropped (drop_rate).  A packet passes, whatever its length, while
 * the bytes before it are within the burst.  On return the fields tell what is
 * in effect.
 *
 *   -ENOENT      no such port
 *   -EINVAL      burst is 0, or more than 2^32, for a rate that is not 0
 */
#define HICAMP_RATE_KEEP        (~0ull) /* bytes_per_s: only tell */

struct hicamp_port_rate {
    uint16_t domid;
    uint16_t pad;
    uint32_t devid;
    uint64_t bytes_per_s;   /* 0: as much as it likes */
    uint64_t burst;
};

/*
 * HICAMP_OP_port_addrs: from which IP addresses the guest may send.  With a
 * list that is not empty, these are dropped (drop_spoof):
 *   - IPv4 and IPv6 from an address that is in no prefix of the list.  Yet
 *     0.0.0.0 may ask for an address by DHCP, :: may send ICMPv6, and where
 *     the list has IPv6, the link-local address that follows from mac
 *     (RFC 4291, appendix A) is in it
 *   - ARP and RARP whose sender's address is not in the list, nor 0.0.0.0
 *   - neighbour advertisements, and questions from :: (duplicate address
 *     detection), whose target is not in the list
 *   - frames that hide what they carry: under a third VLAN tag, or with an IEEE
 *     802.3 length
 * With a list, or HICAMP_PORT_ANTISPOOF, neighbour discovery and router
 * solicitation in fragments (RFC 6980), or not wholly inline, are dropped too.
 *
 * On return nr and addr tell what is in effect.
 *
 *   -ENOENT      no such port
 *   -EINVAL      nr, family or prefix; bits are set behind the prefix
 *   -ENOMEM      Xen is short of memory
 */
#define HICAMP_ADDRS_MAX        16
#define HICAMP_ADDRS_KEEP       0xffffu /* nr: only tell; addr is zero */

struct hicamp_addr {
    uint8_t  addr[16];      /* as in the packet; IPv4: the first 4 */
    uint8_t  family;        /* 4 or 6 */
    uint8_t  prefix;        /* bits: 1 to 32 or 128 */
    uint8_t  pad[6];
};

struct hicamp_port_addrs {
    uint16_t domid;
    uint16_t nr;            /* 0: as it likes */
    uint32_t devid;
    struct hicamp_addr addr[HICAMP_ADDRS_MAX]; /* those behind nr are zero */
};

/*
 * Counters of a port.  "tx" is what the guest sends, "rx" what it is sent.
 * The list is only ever extended, at its end.
 */
#define HICAMP_PORT_COUNTERS(X) \
    X(tx_packets)           /* taken from the tx ring */                    \
    X(tx_bytes)                                                             \
    X(rx_packets)           /* put into the rx ring */                      \
    X(rx_bytes)                                                             \
    X(tx_gso)               /* of tx_packets, GSO */                        \
    X(rx_gso)                                                               \
    X(tx_inline)            /* of tx_packets, without extents */            \
    X(rx_inline)                                                            \
    X(doorbells)            /* doorbell hypercalls */                       \
    X(events)               /* events raised to the guest */                \
    X(completions)          /* completions written */                       \
    X(upcalls)              /* no flow matched, or an upcall action */      \
    X(drop_malformed)       /* tx: header slot wrong or inconsistent */     \
    X(drop_header)          /* tx: headers not inline, or lie */            \
    X(drop_frame)           /* tx: extent not the sender's, or revoked */   \
    X(drop_spoof)           /* tx: source address is not the port's */      \
    X(drop_nomem)           /* tx: no line to be had */                     \
    X(drop_action)          /* tx: flow says drop */                        \
    X(drop_noport)          /* tx: an output is not there, or stopped */    \
    X(drop_mtu)             /* rx: too long for this port */                \
    X(drop_queue)           /* rx: queue full, or its sender has its share */\
    X(drop_torn)            /* rx: taken back by its sender */              \
    X(drop_detach)          /* rx: waited when detached, or stopped */      \
    X(bad_fill)             /* fill entry refused: reference or bounds */   \
    X(rx_stalls)            /* delivery stopped: no fill entry, no room */  \
    X(ring_errors)          /* index out of bounds, ring stopped */         \
    X(space_issued)         /* runs (of the domain, since it began) */      \
    X(space_revoked)                                                        \
    X(tx_refs)              /* of tx_packets, that name references */       \
    X(tx_segments)          /* ... that name segments */                    \
    X(copied_port)          /* tx: payload copied, the port wants it */     \
    X(copied_pair)          /* ... too many wait for one receiver */        \
    X(copied_age)           /* ... waited for too long */                   \
    X(copied_revoke)        /* ... reference revoked, or port detached */   \
    X(torn)                 /* tx: no line for such a copy, or dead */      \
    X(drop_quota)           /* rx: no line for its receiver's quota */      \
    X(drop_upcall)          /* tx: no fabric, or too many wait for it */    \
    X(drop_edit)            /* tx: an action did not go with the packet */  \
    X(drop_rate)            /* tx: beyond the port's rate */                \
    X(drop_meter)           /* tx: beyond its flow's meter */               \
    X(events_held)          /* rx: deliveries whose event was put off */    \
    X(idle_packets)         /* of rx_packets, delivered by idle CPUs */     \
    X(idle_ns)              /* rx: time that these took */                  \
    X(idle_yields)          /* rx: ... that were called away meanwhile */   \
    X(rx_straight)          /* rx: delivered without waiting in line */     \
    X(tx_polls)             /* tx: looks at the ring without a doorbell */ \
    X(tx_idle_polls)        /* ... of them, by idle CPUs */                 \
    X(tx_idle_ns)           /* tx: time that these took */               \
    X(rx_shown)             /* of rx_packets, shown in a window */          \
    X(shown_lost)           /* rx: ... and not released for too long */

#define HICAMP_COUNTER_ENUM(name) HICAMP_CNT_##name,
enum hicamp_counter {
    HICAMP_PORT_COUNTERS(HICAMP_COUNTER_ENUM)
    HICAMP_NR_COUNTERS
};
#define HICAMP_COUNTERS_MAX     64  /* room in hicamp_port_info */

/*
 * HICAMP_OP_port_query, _domain_query, _flow_dump, _flow_stats: read a table in
 * batches.
 * Start with cursor 0 and go on with what comes back until nr comes back less
 * than asked for.  Entries that exist from the first to the last call are
 * reported once.
 */
struct hicamp_query {
    uint64_t cursor;        /* in, out */
    uint64_t entries;       /* guest address of nr entries */
    uint32_t nr;            /* in: room, 1 to 4096 (flows: 256); out:
                             * entries written */
    uint32_t pad;
};

/* Entry of HICAMP_OP_port_query.  In the entry all fields are out. */
struct hicamp_port_info {
    uint32_t port;
    uint16_t domid;
    uint8_t  mac[6];
    uint32_t devid;
    uint32_t mtu;
    uint32_t flags;         /* HICAMP_PORT_* */
    uint32_t nr_queues;     /* 0: not attached */
    uint32_t queued;        /* packets that wait for this port */
    uint32_t borrowed;      /* its own packets under way */
    uint32_t runs;          /* issued, of the domain */
    uint32_t frames;        /* held in these runs, of the domain */
    uint32_t nr_counters;   /* HICAMP_NR_COUNTERS of this Xen */
    uint64_t counters[HICAMP_COUNTERS_MAX];
};

/* ---- Flows (administrator) ----------------------------------------------- */

/*
 * What the switch matches on: the fields of a packet, multi-byte fields that
 * stand in packets in network byte order, in_port in host byte order, fields
 * that a packet does not have zero.  A flow matches a packet when
 * (packet & mask) == key; key must not have bits outside mask.  As with Open
 * vSwitch's megaflows there is no priority: flows that overlap must agree.
 */
struct hicamp_flow_key {
    uint32_t in_port;       /* port id */
    uint16_t eth_type;      /* of the payload, behind all VLAN tags */
    uint16_t vlan_tci;      /* outer tag; HICAMP_VLAN_PRESENT when tagged */
    uint8_t  eth_dst[6];
    uint8_t  eth_src[6];
    uint16_t vlan_tpid;     /* 0x8100 or 0x88a8, when tagged */
    uint16_t cvlan_tci;     /* inner tag, likewise */
    uint16_t cvlan_tpid;
    uint16_t tcp_flags;     /* 12 bits */
    uint8_t  ip_src[16];    /* IPv6; IPv4 and ARP sender in the first 4 */
    uint8_t  ip_dst[16];    /* IPv6; IPv4 and ARP target in the first 4 */
    uint32_t ip6_label;     /* 20 bits */
    uint8_t  ip_proto;      /* behind extension headers; ARP: operation */
    uint8_t  ip_tos;
    uint8_t  ip_ttl;
    uint8_t  ip_frag;       /* HICAMP_FRAG_* */
    uint16_t l4_src;        /* TCP, UDP, SCTP; ICMP and ICMPv6: type */
    uint16_t l4_dst;        /* ... ; ICMP and ICMPv6: code */
    uint8_t  arp_sha[6];
    uint8_t  arp_tha[6];
    uint32_t reserved[5];   /* 0: for tunnel and recirculation */
};

#define HICAMP_VLAN_PRESENT     0x1000 /* in vlan_tci: host order value      */
#define HICAMP_FRAG_ANY         1      /* a fragment                         */
#define HICAMP_FRAG_LATER       2      /* ... and not the first              */

/*
 * Actions: a list of items of 8-byte multiples, carried out in order.  A list
 * without output or upcall, or an empty one, drops.  One packet may leave
 * through any number of ports; an output back to the ingress port is refused
 * by no rule: who installs the flow decides.
 */
struct hicamp_action {
    uint16_t type;          /* HICAMP_ACT_* */
    uint16_t bytes;         /* of this item, with what follows */
    uint32_t arg;
};

#define HICAMP_ACT_OUTPUT       1   /* arg: port id                          */
#define HICAMP_ACT_DROP         2   /* arg: 0; must stand alone              */
#define HICAMP_ACT_UPCALL       3   /* arg: 0                                */
#define HICAMP_ACT_PUSH_VLAN    4   /* arg: TPID (0x8100, 0x88a8) << 16 | TCI */
#define HICAMP_ACT_POP_VLAN     5   /* arg: 0; the outer tag                 */
#define HICAMP_ACT_SET          6   /* arg: 0; hicamp_act_set follows        */
#define HICAMP_ACT_METER        7   /* arg: meter; one, before every output  */

/*
 * SET: bits of these fields, as the packet is after the actions before it:
 * eth_src, eth_dst; vlan_tci of the outer tag (but HICAMP_VLAN_PRESENT); ip_src,
 * ip_dst, ip_tos, ip_ttl of IPv4 and IPv6; l4_src, l4_dst of TCP and UDP.
 * Checksums are repaired.  value has no bits outside mask.
 *
 * PUSH_VLAN, POP_VLAN and SET change packets, and come before every output
 * (-EOPNOTSUPP else, and with an UPCALL).  The flow's match must say that there
 * is what they change: a tag for POP_VLAN and vlan_tci, eth_type (all of it) for
 * IP fields, and ip_proto for L4 ports (-EINVAL else).  A tag is pushed into the
 * inline bytes: a packet with more than HICAMP_INLINE_MAX - 4 of them is dropped
 * (drop_edit), so drivers leave room for two.
 */
struct hicamp_act_set {
    struct hicamp_flow_key value;
    struct hicamp_flow_key mask;
};

/*
 * HICAMP_OP_flow_update: add, replace, delete flows.  A batch ends with its
 * first error; done tells, also then, how many entries before it have been
 * carried out.  A delete needs key and mask only; its other fields are zero.
 * Packets that are being switched see either the old or the new flow.
 *
 *   -EEXIST      ADD: a flow with this key and mask exists
 *   -ENOENT      MODIFY, DELETE: none exists; ADD, MODIFY: an output's or
 *                in_port's port, or the meter, does not
 *   -EOPNOTSUPP  an action or key field that this Xen does not know
 *   -EINVAL      key outside mask, malformed action list
 *   -ENOSPC      hicamp_info.flows_max flows, or masks_max masks, exist, or
 *                port_masks_max with flows of this in_port (or for any)
 *   -ENOMEM      Xen is short of memory
 */
#define HICAMP_FLOW_ADD         1
#define HICAMP_FLOW_MODIFY      2
#define HICAMP_FLOW_DELETE      3

struct hicamp_flow {
    struct hicamp_flow_key key;
    struct hicamp_flow_key mask;
    uint64_t cookie;        /* the caller's own, returned by dump and stats */
    uint64_t actions;       /* guest address of the action list */
    uint32_t actions_bytes; /* update: of the list, at most
                             * HICAMP_ACTIONS_MAX; dump: room in, need out
                             * (the list is written if it fits) */
    uint32_t command;       /* update: HICAMP_FLOW_*; dump: 0 */
    uint64_t packets;       /* dump: out; update: 0 */
    uint64_t bytes;         /* dump: out; update: 0 */
    uint64_t used_ns;       /* dump: ns since last match, ~0: never; update:
                             * 0 */
};

struct hicamp_flow_batch {
    uint64_t flows;         /* guest address of nr struct hicamp_flow */
    uint32_t nr;            /* 1 to 4096 */
    uint32_t done;          /* in: 0; out */
};

/*
 * HICAMP_OP_flow_flush: delete flows.  Its argument is no address but one of
 * these: all flows; or those that have been neither added nor changed since the
 * fabric was last attached, which are an earlier driver domain's.
 *
 *   -EINVAL      another argument
 */
#define HICAMP_FLUSH_ALL        0
#define HICAMP_FLUSH_ORPHANS    1

/* Entry of HICAMP_OP_flow_stats. */
struct hicamp_flow_stats {
    uint64_t cookie;
    uint64_t packets;
    uint64_t bytes;
    uint64_t used_ns;
};

/*
 * HICAMP_OP_meter: limits that flows share, whatever their ingress port.  A
 * packet passes its flow's meter, whatever its length, while what passed before
 * is within the burst; else it is dropped (drop_meter of its ingress port).
 *
 *   SET     make a meter, under a number that the caller chooses, or change it;
 *           its counters stay
 *   DELETE  forget it: flows that name it drop until they are changed
 *   GET     tell
 *   NEXT    tell of the one with the least number above meter (0 to begin)
 *
 * On return the fields tell what is, or was until now, in effect.  Meters
 * outlive the administrator, as flows do.
 *
 *   -ENOENT      no such meter; NEXT: no further one
 *   -EINVAL      command; meter is 0; SET: rate or burst is 0, burst is more
 *                than 2^32, or flags; others: a field that is not used is not 0
 *   -ENOSPC      SET: 1,024 meters exist
 *   -ENOMEM      Xen is short of memory
 */
#define HICAMP_METER_SET        1
#define HICAMP_METER_DELETE     2
#define HICAMP_METER_GET        3
#define HICAMP_METER_NEXT       4

#define HICAMP_METER_PACKETS    (1u << 0) /* flags: units are packets, not
                                           * bytes of frames */

struct hicamp_meter {
    uint32_t command;       /* HICAMP_METER_* */
    uint32_t meter;
    uint32_t flags;
    uint32_t pad;
    uint64_t rate;          /* units per second */
    uint64_t burst;         /* units at once */
    uint64_t packets;       /* out: that came, ... */
    uint64_t bytes;
    uint64_t drop_packets;  /* ... and did not pass */
    uint64_t drop_bytes;
};

/* ---- Fabric (driver domain) ---------------------------------------------- */

/*
 * HICAMP_OP_fabric_attach, HICAMP_OP_fabric_detach: the driver domain's own
 * rings, of the same form as a port's, and set up as by port_attach with devid
 * HICAMP_FABRIC_DEVID.  There is one fabric at a time.  It shows in port_query
 * as a port of the driver domain (HICAMP_PORT_FABRIC), but no flow can name it.
 * Doorbells, grant space and completions are as for a port.
 *
 *   rx   what no flow matches (or one all of whose output ports have been
 *        destroyed), and what flows send up: hicamp_pkt.port is the ingress
 *        port, reason says why.
 *   tx   hicamp_pkt.port names the port that the packet is given to, past the
 *        flow table, as if a flow had it as output; drop_noport counts those
 *        whose port is not there.
 *
 * What waits for the fabric is shared out fairly: a port may have as many
 * packets waiting as there are free places, so that one which floods leaves
 * room for the first packets of all others; a part is kept for ARP, neighbour
 * discovery and DHCP alone.  What goes beyond is dropped (drop_upcall of the
 * ingress port).  While nobody is attached, all of it is.
 *
 * Detach, and death of the domain, leave ports, flows and meters as they are
 * (HICAMP_PARAM_ORPHAN_S: for how long).
 *
 *   -EBUSY       attach: the fabric is served, by the caller or another domain
 *   -ENOTCONN    detach: the caller does not serve it
 *   else as port_attach and port_detach
 */
#define HICAMP_FABRIC_DEVID     0xffffffffu

#endif /* __XEN_PUBLIC_HICAMP_H__ */
