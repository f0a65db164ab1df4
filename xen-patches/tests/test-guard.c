/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-guard.c
 *
 * Whose addresses a port may send from: each rule on packets of its own, then
 * all of them on random ones, against what their maker knows of them.
 */

#include <arpa/inet.h>

#include "guard.h"
#include "traffic.h"

#define ICMPV6          58
#define RS              133
#define NS              135
#define NA              136

/* frame_eth()'s source. */
static const uint8_t own_mac[6] = { 2, 0, 0, 0, 0, 0xa };
static const uint8_t other_mac[6] = { 2, 0, 0, 0, 0, 0xc };

void test_setup(void)
{
    guests_boot("1M");
}

/* ---- Lists --------------------------------------------------------------- */

static struct hicamp_addr addr_of(const char *text, unsigned int prefix)
{
    struct hicamp_addr addr = { .family = 6, .prefix = prefix };

    if ( inet_pton(AF_INET6, text, addr.addr) != 1 )
    {
        CHECK_EQ(inet_pton(AF_INET, text, addr.addr), 1);
        addr.family = 4;
    }

    return addr;
}

static struct hicamp_port_addrs list_of(const struct hicamp_addr *addr,
                                        unsigned int nr)
{
    struct hicamp_port_addrs op = {
        .domid = a->d->domain_id, .devid = a->devid, .nr = nr,
    };

    if ( nr )
        memcpy(op.addr, addr, nr * sizeof(*addr));

    return op;
}

static int set_list(const struct hicamp_addr *addr, unsigned int nr)
{
    struct hicamp_port_addrs op = list_of(addr, nr);

    return emul_hypercall(dom0, HICAMP_OP_port_addrs, &op);
}

static int set_one(const char *text, unsigned int prefix)
{
    struct hicamp_addr addr = addr_of(text, prefix);

    return set_list(&addr, 1);
}

/* Three guests; a has frame_eth()'s address. */
static void world(void)
{
    three_guests();
    memcpy(a->mac, own_mac, 6);
    CHECK_EQ(guest_set(a, HICAMP_PORT_SET_MAC, 0, 0), 0);
}

static void guard_mac(bool on)
{
    CHECK_EQ(guest_set(a, HICAMP_PORT_SET_FLAGS, 0,
                       on ? HICAMP_PORT_ANTISPOOF : 0), 0);
}

TEST(a_list_is_checked_set_told_and_forgotten)
{
    struct hicamp_addr some[HICAMP_ADDRS_MAX];
    struct hicamp_port_addrs op;
    unsigned int i;

    world();
    for ( i = 0; i < HICAMP_ADDRS_MAX; i++ )
    {
        some[i] = addr_of(i % 2 ? "10.0.0.0" : "fd00::", i % 2 ? 32 : 128);
        some[i].addr[i % 2 ? 3 : 15] = i;
    }
    CHECK_EQ(set_list(some, HICAMP_ADDRS_MAX), 0);

    op = list_of(NULL, 0);
    op.nr = HICAMP_ADDRS_KEEP;
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_addrs, &op), 0);
    CHECK_EQ(op.nr, HICAMP_ADDRS_MAX);
    CHECK(!memcmp(op.addr, some, sizeof(some)));

    /* Not the administrator's, not there, too many, something behind them. */
    CHECK_EQ(emul_hypercall(a->d, HICAMP_OP_port_addrs, &op), -EPERM);
    op = list_of(some, 1);
    op.domid = 99;
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_addrs, &op), -ENOENT);
    op = list_of(some, HICAMP_ADDRS_MAX);
    op.nr++;
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_addrs, &op), -EINVAL);
    op = list_of(some, 3);
    op.nr = 2;
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_addrs, &op), -EINVAL);
    op.nr = HICAMP_ADDRS_KEEP;
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_addrs, &op), -EINVAL);

    /* No address, or more than its prefix. */
    CHECK_EQ(set_one("10.0.0.0", 0), -EINVAL);
    CHECK_EQ(set_one("10.0.0.0", 33), -EINVAL);
    CHECK_EQ(set_one("10.0.0.1", 24), -EINVAL);
    CHECK_EQ(set_one("10.0.0.0", 8), 0);
    CHECK_EQ(set_one("fd00::", 129), -EINVAL);
    CHECK_EQ(set_one("fd00::1", 127), -EINVAL);
    CHECK_EQ(set_one("fd00::", 0), -EINVAL);
    CHECK_EQ(set_one("fc00::", 7), 0);
    some[0].family = 5;
    CHECK_EQ(set_list(some, 1), -EINVAL);
    some[1].pad[5] = 1;
    CHECK_EQ(set_list(some + 1, 1), -EINVAL);

    /* What was refused has changed nothing. */
    op = list_of(NULL, 0);
    op.nr = HICAMP_ADDRS_KEEP;
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_addrs, &op), 0);
    CHECK_EQ(op.nr, 1);
    CHECK_EQ(op.addr[0].prefix, 7);
    CHECK_EQ(set_list(NULL, 0), 0);
    op.nr = HICAMP_ADDRS_KEEP;
    memset(op.addr, 0, sizeof(op.addr));
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_addrs, &op), 0);
    CHECK_EQ(op.nr, 0);

    /* One that stands when the port goes, goes with it. */
    CHECK_EQ(set_one("10.0.0.0", 8), 0);
    guests_end();
}

