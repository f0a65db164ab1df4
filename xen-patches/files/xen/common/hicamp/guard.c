/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guard.  Here lives the check of what a port says who it is: by the source
 * addresses of its packets, and by ARP and neighbour discovery, which would
 * draw other guests' traffic to it.
 *
 * Works on Xen's own copy of the headers, so what was checked is what is sent.
 * No lock, no allocation; loops are bounded by the list and by the bytes of the
 * header slot.
 */

#include "guard.h"

#define DHCP_SERVER     67
#define DHCP_CLIENT     68

/* Neighbour discovery (RFC 4861, section 4). */
#define ND_SOLICIT_ROUTER   133
#define ND_ADVERT_ROUTER    134
#define ND_SOLICIT          135
#define ND_ADVERT           136
#define ND_TARGET           8   /* in both of the latter */
#define ND_OPTION_SOURCE    1
#define ND_OPTION_TARGET    2

#define IPV6_HEADER     40

/* The list as it was set, and as it is compared. */
struct guard {
    struct rcu_head rcu;
    unsigned int nr, nr4, nr6;
    struct {
        uint32_t addr, mask;
    } v4[HICAMP_ADDRS_MAX];
    struct {
        uint64_t addr[2], mask[2];
    } v6[HICAMP_ADDRS_MAX];
    struct hicamp_addr list[HICAMP_ADDRS_MAX];
};

/* ---- The list ------------------------------------------------------------ */

void guard_free(struct guard *g)
{
    xfree(g);
}

static void cf_check guard_free_rcu(struct rcu_head *head)
{
    guard_free(container_of(head, struct guard, rcu));
}

/* Network order; ones up to the prefix. */
static void prefix_mask(uint8_t mask[16], unsigned int prefix)
{
    unsigned int i;

    for ( i = 0; i < 16; i++, prefix -= min(prefix, 8u) )
        mask[i] = 0xff00 >> min(prefix, 8u);
}

/* Take in an address.  False: it is none. */
static bool guard_add(struct guard *g, const struct hicamp_addr *a)
{
    static const uint8_t zero[6];
    unsigned int i, most = a->family == 4 ? 32 : 128;
    uint8_t mask[16];

    if ( (a->family != 4 && a->family != 6) || !a->prefix ||
         a->prefix > most || memcmp(a->pad, zero, sizeof(zero)) )
        return false;

    prefix_mask(mask, a->prefix);
    for ( i = 0; i < 16; i++ )
        if ( a->addr[i] & ~mask[i] )
            return false;

    if ( a->family == 4 )
    {
        memcpy(&g->v4[g->nr4].addr, a->addr, 4);
        memcpy(&g->v4[g->nr4++].mask, mask, 4);
    }
    else
    {
        memcpy(g->v6[g->nr6].addr, a->addr, 16);
        memcpy(g->v6[g->nr6++].mask, mask, 16);
    }
    g->list[g->nr++] = *a;

    return true;
}

/* *g: a list of what op says, or NULL for an empty one. */
static int guard_make(const struct hicamp_port_addrs *op, struct guard **g)
{
    static const struct hicamp_addr zero;
    unsigned int i;
    bool valid = true;

    *g = NULL;

    if ( op->nr > HICAMP_ADDRS_MAX )
        return -EINVAL;
    for ( i = op->nr; i < HICAMP_ADDRS_MAX; i++ )
        if ( memcmp(&op->addr[i], &zero, sizeof(zero)) )
            return -EINVAL;
    if ( !op->nr )
        return 0;

    *g = xzalloc(struct guard);
    if ( !*g )
        return -ENOMEM;

    for ( i = 0; valid && i < op->nr; i++ )
        valid = guard_add(*g, &op->addr[i]);
    if ( valid )
        return 0;

    guard_free(*g);
    *g = NULL;

    return -EINVAL;
}

int guard_set(struct hicamp_port_addrs *op)
{
    struct guard *g = NULL, *old;
    bool keep = op->nr == HICAMP_ADDRS_KEEP;
    struct port *port;
    int rc;

    if ( keep )
        op->nr = 0;
    rc = guard_make(op, &g);
    if ( rc )
        return rc;

    rcu_read_lock(&hicamp_rcu);

    port = port_find(op->domid, op->devid);
    if ( !port || port->fabric )
    {
        guard_free(g);
        rc = -ENOENT;
    }
    else
    {
        spin_lock(&port->ctl_lock);
        old = port->guard;
        if ( !keep )
        {
            rcu_assign_pointer(port->guard, g);
            if ( old )
                call_rcu(&old->rcu, guard_free_rcu);
        }
        else if ( old )
        {
            op->nr = old->nr;
            memcpy(op->addr, old->list, sizeof(op->addr));
        }
        spin_unlock(&port->ctl_lock);
    }

    rcu_read_unlock(&hicamp_rcu);

    return rc;
}

/* ---- The check ----------------------------------------------------------- */

