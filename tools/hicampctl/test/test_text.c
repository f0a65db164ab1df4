/* SPDX-License-Identifier: GPL-2.0-only */
/* Text to bits and back: matches, actions, numbers, errors. */

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "../match.h"
#include "test.h"

/* Ports 1.0 to 9.0 have the ids 65537 to 65545; no other exists. */
static int id_of(void *arg, const struct port_name *name, uint32_t *id,
                 struct err *err)
{
    char buf[PORT_TEXT];

    (void)arg;
    if ( name->by_id )
        *id = name->id;
    else if ( name->domid && name->domid < 10 && !name->devid )
        *id = 65536 + name->domid;
    else
        return err_set(err, EXIT_CALL, "no port %s", port_text(buf, name));

    return 0;
}

static void name_of(void *arg, uint32_t id, char buf[PORT_TEXT])
{
    struct port_name name = { .by_id = true, .id = id };

    (void)arg;
    if ( id > 65536 && id < 65546 )
        name = (struct port_name){ .domid = id - 65536 };
    port_text(buf, &name);
}

static const struct names names = { id_of, name_of, NULL };

static uint64_t seed = 88172645463325252ull;
static uint32_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return seed >> 16;
}

/* ---- Matches: what is printed is read back ------------------------------ */

static void match_round_trip(const struct match *m)
{
    struct match back;
    struct err err = { .text = "" };
    char text[MATCH_TEXT];
    int rc;

    match_text(m, &names, text);
    rc = match_parse(text, &names, &back, &err);
    CHECK(!rc && !memcmp(m, &back, sizeof(back)), "%s: %s", text, err.text);
}

/* A mask for size bytes: none, full, a prefix, or anything. */
static void random_mask(uint8_t *mask, size_t size)
{
    unsigned int bits = rnd() % (8 * size + 1), i;

    switch ( rnd() % 4 )
    {
    case 0:
        break;

    case 1:
        memset(mask, 0xff, size);
        break;

    case 2:
        for ( i = 0; i < bits; i++ )
            mask[i / 8] |= 0x80 >> (i % 8);
        break;

    default:
        for ( i = 0; i < size; i++ )
            mask[i] = rnd();
        break;
    }
}

static void random_match(struct match *m)
{
    static const uint16_t types[] = { 0x0800, 0x86dd, 0x0806 };
    static const uint8_t sizes[] = {    /* of the key's fields, in order */
        4, 2, 2, 6, 6, 2, 2, 2, 2, 16, 16, 4, 1, 1, 1, 1, 2, 2, 6, 6,
        4, 4, 4, 4, 4,
    };
    uint8_t *key = (uint8_t *)&m->key, *mask = (uint8_t *)&m->mask;
    unsigned int i, at = 0;

    memset(m, 0, sizeof(*m));
    for ( i = 0; i < ARRAY_SIZE(sizes); at += sizes[i++] )
        random_mask(mask + at, sizes[i]);
    CHECK(at == sizeof(m->key), "the key has other fields");
    for ( i = 0; i < sizeof(m->key); i++ )
        key[i] = rnd() & mask[i];

    /* Often enough a real packet's type, and what depends on it. */
    if ( rnd() % 2 )
    {
        m->mask.eth_type = 0xffff;
        m->key.eth_type = htons(types[rnd() % 3]);
    }
    if ( rnd() % 2 )
    {
        m->mask.ip_proto = 0xff;
        m->key.ip_proto = rnd() % 3 ? 1 : 58;
    }
    if ( rnd() % 2 )
    {
        memset(m->mask.ip_src + 4, 0, 12);
        memset(m->key.ip_src + 4, 0, 12);
    }
    if ( rnd() % 2 )
    {
        static const uint16_t masks[] = { 0x1fff, 0xf000, 0xffff, 0x1000 };

        m->mask.vlan_tci = htons(masks[rnd() % 4]);
        m->key.vlan_tci = htons(rnd()) & m->mask.vlan_tci;
    }
    if ( rnd() % 2 )
    {
        m->mask.in_port = UINT32_MAX;
        m->key.in_port = rnd() % 2 ? 65537 : rnd();
    }
    if ( rnd() % 2 )
    {
        m->mask.tcp_flags = htons(rnd() % 0x200);
        m->key.tcp_flags &= m->mask.tcp_flags;
        m->key.tcp_flags |= htons(rnd()) & m->mask.tcp_flags;
    }
}

