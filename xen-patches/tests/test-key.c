/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-key.c
 *
 * Header bytes to flow key: every kind of packet, cut at every length, and
 * random bytes.  Each call reads from an allocation of exactly inline_len
 * bytes, so AddressSanitizer sees a read beyond it.
 */

#include "test.h"
#include "key.h"
#include "packets.h"

#define PORT                    0x00010007u

static struct hicamp_flow_key key;
static struct hicamp_key_offsets off;

void test_setup(void)
{
}

static int extract(const uint8_t *b, unsigned int inl, unsigned int len)
{
    uint8_t *p = malloc(inl ?: 1);
    int rc;

    memcpy(p, b, inl);
    memset(&key, 0xff, sizeof(key));
    memset(&off, 0xff, sizeof(off));
    rc = hicamp_key_extract(p, inl, len, PORT, &key, &off);
    free(p);

    return rc;
}

static void whole(struct frame *f, unsigned int payload)
{
    frame_end(f, payload);
    CHECK_EQ(extract(f->b, f->len, f->len), 0);
    CHECK_EQ(key.in_port, PORT);
    CHECK(!memcmp(key.eth_dst, f->b, 6));
    CHECK(!memcmp(key.eth_src, f->b + 6, 6));
    CHECK_EQ(off.l3, f->l3);
    CHECK(!memcmp(key.reserved, (uint32_t[5]){ 0 }, sizeof(key.reserved)));
}

static void check_ipv4(void)
{
    static const uint8_t zero[12];

    CHECK_EQ(key.eth_type, cpu_to_be16(0x0800));
    CHECK(!memcmp(key.ip_src, "\x0a\0\0\1", 4));
    CHECK(!memcmp(key.ip_dst, "\x0a\0\0\2", 4));
    CHECK(!memcmp(key.ip_src + 4, zero, 12));
    CHECK_EQ(key.ip_tos, 0x2e);
    CHECK_EQ(key.ip_ttl, 64);
}

static void check_ipv6(void)
{
    CHECK_EQ(key.eth_type, cpu_to_be16(0x86dd));
    CHECK_EQ(key.ip_src[0], 0x11);
    CHECK_EQ(key.ip_src[15], 0x11);
    CHECK_EQ(key.ip_dst[15], 0x22);
    CHECK_EQ(key.ip6_label, cpu_to_be32(0x12345));
    CHECK_EQ(key.ip_tos, 0x2e);
    CHECK_EQ(key.ip_ttl, 63);
}

static void check_l4(const struct frame *f, unsigned int proto)
{
    CHECK_EQ(key.ip_proto, proto);
    CHECK_EQ(off.l4_proto, proto);
    CHECK_EQ(off.l4, f->l4);
    CHECK_EQ(off.payload, f->payload);
    CHECK_EQ(key.l4_src, cpu_to_be16(0x3039));
    CHECK_EQ(key.l4_dst, cpu_to_be16(0x1451));
}

static void check_no_l4(void)
{
    CHECK_EQ(off.l4, 0);
    CHECK_EQ(off.payload, 0);
    CHECK_EQ(key.l4_src, 0);
    CHECK_EQ(key.l4_dst, 0);
    CHECK_EQ(key.tcp_flags, 0);
}

TEST(tcp_over_ipv4_with_options_in_both)
{
    struct frame f = { .len = 0 };

    frame_eth(&f);
    frame_ipv4(&f, 8, 0x4000);
    frame_tcp(&f, 12, 0x112);
    whole(&f, 60);
    check_ipv4();
    check_l4(&f, 6);
    CHECK_EQ(key.tcp_flags, cpu_to_be16(0x112));
    CHECK_EQ(key.ip_frag, 0);
    CHECK_EQ(key.vlan_tci, 0);
}

TEST(udp_and_sctp_over_ipv4_and_ipv6)
{
    unsigned int i;

    for ( i = 0; i < 4; i++ )
    {
        struct frame f = { .len = 0 };

        frame_eth(&f);
        if ( i & 1 )
            frame_ipv6(&f);
        else
            frame_ipv4(&f, 0, 0);
        frame_l4(&f, i & 2 ? 17 : 132, i & 2 ? 8 : 12);
        whole(&f, 20);
        if ( i & 1 )
            check_ipv6();
        else
            check_ipv4();
        check_l4(&f, i & 2 ? 17 : 132);
        CHECK_EQ(key.tcp_flags, 0);
    }
}