/* ---- Rules --------------------------------------------------------------- */

static void sends(const struct frame *f, bool passes)
{
    struct pkt p = pkt_frame(f, f->len);

    if ( passes )
        arrives(&p);
    else
        refused(&p, CNT(drop_spoof));
}

static struct frame udp4(const char *from, unsigned int sport,
                         unsigned int dport)
{
    struct frame f = { 0 };

    frame_eth(&f);
    frame_ipv4(&f, 0, 0);
    CHECK_EQ(inet_pton(AF_INET, from, f.b + f.ip_at + 12), 1);
    frame_l4(&f, 17, 8);
    frame_put16(&f, f.l4, sport);
    frame_put16(&f, f.l4 + 2, dport);

    return f;
}

static struct frame udp6(const char *from)
{
    struct frame f = { 0 };

    frame_eth(&f);
    frame_ipv6(&f);
    CHECK_EQ(inet_pton(AF_INET6, from, f.b + f.ip6_at + 8), 1);
    frame_l4(&f, 17, 8);

    return f;
}

TEST(ip4_comes_from_the_list_or_asks_by_dhcp)
{
    struct frame f;

    world();
    f = udp4("192.168.7.7", 1, 2);
    sends(&f, true);

    CHECK_EQ(set_one("10.1.2.0", 23), 0);
    sends(&f, false);
    f = udp4("10.1.2.0", 1, 2);
    sends(&f, true);
    f = udp4("10.1.3.255", 1, 2);
    sends(&f, true);
    f = udp4("10.1.4.0", 1, 2);
    sends(&f, false);
    f = udp4("0.0.0.0", 68, 67);
    sends(&f, true);
    f = udp4("0.0.0.0", 67, 68);
    sends(&f, false);
    f = udp4("0.0.0.0", 68, 68);
    sends(&f, false);
    f = udp4("10.1.4.0", 68, 67);
    sends(&f, false);

    /* What comes behind the first fragment has an address, too. */
    f = udp4("10.1.2.9", 1, 2);
    f.b[f.ip_at + 7] = 5;
    sends(&f, true);
    f.b[f.ip_at + 14] = 9;
    sends(&f, false);

    /* Its MAC is of no concern to the list, nor is IPv6 in it. */
    f = udp4("10.1.2.9", 1, 2);
    f.b[11]++;
    sends(&f, true);
    f = udp6("fd00::1");
    sends(&f, false);
    CHECK_EQ(set_list(NULL, 0), 0);
    sends(&f, true);
    guests_end();
}

TEST(ip6_comes_from_the_list_or_from_the_link_local_address_of_the_mac)
{
    struct frame f = { 0 };

    world();
    CHECK_EQ(set_one("fd00:1::", 33), 0);
    f = udp6("fd00:1:7fff::1");
    sends(&f, true);
    f = udp6("fd00:1:8000::1");
    sends(&f, false);
    f = udp6("fe80::ff:fe00:a");
    sends(&f, true);
    f = udp6("fe80::ff:fe00:b");
    sends(&f, false);
    f = udp6("::");
    sends(&f, false);

    memset(&f, 0, sizeof(f));
    frame_eth(&f);
    frame_ipv6(&f);
    memset(f.b + f.ip6_at + 8, 0, 16);
    frame_icmp(&f, ICMPV6, RS, 0);
    sends(&f, true);

    /* Without IPv6 in the list, that one is not either. */
    CHECK_EQ(set_one("10.0.0.1", 32), 0);
    f = udp6("fe80::ff:fe00:a");
    sends(&f, false);
    guests_end();
}