static void any_match_that_is_printed_is_read_back(void)
{
    struct match m;
    unsigned int i;

    for ( i = 0; i < 100000; i++ )
    {
        random_match(&m);
        match_round_trip(&m);
    }
}

static void every_single_bit_of_the_key_is_printed(void)
{
    struct match m;
    unsigned int i;

    for ( i = 0; i < 8 * sizeof(m.key); i++ )
    {
        memset(&m, 0, sizeof(m));
        ((uint8_t *)&m.mask)[i / 8] = 1u << (i % 8);
        match_round_trip(&m);
        ((uint8_t *)&m.key)[i / 8] = 1u << (i % 8);
        match_round_trip(&m);
    }
}

/* What people write, and what the tool then says. */
static void matches_have_one_spelling(void)
{
    static const struct { const char *in, *out; } m[] = {
        { "", "any" },
        { "any", "any" },
        { "in_port=1.0", "in_port=1.0" },
        { "in_port=65538", "in_port=2.0" },
        { "in_port=0x10003", "in_port=3.0" },
        { "in_port=77", "in_port=77" },
        { "ip", "eth_type=ip" },
        { "eth_type=0x800", "eth_type=ip" },
        { "eth_type=0x88cc", "eth_type=0x88cc" },
        { "tcp,tp_dst=80", "eth_type=ip,ip_proto=tcp,l4_dst=80" },
        { "udp6", "eth_type=ipv6,ip_proto=udp" },
        { "tp_src=0x50/0xfff0", "l4_src=0x50/0xfff0" },
        { "icmp,icmp_type=8,icmp_code=0",
          "eth_type=ip,ip_proto=icmp,icmp_type=8,icmp_code=0" },
        { "eth_dst=01:00:00:00:00:00/01:00:00:00:00:00",
          "eth_dst=01:00:00:00:00:00/01:00:00:00:00:00" },
        { "eth_dst=FF:ff:FF:ff:FF:ff", "eth_dst=ff:ff:ff:ff:ff:ff" },
        { "ip,ip_src=10.0.0.0/8", "eth_type=ip,ip_src=10.0.0.0/8" },
        { "ip_src=10.0.0.1,ip", "eth_type=ip,ip_src=10.0.0.1" },
        { "ip,ip_dst=10.0.0.1/255.0.0.255",
          "eth_type=ip,ip_dst=10.0.0.1/255.0.0.255" },
        { "ipv6,ip_dst=FE80::1", "eth_type=ipv6,ip_dst=fe80::1" },
        { "ipv6,ip_dst=fe80::/10", "eth_type=ipv6,ip_dst=fe80::/10" },
        { "arp,arp_op=1,arp_tpa=10.1.2.3",
          "eth_type=arp,arp_tpa=10.1.2.3,arp_op=request" },
        { "vlan_vid=100", "vlan_vid=100" },
        { "vlan_pcp=3,vlan_vid=100", "vlan_vid=100,vlan_pcp=3" },
        { "vlan_tci=0x1064/0x1fff", "vlan_vid=100" },
        { "vlan_vid=none", "vlan_vid=none" },
        { "cvlan_vid=any", "cvlan_vid=any" },
        { "vlan_vid=1,cvlan_vid=2", "vlan_vid=1,cvlan_vid=2" },
        { "vlan_tci=0", "vlan_tci=0x0000" },
        { "ip_frag=no", "ip_frag=no" },
        { "ip_frag=1/3", "ip_frag=first" },
        { "tcp_flags=+syn-ack", "tcp_flags=+syn-ack" },
        { "tcp_flags=-ack+syn", "tcp_flags=+syn-ack" },
        { "tcp_flags=2/0x12", "tcp_flags=+syn-ack" },
        { "tcp_flags=0x12", "tcp_flags=0x0012" },
        { "ip_ttl=64,ip_tos=0x10", "ip_tos=0x10,ip_ttl=64" },
        { "ip6_label=0xabcde", "ip6_label=0xabcde" },
    };
    struct match match;
    struct err err;
    char text[MATCH_TEXT];
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(m); i++ )
    {
        err.text[0] = text[0] = '\0';
        if ( !match_parse(m[i].in, &names, &match, &err) )
            match_text(&match, &names, text);
        CHECK(!strcmp(text, m[i].out), "%s: '%s' %s", m[i].in, text,
              err.text);
    }
}

