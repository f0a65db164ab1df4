/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Header bytes to flow key, in one pass.
 *
 * Invariant: no byte is read but after have() said that it is there, both in
 * the frame and inline, so the bytes behind inline_len are never touched and
 * what the lengths inside the packet claim is never believed.
 *
 * Called by the snapshot of every packet: no locks, no allocation, no loop
 * that a packet can make long.
 */

#include "key.h"

#define ETH_HEADER      14
#define VLAN_TAG        4
#define IPV4_HEADER     20
#define IPV6_HEADER     40
#define ARP_PACKET      28
#define TCP_HEADER      20
#define UDP_HEADER      8
#define SCTP_HEADER     12
#define ICMP_HEADER     8

#define ETHERTYPE_MIN   0x0600  /* below: a length */

#define PROTO_HOPOPTS   0
#define PROTO_ROUTING   43
#define PROTO_FRAGMENT  44
#define PROTO_AH        51
#define PROTO_DSTOPTS   60

/* What is known of the frame: bytes that may be read, bytes that there are. */
struct view {
    const uint8_t *hdr;
    unsigned int valid;     /* inline */
    unsigned int end;       /* of the frame, later of the IP packet in it */
};

enum { HAVE, SHORT, FAR };

/* Are n bytes from off on there?  SHORT: not in the frame, FAR: not inline. */
static always_inline int have(const struct view *v, unsigned int off,
                              unsigned int n)
{
    if ( likely(off + n <= v->valid) && likely(off + n <= v->end) )
        return HAVE;

    return off + n > v->end ? SHORT : FAR;
}

/* Network order as it stands, and as a number. */
static always_inline uint16_t raw16(const uint8_t *p)
{
    uint16_t x;

    memcpy(&x, p, sizeof(x));

    return x;
}

static always_inline unsigned int num16(const uint8_t *p)
{
    return (p[0] << 8) | p[1];
}

static always_inline bool is_vlan(uint16_t raw)
{
    return raw == cpu_to_be16(ETHERTYPE_VLAN) ||
           raw == cpu_to_be16(ETHERTYPE_SVLAN);
}

/* L4 header at off; the key's IP fields are there.  HAVE or FAR. */
static int extract_l4(const struct view *v, unsigned int off,
                      struct hicamp_flow_key *key,
                      struct hicamp_key_offsets *offs)
{
    const uint8_t *p = v->hdr + off;
    unsigned int size;
    int rc;

    offs->l4_proto = key->ip_proto;

    switch ( key->ip_proto )
    {
    case PROTO_TCP:
        size = TCP_HEADER;
        break;
    case PROTO_UDP:
        size = UDP_HEADER;
        break;
    case PROTO_SCTP:
        size = SCTP_HEADER;
        break;
    case PROTO_ICMP:
        if ( key->eth_type != cpu_to_be16(ETHERTYPE_IPV4) )
            return HAVE;
        size = ICMP_HEADER;
        break;
    case PROTO_ICMPV6:
        if ( key->eth_type != cpu_to_be16(ETHERTYPE_IPV6) )
            return HAVE;
        size = ICMP_HEADER;
        break;
    default:
        return HAVE;
    }

    rc = have(v, off, size);
    if ( rc != HAVE )
        return rc == FAR ? FAR : HAVE;

    offs->l4 = off;
    if ( key->ip_proto == PROTO_ICMP || key->ip_proto == PROTO_ICMPV6 )
    {
        key->l4_src = cpu_to_be16(p[0]);
        key->l4_dst = cpu_to_be16(p[1]);
    }
    else
    {
        key->l4_src = raw16(p);
        key->l4_dst = raw16(p + 2);
    }

    if ( key->ip_proto == PROTO_TCP )
    {
        key->tcp_flags = raw16(p + 12) & cpu_to_be16(0x0fff);
        size = (p[12] >> 4) * 4;
        if ( size < TCP_HEADER )
            return HAVE;
        rc = have(v, off, size);
        if ( rc != HAVE )
            return rc == FAR ? FAR : HAVE;
    }
    offs->payload = off + size;

    return HAVE;
}