TEST(icmp_type_and_code_stand_in_the_ports)
{
    struct frame f = { .len = 0 }, g = { .len = 0 }, h = { .len = 0 };

    frame_eth(&f);
    frame_ipv4(&f, 0, 0);
    frame_icmp(&f, 1, 8, 3);
    whole(&f, 10);
    CHECK_EQ(key.l4_src, cpu_to_be16(8));
    CHECK_EQ(key.l4_dst, cpu_to_be16(3));
    CHECK_EQ(off.payload, f.payload);

    frame_eth(&g);
    frame_ipv6(&g);
    frame_icmp(&g, 58, 135, 0);
    whole(&g, 16);
    CHECK_EQ(key.l4_src, cpu_to_be16(135));
    CHECK_EQ(key.ip_proto, 58);

    /* ICMPv6 in IPv4 is nothing known. */
    frame_eth(&h);
    frame_ipv4(&h, 0, 0);
    frame_icmp(&h, 58, 135, 0);
    whole(&h, 16);
    CHECK_EQ(key.ip_proto, 58);
    check_no_l4();
}

TEST(arp_and_rarp_addresses_and_operation)
{
    unsigned int i;

    for ( i = 0; i < 2; i++ )
    {
        struct frame f = { .len = 0 };
        unsigned int type = i ? 0x8035 : 0x0806;

        frame_eth(&f);
        frame_arp(&f, type, 2 + i);
        whole(&f, 18);
        CHECK_EQ(key.eth_type, cpu_to_be16(type));
        CHECK_EQ(key.ip_proto, 2 + i);
        CHECK(!memcmp(key.ip_src, "\x0a\0\0\1", 4));
        CHECK(!memcmp(key.ip_dst, "\x0a\0\0\2", 4));
        CHECK_EQ(key.arp_sha[5], 0x33);
        CHECK_EQ(key.arp_tha[0], 0x44);
        check_no_l4();
    }
}

TEST(arp_for_other_hardware_has_no_fields)
{
    struct frame f = { .len = 0 };

    frame_eth(&f);
    frame_arp(&f, 0x0806, 1);
    f.b[15] = 6;
    whole(&f, 0);
    CHECK_EQ(key.ip_proto, 0);
    CHECK_EQ(key.arp_sha[0], 0);
}

TEST(one_and_two_vlan_tags_are_keyed_and_a_third_is_the_type)
{
    struct frame f = { .len = 0 }, g = { .len = 0 }, h = { .len = 0 };

    frame_eth(&f);
    frame_vlan(&f, 0x8100, 0xa064);
    frame_ipv4(&f, 0, 0);
    frame_l4(&f, 17, 8);
    whole(&f, 4);
    CHECK_EQ(key.vlan_tpid, cpu_to_be16(0x8100));
    CHECK_EQ(key.vlan_tci, cpu_to_be16(0xb064));
    CHECK_EQ(key.cvlan_tci, 0);
    CHECK_EQ(key.cvlan_tpid, 0);
    check_ipv4();
    check_l4(&f, 17);

    /* VLAN 0 is a tag, too. */
    frame_eth(&g);
    frame_vlan(&g, 0x88a8, 0);
    frame_vlan(&g, 0x8100, 7);
    frame_ipv6(&g);
    frame_tcp(&g, 0, 2);
    whole(&g, 4);
    CHECK_EQ(key.vlan_tpid, cpu_to_be16(0x88a8));
    CHECK_EQ(key.vlan_tci, cpu_to_be16(0x1000));
    CHECK_EQ(key.cvlan_tpid, cpu_to_be16(0x8100));
    CHECK_EQ(key.cvlan_tci, cpu_to_be16(0x1007));
    check_ipv6();
    check_l4(&g, 6);

    frame_eth(&h);
    frame_vlan(&h, 0x8100, 1);
    frame_vlan(&h, 0x8100, 2);
    frame_vlan(&h, 0x8100, 3);
    frame_ipv4(&h, 0, 0);
    h.l3 = 22;
    whole(&h, 40);
    CHECK_EQ(key.eth_type, cpu_to_be16(0x8100));
    CHECK_EQ(key.ip_tos, 0);
}