static void bits_stand_where_the_header_says(void)
{
    struct match m;
    struct err err;

    CHECK(!match_parse("in_port=1.0,tcp,vlan_vid=5,ip_src=10.0.0.1,"
                       "l4_dst=80,tcp_flags=+syn", &names, &m, &err),
          "%s", err.text);
    CHECK(m.key.in_port == 65537 && m.mask.in_port == UINT32_MAX, "port");
    CHECK(m.key.eth_type == htons(0x0800), "type");
    CHECK(m.key.vlan_tci == htons(0x1005), "tci");
    CHECK(m.mask.vlan_tci == htons(0x1fff), "tci mask");
    CHECK(m.key.ip_src[0] == 10 && m.key.ip_src[3] == 1, "source");
    CHECK(m.mask.ip_src[3] == 0xff && !m.mask.ip_src[4], "source mask");
    CHECK(m.key.ip_proto == 6, "protocol");
    CHECK(m.key.l4_dst == htons(80), "port of L4");
    CHECK(m.key.tcp_flags == htons(2) && m.mask.tcp_flags == htons(2),
          "flags");
}

static void errors_name_the_field(void)
{
    static const struct { const char *in, *text; } m[] = {
        { "eth_dst=00:zz", "flow: eth_dst: '00:zz' is not a MAC address" },
        { "eth_dst=00:00:00:00:00:01/x",
          "flow: eth_dst: 'x' is not a MAC mask" },
        { "foo=1", "flow: 'foo' is not a field" },
        { "foo", "flow: 'foo' is not a field" },
        { "eth_dst", "flow: eth_dst: needs a value" },
        { "eth_dst=", "flow: eth_dst: needs a value" },
        { "ip,,tcp_flags=0", "flow: a field is empty" },
        { "ip,", "flow: a field is empty" },
        { "any,ip", "flow: 'any' is not a field" },
        { "ip_ttl=256", "flow: ip_ttl: 256 is more than 255" },
        { "ip_ttl=-1", "flow: ip_ttl: '-1' is not a number" },
        { "ip_ttl= 1", "flow: ip_ttl: ' 1' is not a number" },
        { "ip_ttl=0x", "flow: ip_ttl: '0x' is not a number" },
        { "ip_ttl=3/", "flow: ip_ttl: '' is not a number" },
        { "ip_ttl=3/1",
          "flow: ip_ttl: '3' has bits outside its mask '1'" },
        { "eth_type=foo",
          "flow: eth_type: 'foo' is not a number or a known name" },
        { "ip_frag=no/3", "flow: ip_frag: no takes no mask" },
        { "vlan_vid=4096", "flow: vlan_vid: 4096 is more than 4095" },
        { "vlan_pcp=8", "flow: vlan_pcp: 8 is more than 7" },
        { "cvlan_vid=1/1",
          "flow: cvlan_vid: takes no mask (cvlan_tci does)" },
        { "vlan_vid=1,vlan_tci=1",
          "flow: vlan_tci: the match says this twice" },
        { "vlan_vid=none,vlan_pcp=1",
          "flow: vlan_pcp: the match says this twice" },
        { "ip,eth_type=arp", "flow: eth_type: the match says this twice" },
        { "tcp,ip_proto=6", "flow: ip_proto: the match says this twice" },
        { "l4_src=1,tp_src=1", "flow: tp_src: the match says this twice" },
        { "ip,ip_src=1.2.3.4,ip_src=1.2.3.4",
          "flow: ip_src: the match says this twice" },
        { "ip_src=10.0.0.1",
          "flow: ip_src: an IPv4 address needs eth_type=ip or arp" },
        { "ip,ip_src=10.0.0", "flow: ip_src: '10.0.0' is not an IP address" },
        { "ip,ip_src=10.0.0.1/24",
          "flow: ip_src: '10.0.0.1' has bits outside its mask '24'" },
        { "ip,ip_src=10.0.0.0/33",
          "flow: ip_src: '/33' is not a prefix length from 0 to 32" },
        { "ip_src=::/129",
          "flow: ip_src: '/129' is not a prefix length from 0 to 128" },
        { "tcp_flags=+foo",
          "flow: tcp_flags: 'foo' is not a list of flags such as +syn-ack" },
        { "tcp_flags=0x1000", "flow: tcp_flags: 0x1000 is more than 4095" },
        { "in_port=x",
          "flow: in_port: 'x' is neither DOMID.DEVID nor a port id" },
        { "in_port=40000.0",
          "flow: in_port: '40000.0' is neither DOMID.DEVID nor a port id" },
        { "in_port=12.0", "flow: in_port: no port 12.0" },
    };
    struct match match;
    struct err err;
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(m); i++ )
    {
        err.text[0] = '\0';
        CHECK(match_parse(m[i].in, &names, &match, &err) &&
              !strcmp(err.text, m[i].text), "%s: %s", m[i].in, err.text);
    }
}

