/* SPDX-License-Identifier: GPL-2.0-only */
/* field: see field.h. */

#include <string.h>

#include "field.h"

static const struct alias eth_types[] = {
    { "ip",   0x0800, 0xffff },
    { "ipv6", 0x86dd, 0xffff },
    { "arp",  0x0806, 0xffff },
    { NULL, 0, 0 },
};

static const struct alias protos[] = {
    { "tcp",   6,   0xff },
    { "udp",   17,  0xff },
    { "icmp",  1,   0xff },
    { "icmp6", 58,  0xff },
    { "sctp",  132, 0xff },
    { NULL, 0, 0 },
};

static const struct alias arp_ops[] = {
    { "request", 1, 0xff },
    { "reply",   2, 0xff },
    { NULL, 0, 0 },
};

#define FRAG_BITS (HICAMP_FRAG_ANY | HICAMP_FRAG_LATER)
static const struct alias frags[] = {
    { "no",        0,               FRAG_BITS },
    { "yes",       HICAMP_FRAG_ANY, HICAMP_FRAG_ANY },
    { "first",     HICAMP_FRAG_ANY, FRAG_BITS },
    { "later",     FRAG_BITS,       FRAG_BITS },
    { "not_later", 0,               HICAMP_FRAG_LATER },
    { NULL, 0, 0 },
};

static const struct alias vids[] = {
    { "none", 0,                   HICAMP_VLAN_PRESENT },
    { "any",  HICAMP_VLAN_PRESENT, HICAMP_VLAN_PRESENT },
    { NULL, 0, 0 },
};

const char *const tcp_flag[TCP_FLAGS] = {
    "fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns",
};

#define F(field)  offsetof(struct hicamp_flow_key, field), \
                  sizeof(((struct hicamp_flow_key *)NULL)->field)

/*
 * In the order of a packet, which is the order of printing.  Of several names
 * for one place the first whose condition holds is printed.
 */
const struct field fields[] = {
    { "in_port",    K_PORT,  F(in_port),    true,  UINT32_MAX, NULL, 0 },
    { "eth_src",    K_MAC,   F(eth_src),    false, 0, NULL, 0 },
    { "eth_dst",    K_MAC,   F(eth_dst),    false, 0, NULL, 0 },
    { "vlan_tpid",  K_NUM,   F(vlan_tpid),  true,  0xffff, NULL, 0 },
    { "vlan_vid",   K_VID,   F(vlan_tci),   false, 0x0fff, vids, 0 },
    { "vlan_pcp",   K_PCP,   F(vlan_tci),   false, 7, NULL, 0 },
    { "vlan_tci",   K_NUM,   F(vlan_tci),   true,  0xffff, NULL, 0 },
    { "cvlan_tpid", K_NUM,   F(cvlan_tpid), true,  0xffff, NULL, 0 },
    { "cvlan_vid",  K_VID,   F(cvlan_tci),  false, 0x0fff, vids, 0 },
    { "cvlan_pcp",  K_PCP,   F(cvlan_tci),  false, 7, NULL, 0 },
    { "cvlan_tci",  K_NUM,   F(cvlan_tci),  true,  0xffff, NULL, 0 },
    { "eth_type",   K_NUM,   F(eth_type),   true,  0xffff, eth_types, 0 },
    { "arp_spa",    K_IP,    F(ip_src),     false, 0, NULL, W_ARP },
    { "ip_src",     K_IP,    F(ip_src),     false, 0, NULL, 0 },
    { "arp_tpa",    K_IP,    F(ip_dst),     false, 0, NULL, W_ARP },
    { "ip_dst",     K_IP,    F(ip_dst),     false, 0, NULL, 0 },
    { "ip6_label",  K_NUM,   F(ip6_label),  true,  0xfffff, NULL, 0 },
    { "arp_op",     K_NUM,   F(ip_proto),   false, 0xff, arp_ops, W_ARP },
    { "ip_proto",   K_NUM,   F(ip_proto),   false, 0xff, protos, 0 },
    { "ip_tos",     K_NUM,   F(ip_tos),     true,  0xff, NULL, 0 },
    { "ip_ttl",     K_NUM,   F(ip_ttl),     false, 0xff, NULL, 0 },
    { "ip_frag",    K_NUM,   F(ip_frag),    true,  0xff, frags, 0 },
    { "icmp_type",  K_NUM,   F(l4_src),     false, 0xffff, NULL, W_ICMP },
    { "l4_src",     K_NUM,   F(l4_src),     false, 0xffff, NULL, 0 },
    { "tp_src",     K_NUM,   F(l4_src),     false, 0xffff, NULL, W_NEVER },
    { "icmp_code",  K_NUM,   F(l4_dst),     false, 0xffff, NULL, W_ICMP },
    { "l4_dst",     K_NUM,   F(l4_dst),     false, 0xffff, NULL, 0 },
    { "tp_dst",     K_NUM,   F(l4_dst),     false, 0xffff, NULL, W_NEVER },
    { "tcp_flags",  K_FLAGS, F(tcp_flags),  true,  0x0fff, NULL, 0 },
    { "arp_sha",    K_MAC,   F(arp_sha),    false, 0, NULL, 0 },
    { "arp_tha",    K_MAC,   F(arp_tha),    false, 0, NULL, 0 },
    /* No names yet; what a later Xen puts here can still be read. */
    { "reserved0",  K_HOST,  F(reserved[0]), true, UINT32_MAX, NULL, 0 },
    { "reserved1",  K_HOST,  F(reserved[1]), true, UINT32_MAX, NULL, 0 },
    { "reserved2",  K_HOST,  F(reserved[2]), true, UINT32_MAX, NULL, 0 },
    { "reserved3",  K_HOST,  F(reserved[3]), true, UINT32_MAX, NULL, 0 },
    { "reserved4",  K_HOST,  F(reserved[4]), true, UINT32_MAX, NULL, 0 },
};

const unsigned int nr_fields = ARRAY_SIZE(fields);

const struct field *field_find(const char *name)
{
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(fields); i++ )
        if ( !strcmp(fields[i].name, name) )
            return &fields[i];

    return NULL;
}

static bool host_order(const struct field *f)
{
    return f->kind == K_HOST || f->kind == K_PORT;
}

uint32_t field_get(const struct field *f, const struct hicamp_flow_key *key)
{
    const uint8_t *p = (const uint8_t *)key + f->offset;
    uint32_t v = 0;
    unsigned int i;

    if ( host_order(f) )
        memcpy(&v, p, sizeof(v));
    else
        for ( i = 0; i < f->size; i++ )
            v = v << 8 | p[i];

    return v;
}

void field_put(const struct field *f, struct hicamp_flow_key *key, uint32_t v)
{
    uint8_t *p = (uint8_t *)key + f->offset;
    unsigned int i;

    if ( host_order(f) )
        memcpy(p, &v, sizeof(v));
    else
        for ( i = f->size; i--; v >>= 8 )
            p[i] |= v;
}

bool field_is(const struct match *match, const struct field *f,
              uint32_t value)
{
    return field_get(f, &match->mask) == f->full &&
           field_get(f, &match->key) == value;
}

bool match_is_ipv4(const struct match *match)
{
    const struct field *type = field_find("eth_type");

    return field_is(match, type, 0x0800) || field_is(match, type, 0x0806);
}

bool field_is_tag(const struct field *f)
{
    return f->offset == offsetof(struct hicamp_flow_key, vlan_tci) ||
           f->offset == offsetof(struct hicamp_flow_key, cvlan_tci);
}