static int extract_ipv4(struct view *v, unsigned int off,
                        struct hicamp_flow_key *key,
                        struct hicamp_key_offsets *offs)
{
    const uint8_t *p = v->hdr + off;
    unsigned int size, total, frag;
    int rc = have(v, off, IPV4_HEADER);

    if ( rc != HAVE )
        return rc;

    size = (p[0] & 15) * 4;
    total = num16(p + 2);
    if ( unlikely(p[0] >> 4 != 4) || unlikely(size < IPV4_HEADER) ||
         unlikely(total < size) || unlikely(off + total > v->end) )
        return HAVE;

    /* What follows the IP packet is padding. */
    v->end = off + total;
    rc = have(v, off, size);
    if ( unlikely(rc != HAVE) )
        return rc;

    memcpy(key->ip_src, p + 12, 4);
    memcpy(key->ip_dst, p + 16, 4);
    key->ip_tos = p[1];
    key->ip_ttl = p[8];
    key->ip_proto = p[9];

    frag = num16(p + 6) & 0x3fff;
    if ( unlikely(frag) )
    {
        key->ip_frag = HICAMP_FRAG_ANY;
        if ( frag & 0x1fff )
        {
            key->ip_frag |= HICAMP_FRAG_LATER;
            offs->l4_proto = key->ip_proto;
            return HAVE;
        }
    }

    return extract_l4(v, off + size, key, offs);
}

/*
 * Walk the IPv6 extension headers from *off on, of which the first is *proto;
 * *off and *proto become those of what follows, *frag HICAMP_FRAG_*.  SHORT,
 * too, when they contradict the frame's length.
 */
static int skip_extensions(const struct view *v, unsigned int *off,
                           uint8_t *proto, uint8_t *frag)
{
    unsigned int i, size;

    for ( i = 0; ; i++ )
    {
        const uint8_t *p = v->hdr + *off;
        int rc;

        switch ( *proto )
        {
        case PROTO_HOPOPTS:
        case PROTO_ROUTING:
        case PROTO_DSTOPTS:
        case PROTO_AH:
        case PROTO_FRAGMENT:
            break;
        default:
            return HAVE;
        }

        if ( i == KEY_EXT_MAX )
            return FAR;

        rc = have(v, *off, 8);
        if ( rc != HAVE )
            return rc;

        if ( *proto == PROTO_FRAGMENT )
        {
            unsigned int word = num16(p + 2);

            size = 8;
            /* Offset and M are both zero: whole, only dressed as fragment. */
            if ( word )
                *frag = HICAMP_FRAG_ANY;
            if ( word & 0xfff8 )
            {
                *frag |= HICAMP_FRAG_LATER;
                return HAVE;
            }
        }
        else if ( *proto == PROTO_AH )
            size = (p[1] + 2) * 4;
        else
            size = (p[1] + 1) * 8;

        rc = have(v, *off, size);
        if ( rc != HAVE )
            return rc;

        *proto = p[0];
        *off += size;
    }
}

static int extract_ipv6(struct view *v, unsigned int off,
                        struct hicamp_flow_key *key,
                        struct hicamp_key_offsets *offs)
{
    const uint8_t *p = v->hdr + off;
    unsigned int total;
    uint8_t proto, frag = 0;
    uint32_t label;
    int rc = have(v, off, IPV6_HEADER);

    if ( rc != HAVE )
        return rc;

    total = num16(p + 4) + IPV6_HEADER;
    if ( unlikely(p[0] >> 4 != 6) || unlikely(off + total > v->end) )
        return HAVE;

    v->end = off + total;

    memcpy(key->ip_src, p + 8, 16);
    memcpy(key->ip_dst, p + 24, 16);
    memcpy(&label, p, sizeof(label));
    key->ip6_label = label & cpu_to_be32(0x000fffff);

    off += IPV6_HEADER;
    proto = p[6];
    rc = skip_extensions(v, &off, &proto, &frag);
    if ( unlikely(rc != HAVE) )
        return rc;

    key->ip_tos = (p[0] << 4) | (p[1] >> 4);
    key->ip_ttl = p[7];
    key->ip_proto = proto;
    key->ip_frag = frag;

    if ( unlikely(frag & HICAMP_FRAG_LATER) )
    {
        offs->l4_proto = proto;
        return HAVE;
    }

    return extract_l4(v, off, key, offs);
}