TEST(an_802_3_length_is_no_type)
{
    struct frame f = { .len = 0 };

    frame_eth(&f);
    frame_put16(&f, 12, 38);
    whole(&f, 46);
    CHECK_EQ(key.eth_type, 0);
}

TEST(fragments_say_so_and_later_ones_have_no_ports)
{
    static const struct { unsigned int v4, v6, frag; } t[] = {
        { 0x2000, 0x0001, HICAMP_FRAG_ANY },
        { 0x2001, 0x0009, HICAMP_FRAG_ANY | HICAMP_FRAG_LATER },
        { 0x0010, 0x0080, HICAMP_FRAG_ANY | HICAMP_FRAG_LATER },
        { 0x1000, 0x8000, HICAMP_FRAG_ANY | HICAMP_FRAG_LATER },
        { 0x0000, 0x0000, 0 },
    };
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(t); i++ )
    {
        bool later = t[i].frag & HICAMP_FRAG_LATER;
        struct frame f = { .len = 0 }, g = { .len = 0 };

        frame_eth(&f);
        frame_ipv4(&f, 0, t[i].v4);
        frame_l4(&f, 17, 8);
        whole(&f, 32);
        CHECK_EQ(key.ip_frag, t[i].frag);
        check_ipv4();
        if ( later )
            check_no_l4();
        else
            check_l4(&f, 17);
        CHECK_EQ(key.ip_proto, 17);

        frame_eth(&g);
        frame_ipv6(&g);
        frame_frag6(&g, t[i].v6);
        frame_l4(&g, 17, 8);
        whole(&g, 32);
        CHECK_EQ(key.ip_frag, t[i].frag);
        check_ipv6();
        if ( later )
        {
            check_no_l4();
            CHECK_EQ(key.ip_proto, 44);
        }
        else
            check_l4(&g, 17);
    }
}

TEST(ipv6_extension_headers_are_skipped_up_to_a_bound)
{
    struct frame f = { .len = 0 };
    unsigned int n;

    frame_eth(&f);
    frame_ipv6(&f);
    frame_ext(&f, 0, 8);
    frame_ext(&f, 60, 16);
    frame_ext(&f, 43, 24);
    frame_ext(&f, 51, 24);
    frame_tcp(&f, 0, 0x10);
    whole(&f, 5);
    check_ipv6();
    check_l4(&f, 6);

    for ( n = KEY_EXT_MAX; n <= KEY_EXT_MAX + 1; n++ )
    {
        struct frame g = { .len = 0 };
        unsigned int i;

        frame_eth(&g);
        frame_ipv6(&g);
        for ( i = 0; i < n; i++ )
            frame_ext(&g, 60, 8);
        frame_l4(&g, 17, 8);
        frame_end(&g, 0);
        CHECK_EQ(extract(g.b, g.len, g.len),
                 n == KEY_EXT_MAX ? 0 : -ENODATA);
    }
}

TEST(ethernet_padding_is_not_l4)
{
    struct frame f = { .len = 0 };

    /* An IP packet that ends before its UDP header, padded to 60 bytes. */
    frame_eth(&f);
    frame_ipv4(&f, 0, 0);
    f.b[f.proto_at] = 17;
    frame_end(&f, 4);
    memset(frame_add(&f, 22), 0xee, 22);
    CHECK_EQ(extract(f.b, f.len, f.len), 0);
    check_ipv4();
    check_no_l4();
}

TEST(lengths_that_contradict_leave_fields_zero)
{
    static const struct { unsigned int at; uint8_t v; } t[] = {
        { 14, 0x44 },   /* IHL below 5 */
        { 14, 0x65 },   /* version */
        { 16, 0xff },   /* total length beyond the frame */
        { 17, 19 },     /* total length below the header's */
        { 14, 0x4f },   /* header longer than total length */
    };
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(t); i++ )
    {
        struct frame f = { .len = 0 };

        frame_eth(&f);
        frame_ipv4(&f, 0, 0);
        frame_l4(&f, 17, 8);
        frame_end(&f, 10);
        f.b[t[i].at] = t[i].v;
        CHECK_EQ(extract(f.b, f.len, f.len), 0);
        CHECK_EQ(key.ip_proto, 0);
        CHECK_EQ(key.ip_src[0], 0);
        check_no_l4();
    }
}

