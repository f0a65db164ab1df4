/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Edits: VLAN tags and header fields that a flow changes before a packet
 * leaves.
 */

#ifndef HICAMP_EDIT_H
#define HICAMP_EDIT_H

#include "line.h"

/* Of one flow. */
#define EDITS_MAX       64

enum edit_what {
    EDIT_PUSH,              /* a tag: value is TPID and TCI */
    EDIT_POP,               /* the outer tag */
    EDIT_ETH,               /* bytes of the Ethernet header and its tags */
    EDIT_IPV4,
    EDIT_IPV6,
    EDIT_L4,
};

/* One change, of whole 16-bit words, as checksums count. */
struct hicamp_edit {
    uint8_t what;
    uint8_t at;             /* from the begin of its header */
    uint8_t words;
    bool pseudo;            /* the L4 checksum covers it too */
    uint16_t value[8], mask[8]; /* as they stand in the packet */
};

struct hicamp_act_set;

/* What the match of a flow, and its edits so far, promise. */
struct edit_context {
    const struct hicamp_flow_key *key, *mask;
    unsigned int tags;      /* that the packet has at least */
};

void edit_context_init(struct edit_context *c,
                       const struct hicamp_flow_key *key,
                       const struct hicamp_flow_key *mask);

/*
 * Bring an action into the above form, at most room edits; returns how many.
 * Errors: HICAMP_OP_flow_update.
 */
int edit_push(struct edit_context *c, uint32_t arg, struct hicamp_edit *e,
              unsigned int room);
int edit_pop(struct edit_context *c, struct hicamp_edit *e, unsigned int room);
int edit_set(struct edit_context *c, const struct hicamp_act_set *set,
             struct hicamp_edit *e, unsigned int room);

/*
 * Carry out nr edits on a packet in hand that nobody else has seen: its headers
 * change, with their checksums, and its metadata; its payload does not.  False:
 * it cannot be done (no room for a tag among the inline bytes, or headers that
 * are not what they seem): drop it.
 */
bool edit_packet(plid_t plid, const struct hicamp_edit *e, unsigned int nr);

#endif /* HICAMP_EDIT_H */