TEST(arp_says_who_the_sender_is)
{
    struct frame f = { 0 };
    unsigned int op;

    world();
    for ( op = 1; op <= 2; op++ )
    {
        memset(&f, 0, sizeof(f));
        frame_eth(&f);
        frame_arp(&f, 0x0806, op);
        sends(&f, true);

        guard_mac(true);
        sends(&f, false);
        memcpy(f.b + f.l3 + 8, own_mac, 6);
        sends(&f, true);

        CHECK_EQ(set_one("10.0.0.2", 32), 0);
        sends(&f, false);
        CHECK_EQ(set_one("10.0.0.1", 32), 0);
        sends(&f, true);
        memset(f.b + f.l3 + 14, 0, 4);
        sends(&f, true);        /* a probe (RFC 5227) */
        memcpy(f.b + f.l3 + 14, "\x0a\0\0\2", 4);
        sends(&f, false);
        f.b[13] = 0x35;
        f.b[12] = 0x80;         /* RARP */
        sends(&f, false);

        guard_mac(false);
        f.b[f.l3 + 17] = 1;
        memcpy(f.b + f.l3 + 8, other_mac, 6);
        sends(&f, true);
        CHECK_EQ(set_list(NULL, 0), 0);
    }
    guests_end();
}

/* Neighbour discovery, with one option. */
static struct frame nd(const char *from, unsigned int type, const char *target,
                       unsigned int option, const uint8_t *mac)
{
    struct frame f = { 0 };
    uint8_t *p;

    frame_eth(&f);
    frame_ipv6(&f);
    CHECK_EQ(inet_pton(AF_INET6, from, f.b + f.ip6_at + 8), 1);
    frame_icmp(&f, ICMPV6, type, 0);
    if ( target )
        CHECK_EQ(inet_pton(AF_INET6, target, frame_add(&f, 16)), 1);
    if ( mac )
    {
        p = frame_add(&f, 8);
        p[0] = option;
        p[1] = 1;
        memcpy(p + 2, mac, 6);
    }

    return f;
}

TEST(neighbour_discovery_says_who_the_sender_is)
{
    struct frame f;
    struct pkt p;

    world();
    CHECK_EQ(set_one("fd00::1", 128), 0);

    /* Others are asked for freely, as long as it is not a claim. */
    f = nd("fd00::1", NS, "fd00::9", 1, other_mac);
    sends(&f, true);
    f = nd("::", NS, "fd00::9", 0, NULL);
    sends(&f, false);
    f = nd("::", NS, "fd00::1", 0, NULL);
    sends(&f, true);
    f = nd("::", NS, "fe80::ff:fe00:a", 0, NULL);
    sends(&f, true);
    f = nd("fd00::1", NA, "fd00::9", 2, own_mac);
    sends(&f, false);
    f = nd("fd00::1", NA, "fd00::1", 2, other_mac);
    sends(&f, true);

    guard_mac(true);
    sends(&f, false);
    f = nd("fd00::1", NA, "fd00::1", 2, own_mac);
    sends(&f, true);
    f = nd("fd00::1", NS, "fd00::9", 1, other_mac);
    sends(&f, false);
    f = nd("fd00::1", NS, "fd00::9", 14, other_mac);
    sends(&f, true);            /* a nonce */
    f = nd("::", RS, NULL, 1, other_mac);
    sends(&f, false);
    f = nd("::", RS, NULL, 1, own_mac);
    sends(&f, true);

    /* Options that lie about their length. */
    f.b[f.len - 7] = 0;
    sends(&f, false);
    f.b[f.len - 7] = 2;
    sends(&f, false);
    f.b[f.len - 7] = 1;
    f.len -= 2;
    sends(&f, false);

    /* The target behind what Xen copied; and without a word about a MAC. */
    f = nd("fd00::1", NA, "fd00::1", 2, own_mac);
    f.len -= 8;
    p = pkt_frame(&f, f.len + 8);
    refused(&p, CNT(drop_spoof));
    guard_mac(false);
    f.len -= 16;
    p = pkt_frame(&f, f.len + 24);
    refused(&p, CNT(drop_spoof));

    /* In fragments nobody may (RFC 6980); without a guard, who wants may. */
    memset(&f, 0, sizeof(f));
    frame_eth(&f);
    frame_ipv6(&f);
    inet_pton(AF_INET6, "fd00::1", f.b + f.ip6_at + 8);
    frame_frag6(&f, 1);
    frame_icmp(&f, ICMPV6, NA, 0);
    inet_pton(AF_INET6, "fd00::1", frame_add(&f, 16));
    sends(&f, false);
    CHECK_EQ(set_list(NULL, 0), 0);
    sends(&f, true);
    guests_end();
}