TEST(frames_shorter_than_ethernet_are_refused)
{
    static const uint8_t zero[14];
    unsigned int len;

    for ( len = 0; len < 14; len++ )
    {
        CHECK_EQ(extract(zero, len, len), -EINVAL);
        CHECK_EQ(extract(zero, len, 60), -ENODATA);
    }
    CHECK_EQ(extract(zero, 14, 14), 0);
}

/* Frames of every kind, for the tests that mangle them. */
static void sample(struct frame *f, unsigned int i)
{
    memset(f, 0, sizeof(*f));
    frame_eth(f);
    if ( i & 1 )
        frame_vlan(f, 0x88a8, 9);
    if ( i & 2 )
        frame_vlan(f, 0x8100, 10);
    switch ( (i >> 2) % 8 )
    {
    case 0:
        frame_arp(f, 0x0806, 1);
        break;
    case 1:
        frame_ipv4(f, 0, 0);
        frame_tcp(f, 20, 0x18);
        break;
    case 2:
        frame_ipv4(f, 12, 0x2000);
        frame_l4(f, 17, 8);
        break;
    case 3:
        frame_ipv6(f);
        frame_tcp(f, 0, 0x18);
        break;
    case 4:
        frame_ipv6(f);
        frame_ext(f, 0, 8);
        frame_ext(f, 51, 16);
        frame_frag6(f, 1);
        frame_ext(f, 60, 16);
        frame_icmp(f, 58, 128, 0);
        break;
    case 5:
        frame_ipv4(f, 0, 0x20);
        break;
    case 6:
        frame_ipv6(f);
        frame_frag6(f, 0x100);
        break;
    case 7:
        frame_ipv4(f, 40, 0);
        frame_l4(f, 132, 12);
        break;
    }
    frame_end(f, 40);
}

TEST(headers_that_are_not_inline_are_refused_or_not_needed)
{
    unsigned int i;

    for ( i = 0; i < 32; i++ )
    {
        struct hicamp_key_offsets all_off;
        struct hicamp_flow_key all;
        unsigned int inl, refused = 0;
        struct frame f;
        int rc, last = -ENODATA;

        sample(&f, i);
        CHECK_EQ(extract(f.b, f.len, f.len), 0);
        all = key;
        all_off = off;

        for ( inl = 0; inl <= f.len; inl++ )
        {
            rc = extract(f.b, inl, f.len);
            CHECK(rc == 0 || rc == -ENODATA);
            /* Once enough is inline, more changes nothing. */
            CHECK(rc == 0 || last == -ENODATA);
            if ( !rc )
            {
                CHECK(!memcmp(&key, &all, sizeof(key)));
                CHECK(!memcmp(&off, &all_off, sizeof(off)));
            }
            else
                refused++;
            last = rc;
        }
        CHECK(refused >= 14 && refused <= f.len - 40);
    }
}

TEST(frames_cut_at_every_length_are_no_error)
{
    unsigned int i, len;

    for ( i = 0; i < 32; i++ )
    {
        struct frame f;

        sample(&f, i);
        for ( len = 14; len < f.len; len++ )
        {
            CHECK_EQ(extract(f.b, len, len), 0);
            CHECK(off.l4 <= len && off.payload <= len && off.l3 <= len);
        }
    }
}

/* What must hold for any bytes. */
static void check_any(const uint8_t *b, unsigned int inl, unsigned int len)
{
    int rc = extract(b, inl, len);

    CHECK(rc == 0 || rc == (len < 14 ? -EINVAL : -ENODATA));
    if ( rc )
        return;
    CHECK(off.l3 >= 14 && off.l3 <= inl);
    CHECK(!off.l4 || (off.l4 > off.l3 && off.l4 <= inl));
    CHECK(!off.payload || (off.payload > off.l4 && off.payload <= inl));
    CHECK(!(key.ip_frag & HICAMP_FRAG_LATER) || !off.l4);
    CHECK(!key.tcp_flags || key.ip_proto == 6);
}

TEST(random_and_mangled_bytes_are_never_read_beyond)
{
    unsigned int n;

    for ( n = 0; n < 100000; n++ )
    {
        struct frame f;
        unsigned int i, len, inl;

        sample(&f, test_random() % 32);
        for ( i = test_random() % 6; i; i-- )
            f.b[12 + test_random() % (f.len - 12)] = test_random();
        len = test_random() % (f.len + 1);
        inl = test_random() % (len + 1);
        check_any(f.b, inl, len);
        check_any(f.b, len, len);
    }
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
