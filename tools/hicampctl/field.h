/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * field: which names a match has, and which bits of the key they mean.
 *
 * One table, read by the parser and by the printer, and by nobody else.
 */
#ifndef HICAMPCTL_FIELD_H
#define HICAMPCTL_FIELD_H

#include <stddef.h>

#include "match.h"

enum kind
{
    K_NUM,      /* a number in network byte order, or an alias */
    K_HOST,     /* a number in host byte order */
    K_PORT,
    K_MAC,
    K_IP,
    K_FLAGS,    /* tcp_flags: number, or +name-name */
    K_VID,      /* vlan_vid: part of a tci */
    K_PCP,
};

/* Values with a name, and values with a mask that have one. */
struct alias
{
    const char *name;
    uint32_t value, mask;
};

#define TCP_FLAGS 9
extern const char *const tcp_flag[TCP_FLAGS];

struct field
{
    const char *name;
    enum kind kind;
    uint8_t offset, size;
    bool hex;
    uint32_t full;          /* numbers: the mask when none is given */
    const struct alias *alias;
    unsigned int when;      /* print under this name only then: W_* */
};

/* Names that a field has in some packets only. */
#define W_ALWAYS    0
#define W_NEVER     1       /* read, never written */
#define W_ARP       2
#define W_ICMP      3

extern const struct field fields[];
extern const unsigned int nr_fields;

const struct field *field_find(const char *name);
/* The field's number in a key; for fields of at most four bytes. */
uint32_t field_get(const struct field *f, const struct hicamp_flow_key *key);
/* Set bits in a zeroed field: the parts of a tag come one by one. */
void field_put(const struct field *f, struct hicamp_flow_key *key, uint32_t v);
/* Does the match ask for exactly this value? */
bool field_is(const struct match *match, const struct field *f,
              uint32_t value);
/* Is the field one of the two tags, with vid and pcp in it? */
bool field_is_tag(const struct field *f);
/* Do the first four bytes of addresses stand for IPv4? */
bool match_is_ipv4(const struct match *match);

#endif