static int extract_arp(const struct view *v, unsigned int off,
                       struct hicamp_flow_key *key)
{
    static const uint8_t ethernet_ipv4[6] = { 0, 1, 8, 0, 6, 4 };
    const uint8_t *p = v->hdr + off;
    int rc = have(v, off, ARP_PACKET);

    if ( rc != HAVE )
        return rc;
    if ( memcmp(p, ethernet_ipv4, sizeof(ethernet_ipv4)) )
        return HAVE;

    key->ip_proto = p[6] ? 0 : p[7];
    memcpy(key->arp_sha, p + 8, 6);
    memcpy(key->ip_src, p + 14, 4);
    memcpy(key->arp_tha, p + 18, 6);
    memcpy(key->ip_dst, p + 24, 4);

    return HAVE;
}

/* The tag, if type says that there is one, and behind it the next type. */
static int extract_vlan(const struct view *v, unsigned int *off,
                        uint16_t *type, uint16_t *tci, uint16_t *tpid)
{
    int rc;

    if ( likely(!is_vlan(*type)) )
        return HAVE;

    rc = have(v, *off, VLAN_TAG);
    if ( rc != HAVE )
        return rc;

    *tpid = *type;
    *tci = raw16(v->hdr + *off) | cpu_to_be16(HICAMP_VLAN_PRESENT);
    *type = raw16(v->hdr + *off + 2);
    *off += VLAN_TAG;

    return HAVE;
}

int hicamp_key_extract(const uint8_t *hdr, unsigned int inline_len,
                       unsigned int len, uint32_t in_port,
                       struct hicamp_flow_key *key,
                       struct hicamp_key_offsets *off)
{
    struct view v = { hdr, min(inline_len, len), len };
    unsigned int l3 = ETH_HEADER;
    uint16_t type;
    int rc;

    memset(key, 0, sizeof(*key));
    memset(off, 0, sizeof(*off));
    key->in_port = in_port;

    if ( unlikely(len < ETH_HEADER) )
        return -EINVAL;
    if ( unlikely(v.valid < ETH_HEADER) )
        return -ENODATA;

    memcpy(key->eth_dst, hdr, 6);
    memcpy(key->eth_src, hdr + 6, 6);
    type = raw16(hdr + 12);

    rc = extract_vlan(&v, &l3, &type, &key->vlan_tci, &key->vlan_tpid);
    if ( rc == HAVE && unlikely(key->vlan_tci) )
        rc = extract_vlan(&v, &l3, &type, &key->cvlan_tci, &key->cvlan_tpid);

    off->l3 = l3;
    if ( likely(be16_to_cpu(type) >= ETHERTYPE_MIN) )
        key->eth_type = type;

    if ( likely(rc == HAVE) )
        switch ( be16_to_cpu(type) )
        {
        case ETHERTYPE_IPV4:
            rc = extract_ipv4(&v, l3, key, off);
            break;
        case ETHERTYPE_IPV6:
            rc = extract_ipv6(&v, l3, key, off);
            break;
        case ETHERTYPE_ARP:
        case ETHERTYPE_RARP:
            rc = extract_arp(&v, l3, key);
            break;
        }

    return unlikely(rc == FAR) ? -ENODATA : 0;
}

uint32_t hicamp_key_hash(const struct hicamp_flow_key *key)
{
    uint64_t word[5] = {};
    uint64_t hash = 0;
    unsigned int i;

    switch ( be16_to_cpu(key->eth_type) )
    {
    case ETHERTYPE_IPV4:
    case ETHERTYPE_IPV6:
        memcpy(&word[0], key->ip_src, 16);
        memcpy(&word[2], key->ip_dst, 16);
        if ( !key->ip_frag )
            word[4] = ((uint64_t)key->ip_proto << 32) |
                      ((uint32_t)key->l4_src << 16) | key->l4_dst;
        break;

    default:
        memcpy(&word[0], key->eth_src, 6);
        memcpy(&word[1], key->eth_dst, 6);
        break;
    }

    for ( i = 0; i < ARRAY_SIZE(word); i++ )
    {
        hash = (hash ^ word[i]) * 0x9e3779b97f4a7c15ull;
        hash ^= hash >> 32;
    }

    return hash;
}