TEST(what_cannot_be_seen_does_not_pass_a_list)
{
    struct frame f;
    unsigned int tags, i;

    world();
    CHECK_EQ(set_one("10.0.0.1", 32), 0);
    for ( tags = 0; tags <= 3; tags++ )
    {
        memset(&f, 0, sizeof(f));
        frame_eth(&f);
        for ( i = 0; i < tags; i++ )
            frame_vlan(&f, i ? 0x8100 : 0x88a8, 5);
        frame_ipv4(&f, 0, 0);
        frame_tcp(&f, 0, 2);
        sends(&f, tags < 3);
        f.b[f.ip_at + 15]++;
        sends(&f, false);
    }

    memset(&f, 0, sizeof(f));
    frame_eth(&f);
    frame_type(&f, 46);         /* a length */
    frame_add(&f, 46);
    sends(&f, false);
    frame_type(&f, 0x88b5);     /* neither IP nor ARP */
    sends(&f, true);

    /* Shorter than its header. */
    memset(&f, 0, sizeof(f));
    frame_eth(&f);
    frame_type(&f, 0x0800);
    frame_add(&f, 10);
    sends(&f, false);
    guests_end();
}

/* ---- All at once --------------------------------------------------------- */

/* What the maker of a frame knows of it. */
struct facts {
    bool own_mac, own_sha, other, arp, ip6, hidden, dhcp, icmp6;
    unsigned int nd;            /* type, 0: none */
    bool frag, option, option_own;
    uint8_t src[16], target[16];
};

/* Addresses with few different bits, so that prefixes tell them apart. */
static void some_addr(uint8_t *ip, bool ip6)
{
    uint64_t r = test_random();

    memset(ip, 0, 16);
    if ( !(r % 8) )
        return;
    if ( ip6 && !((r >> 3) % 4) )
    {
        memcpy(ip, "\xfe\x80\0\0\0\0\0\0\0\0\0\xff\xfe\0\0\x0a", 16);
        ip[15] ^= (r >> 5) % 2;
        return;
    }
    ip[0] = ip6 ? 0xfd : 10;
    ip[1] = (r >> 8) & 1;
    ip[ip6 ? 9 : 2] = (r >> 16) & 0x81;
    ip[ip6 ? 15 : 3] = (r >> 24) & 3;
}

static struct frame some_frame(struct facts *k)
{
    struct frame f = { 0 };
    uint64_t r = test_random();
    unsigned int i, tags = r % 8 ? 0 : (r >> 3) % 4, kind = (r >> 5) % 8;
    uint8_t *p;

    memset(k, 0, sizeof(*k));
    frame_eth(&f);
    k->own_mac = (r >> 8) % 8;
    if ( !k->own_mac )
        memcpy(f.b + 6, other_mac, 6);
    for ( i = 0; i < tags; i++ )
        frame_vlan(&f, 0x8100, i);
    k->hidden = tags == 3;
    k->ip6 = kind >= 4;
    some_addr(k->src, k->ip6);
    some_addr(k->target, true);

    if ( kind == 0 )
    {
        k->other = true;
        frame_type(&f, 0x88cc);
        frame_add(&f, 46);
    }
    else if ( kind == 1 )
    {
        k->arp = true;
        frame_arp(&f, (r >> 11) % 4 ? 0x0806 : 0x8035, 1 + (r >> 13) % 2);
        k->own_sha = (r >> 14) % 2;
        memcpy(f.b + f.l3 + 8, k->own_sha ? f.b + 6 : (uint8_t *)"abcdef", 6);
        memcpy(f.b + f.l3 + 14, k->src, 4);
    }
    else if ( !k->ip6 )
    {
        k->dhcp = (r >> 11) % 2;
        frame_ipv4(&f, (r >> 12) % 3 * 4, 0);
        memcpy(f.b + f.ip_at + 12, k->src, 4);
        frame_l4(&f, 17, 8);
        frame_put16(&f, f.l4, k->dhcp ? 68 : 69);
        frame_put16(&f, f.l4 + 2, 67);
    }
    else
    {
        frame_ipv6(&f);
        memcpy(f.b + f.ip6_at + 8, k->src, 16);
        if ( (r >> 11) % 2 )
            frame_ext(&f, 60, 8);
        k->frag = !((r >> 12) % 8);
        if ( k->frag )
            frame_frag6(&f, 1);
        k->icmp6 = kind >= 5;
        if ( kind == 4 )
            frame_l4(&f, 17, 8);
        else if ( kind == 5 )
            frame_icmp(&f, ICMPV6, 128, 0);
        else
        {
            k->nd = (r >> 15) % 4 + RS;
            frame_icmp(&f, ICMPV6, k->nd, 0);
            if ( k->nd >= NS )
                memcpy(frame_add(&f, 16), k->target, 16);
            else if ( k->nd != RS )
                frame_add(&f, 8);
            k->option = (r >> 17) % 2;
            k->option_own = (r >> 18) % 2;
            if ( k->option )
            {
                p = frame_add(&f, 8);
                p[0] = 1 + (r >> 19) % 2;
                p[1] = 1;
                memcpy(p + 2, k->option_own ? f.b + 6 : (uint8_t *)"abcdef",
                       6);
            }
        }
    }
    frame_end(&f, 0);