/* Nothing that is thrown at the parser breaks it (the sanitizers look on). */
static void noise_is_refused_or_read_back(void)
{
    static const char *const bits[] = {
        "in_port", "ip_src", "vlan_vid", "tcp_flags", "eth_dst", "=", "/",
        ",", "1", "0x", "::", "10.0.0.0", "+syn", "-", ".", "ip", "arp",
        "ffff", "00:16:3e:00:00:01", "none", "4294967296", "%s",
    };
    char text[512], back[MATCH_TEXT];
    struct match match, again;
    struct err err;
    unsigned int i, n;

    for ( i = 0; i < 100000; i++ )
    {
        text[0] = '\0';
        for ( n = rnd() % 12; n; n-- )
            strcat(text, bits[rnd() % ARRAY_SIZE(bits)]);
        if ( match_parse(text, &names, &match, &err) )
            continue;
        match_text(&match, &names, back);
        CHECK(!match_parse(back, &names, &again, &err) &&
              !memcmp(&match, &again, sizeof(again)), "%s: %s", text, back);
    }
}

/* ---- Actions ------------------------------------------------------------ */

static void actions_that_are_printed_are_read_back(void)
{
    static const char *const sets[] = {
        "set(eth_src=02:00:00:00:00:01,ip_dst=10.1.2.3),output=1.0",
        "pop_vlan,set(eth_dst=02:00:00:00:00:00/ff:ff:ff:00:00:00),output=2.0",
        "set(ip_src=fd00::7,ip_ttl=9,l4_dst=80)",
        "push_vlan=0x88a8:0x0007,set(vlan_tci=0x2000/0xe000)",
        "meter=4294967295,set(ip_tos=0x20),output=3.0",
    };
    struct actions *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));
    char *text = malloc(ACTIONS_TEXT);
    struct err err;
    unsigned int i, n, round;

    for ( round = 0; round < 2000; round++ )
    {
        n = round ? 1 + rnd() % 40 : HICAMP_ACTIONS_MAX / 8;
        a->bytes = 0;
        for ( i = 0; i < n; i++ )
        {
            struct hicamp_action item = { HICAMP_ACT_OUTPUT, 8, 0 };

            if ( round && rnd() % 8 == 0 )
            {
                item.type = rnd() % 2 ? HICAMP_ACT_PUSH_VLAN
                                      : HICAMP_ACT_POP_VLAN;
                if ( item.type == HICAMP_ACT_PUSH_VLAN )
                    item.arg = rnd();
            }
            else if ( rnd() % 4 )
                item.arg = rnd() % 2 ? 65537 + rnd() % 9 : rnd() | 1;
            else
                item.type = HICAMP_ACT_UPCALL;
            memcpy(a->list + a->bytes, &item, sizeof(item));
            a->bytes += sizeof(item);
        }
        actions_text(a->list, a->bytes, &names, text);
        CHECK(!actions_parse(text, &names, b, &err) && a->bytes == b->bytes &&
              !memcmp(a->list, b->list, a->bytes), "%.200s", text);
    }

    for ( i = 0; i < ARRAY_SIZE(sets); i++ )
    {
        CHECK(!actions_parse(sets[i], &names, a, &err), "%s", err.text);
        actions_text(a->list, a->bytes, &names, text);
        CHECK(!strcmp(text, sets[i]), "%s, not %s", text, sets[i]);
    }

    CHECK(!actions_parse("drop", &names, a, &err) && a->bytes == 8, "drop");
    actions_text(a->list, a->bytes, &names, text);
    CHECK(!strcmp(text, "drop"), "%s", text);
    actions_text(a->list, 0, &names, text);
    CHECK(!strcmp(text, "drop"), "an empty list drops: %s", text);

    /* Lists that no parser made. */
    memset(a->list, 0, sizeof(a->list));
    actions_text(a->list, 64, &names, text);
    CHECK(!strcmp(text, "action0(0)"), "%s", text);

    free(text);
    free(b);
    free(a);
}