static bool listed4(const struct guard *g, const uint8_t *ip)
{
    unsigned int i;
    uint32_t addr;

    memcpy(&addr, ip, sizeof(addr));
    for ( i = 0; i < g->nr4; i++ )
        if ( !((addr ^ g->v4[i].addr) & g->v4[i].mask) )
            return true;

    return false;
}

/* The link-local address that follows from the port's MAC. */
static bool link_local(const struct port *port, const uint8_t *ip)
{
    uint64_t word = read_atomic(&port->mac);
    const uint8_t *mac = (const uint8_t *)&word;
    const uint8_t own[16] = {
        0xfe, 0x80, 0, 0, 0, 0, 0, 0,
        mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5],
    };

    return !memcmp(ip, own, sizeof(own));
}

static bool listed6(const struct port *port, const struct guard *g,
                    const uint8_t *ip)
{
    unsigned int i;
    uint64_t addr[2];

    memcpy(addr, ip, sizeof(addr));
    for ( i = 0; i < g->nr6; i++ )
        if ( !(((addr[0] ^ g->v6[i].addr[0]) & g->v6[i].mask[0]) |
               ((addr[1] ^ g->v6[i].addr[1]) & g->v6[i].mask[1])) )
            return true;

    return g->nr6 && link_local(port, ip);
}

static bool is_zero(const uint8_t *ip, unsigned int bytes)
{
    static const uint8_t zero[16];

    return !memcmp(ip, zero, bytes);
}

/* A guest that has no address yet asks for one. */
static bool asks_dhcp(const struct hicamp_flow_key *key)
{
    return is_zero(key->ip_src, 4) && key->ip_proto == PROTO_UDP &&
           key->l4_src == cpu_to_be16(DHCP_CLIENT) &&
           key->l4_dst == cpu_to_be16(DHCP_SERVER);
}

/* Do the options from at to end name no hardware address but mac? */
static bool options_pass(const uint8_t *hdr, unsigned int at, unsigned int end,
                         const uint8_t *mac)
{
    while ( at < end )
    {
        unsigned int size;

        if ( end - at < 8 )
            return false;
        size = hdr[at + 1] * 8;
        if ( !size || size > end - at )
            return false;
        if ( (hdr[at] == ND_OPTION_SOURCE || hdr[at] == ND_OPTION_TARGET) &&
             memcmp(hdr + at + 2, mac, 6) )
            return false;
        at += size;
    }

    return true;
}

/* ICMPv6 that says who the sender is. */
static bool nd_passes(const struct port *port, const struct guard *g, bool mac,
                      const struct hicamp_flow_key *key,
                      const struct hicamp_key_offsets *off,
                      const uint8_t *hdr, unsigned int valid)
{
    unsigned int type = be16_to_cpu(key->l4_src), options, end;

    switch ( type )
    {
    case ND_SOLICIT_ROUTER:
        options = 8;
        break;
    case ND_ADVERT_ROUTER:
        options = 16;
        break;
    case ND_SOLICIT:
    case ND_ADVERT:
        options = 24;
        break;
    default:
        return true;
    }

    /* Key extraction found the IPv6 header, and all that it claims. */
    end = off->l3 + IPV6_HEADER + hdr[off->l3 + 4] * 256 + hdr[off->l3 + 5];
    options += off->l4;
    if ( key->ip_frag || options > end || end > valid )
        return false;

    if ( g && (type == ND_ADVERT ||
               (type == ND_SOLICIT && is_zero(key->ip_src, 16))) &&
         !listed6(port, g, hdr + off->l4 + ND_TARGET) )
        return false;

    return !mac || options_pass(hdr, options, end, key->eth_src);
}

bool guard_check(const struct port *port, const struct guard *g, bool mac,
                 const struct hicamp_flow_key *key,
                 const struct hicamp_key_offsets *off, const uint8_t *hdr,
                 unsigned int valid)
{
    if ( mac && mac_word(key->eth_src) != read_atomic(&port->mac) )
        return false;

    switch ( be16_to_cpu(key->eth_type) )
    {
    case ETHERTYPE_IPV4:
        return !g || listed4(g, key->ip_src) || asks_dhcp(key);

    case ETHERTYPE_ARP:
    case ETHERTYPE_RARP:
        return (!mac || !memcmp(key->arp_sha, key->eth_src, 6)) &&
               (!g || listed4(g, key->ip_src) || is_zero(key->ip_src, 4));

    case ETHERTYPE_IPV6:
        if ( g && !listed6(port, g, key->ip_src) &&
             !(is_zero(key->ip_src, 16) && key->ip_proto == PROTO_ICMPV6) )
            return false;
        return key->ip_proto != PROTO_ICMPV6 || !off->l4 ||
               nd_passes(port, g, mac, key, off, hdr, valid);

    case 0:
    case ETHERTYPE_VLAN:
    case ETHERTYPE_SVLAN:
        return !g;
    }

    return true;
}