    return f;
}

/* Bit by bit. */
static bool in_list(const struct hicamp_addr *list, unsigned int nr, bool ip6,
                    const uint8_t *ip)
{
    bool any = false;
    unsigned int i, bit;

    for ( i = 0; i < nr; i++ )
    {
        if ( (list[i].family == 6) != ip6 )
            continue;
        any = true;
        for ( bit = 0; bit < list[i].prefix; bit++ )
            if ( ((ip[bit / 8] ^ list[i].addr[bit / 8]) << (bit % 8)) & 0x80 )
                break;
        if ( bit == list[i].prefix )
            return true;
    }

    return ip6 && any &&
           !memcmp(ip, "\xfe\x80\0\0\0\0\0\0\0\0\0\xff\xfe\0\0\x0a", 16);
}

static bool may_pass(const struct facts *k, bool mac,
                     const struct hicamp_addr *list, unsigned int nr)
{
    static const uint8_t none[16];
    bool nobody = !memcmp(k->src, none, 16);
    bool ours = !nr || in_list(list, nr, k->ip6, k->src);

    if ( mac && !k->own_mac )
        return false;
    if ( k->hidden )
        return !nr;
    if ( k->other )
        return true;
    if ( k->arp )
        return (ours || nobody) && (!mac || k->own_sha);
    if ( !ours && !(nobody && (k->ip6 ? k->icmp6 : k->dhcp)) )
        return false;
    if ( !k->nd || (!mac && !nr) )
        return true;
    if ( k->frag || (mac && k->option && !k->option_own) )
        return false;

    return !nr || !(k->nd == NA || (k->nd == NS && nobody)) ||
           in_list(list, nr, true, k->target);
}

TEST(random_packets_pass_when_their_maker_says_so)
{
    struct hicamp_addr list[HICAMP_ADDRS_MAX];
    unsigned int round, i, n, bit, nr, passed = 0, stopped = 0;

    world();
    for ( round = 0; round < 2000; round++ )
    {
        bool mac = test_random() % 2;
        const struct port *port;

        nr = test_random() % 4 ? test_random() % (HICAMP_ADDRS_MAX + 1) : 0;
        for ( i = 0; i < nr; i++ )
        {
            bool ip6 = test_random() % 2;

            list[i] = (struct hicamp_addr){ .family = ip6 ? 6 : 4 };
            some_addr(list[i].addr, ip6);
            list[i].prefix = (ip6 ? 128 : 32) -
                             test_random() % (test_random() % 4 ? 3 : 32);
            for ( bit = list[i].prefix; bit < 128; bit++ )
                list[i].addr[bit / 8] &= ~(0x80 >> (bit % 8));
        }
        guard_mac(mac);
        CHECK_EQ(set_list(list, nr), 0);

        rcu_read_lock(&hicamp_rcu);
        port = port_by_id(a->port);
        for ( n = 0; n < 100; n++ )
        {
            struct facts k;
            struct frame f = some_frame(&k);
            struct hicamp_flow_key key;
            struct hicamp_key_offsets off;
            bool passes;

            CHECK_EQ(hicamp_key_extract(f.b, f.len, f.len, port->id, &key,
                                        &off), 0);
            passes = guard_passes(port, &key, &off, f.b, f.len);
            CHECK_EQ(passes, may_pass(&k, mac, list, nr));
            passed += passes;
            stopped += !passes;
        }
        rcu_read_unlock(&hicamp_rcu);
    }
    CHECK(passed > 50000 && stopped > 50000);
    guests_end();
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