static void errors_name_the_action(void)
{
    static const struct { const char *in, *text; } m[] = {
        { "", "flow: no actions (a flow that drops says drop)" },
        { "foo",
          "flow: 'foo' is not an action (output=PORT, drop, upcall, "
          "meter=N, push_vlan=[TPID:]TCI, pop_vlan, set(FIELD=VALUE,...))" },
        { "output", "flow: output: needs a port, output=DOMID.DEVID" },
        { "output=", "flow: output: needs a port, output=DOMID.DEVID" },
        { "output=x",
          "flow: output: 'x' is neither DOMID.DEVID nor a port id" },
        { "output=0",
          "flow: output: '0' is neither DOMID.DEVID nor a port id" },
        { "output=12.0", "flow: output: no port 12.0" },
        { "drop=1", "flow: drop: takes no value" },
        { "drop,upcall", "flow: drop must stand alone" },
        { "output=1.0,", "flow: '' is not an action (output=PORT, drop, "
          "upcall, meter=N, push_vlan=[TPID:]TCI, pop_vlan, set(FIELD=VALUE,...))" },
        { "pop_vlan=1", "flow: pop_vlan: takes no value" },
        { "push_vlan=x",
          "flow: push_vlan: needs push_vlan=[TPID:]TCI" },
        { "push_vlan", "flow: push_vlan: needs push_vlan=[TPID:]TCI" },
        { "meter", "flow: meter: needs the number of a meter, meter=N" },
        { "meter=0", "flow: meter: needs the number of a meter, meter=N" },
        { "meter=4294967296",
          "flow: meter: needs the number of a meter, meter=N" },
        { "set(", "flow: set: needs set(FIELD=VALUE,...)" },
        { "set(nonsense=1)",
          "flow: set: flow: 'nonsense' is not a field" },
    };
    struct actions *a = malloc(sizeof(*a));
    struct err err;
    char *many = malloc(7 * 513 + 1);
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(m); i++ )
    {
        err.text[0] = '\0';
        CHECK(actions_parse(m[i].in, &names, a, &err) &&
              !strcmp(err.text, m[i].text), "%s: %s", m[i].in, err.text);
    }

    many[0] = '\0';
    for ( i = 0; i < 513; i++ )
        strcpy(many + 7 * i, i == 512 ? "upcall" : "upcall,");
    CHECK(actions_parse(many, &names, a, &err) &&
          !strcmp(err.text, "flow: more than 4096 bytes of actions"), "%s", err.text);

    free(many);
    free(a);
}

static void ports_have_names_and_ids(void)
{
    struct port_name n;

    CHECK(parse_port("3.1", &n) && !n.by_id && n.domid == 3 && n.devid == 1,
          "3.1");
    CHECK(parse_port("0.4294967295", &n) && n.devid == UINT32_MAX, "devid");
    CHECK(parse_port("65537", &n) && n.by_id && n.id == 65537, "id");
    CHECK(!parse_port("", &n) && !parse_port(".", &n) &&
          !parse_port("1.", &n) && !parse_port(".1", &n) &&
          !parse_port("1.2.3", &n) && !parse_port("32752.0", &n) &&
          !parse_port("99999999999999999999.0", &n) &&
          !parse_port("1.4294967296", &n) && !parse_port("0", &n),
          "no port");
}

void test_text(void)
{
    TEST(any_match_that_is_printed_is_read_back);
    TEST(every_single_bit_of_the_key_is_printed);
    TEST(matches_have_one_spelling);
    TEST(bits_stand_where_the_header_says);
    TEST(errors_name_the_field);
    TEST(noise_is_refused_or_read_back);
    TEST(actions_that_are_printed_are_read_back);
    TEST(errors_name_the_action);
    TEST(ports_have_names_and_ids);
}
