/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-edit.c
 *
 * Actions that change packets, against a reference that builds the packet which
 * should arrive from scratch, checksums included; and what a flow may change.
 */

#include "traffic.h"

void test_setup(void)
{
    guests_boot("1M");
}

/* ---- The reference ------------------------------------------------------- */

enum csum { COMPLETE, PARTIAL, NONE };
enum part { WHOLE_PACKET, FIRST, LATER };

/* What a packet is made of. */
struct spec {
    uint8_t dst[6], src[6];
    unsigned int tags;
    uint16_t tpid[4], tci[4];
    bool ip6;
    uint8_t tos, ttl, proto;
    enum part part;
    uint8_t ip_src[16], ip_dst[16];
    uint16_t sport, dport;
    enum csum csum;
    unsigned int inl, payload;  /* bytes behind the L4 header */
};

static uint32_t sum_bytes(uint32_t sum, const uint8_t *p, unsigned int bytes)
{
    unsigned int i;

    for ( i = 0; i < bytes; i++ )
        sum += i % 2 ? p[i] : p[i] << 8;
    while ( sum >> 16 )
        sum = (sum & 0xffff) + (sum >> 16);

    return sum;
}

static void put16(uint8_t *p, unsigned int v)
{
    p[0] = v >> 8;
    p[1] = v;
}

/* Ethernet header and tags; returns where the IP header stands. */
static unsigned int build_l2(const struct spec *s, uint8_t *b)
{
    unsigned int i, at = 12;

    memcpy(b, s->dst, 6);
    memcpy(b + 6, s->src, 6);
    for ( i = 0; i < s->tags; i++, at += 4 )
    {
        put16(b + at, s->tpid[i]);
        put16(b + at + 2, s->tci[i]);
    }
    put16(b + at, s->ip6 ? 0x86dd : 0x0800);

    return at + 2;
}

static unsigned int build_ip(const struct spec *s, uint8_t *b,
                             unsigned int bytes)
{
    if ( s->ip6 )
    {
        put16(b, 0x6000 | s->tos << 4);
        put16(b + 4, bytes);
        b[6] = s->proto;
        b[7] = s->ttl;
        memcpy(b + 8, s->ip_src, 16);
        memcpy(b + 24, s->ip_dst, 16);
        return 40;
    }

    b[0] = 0x45;
    b[1] = s->tos;
    put16(b + 2, bytes + 20);
    put16(b + 6, s->part == FIRST ? 0x2000 : s->part == LATER ? 0x2007 : 0);
    b[8] = s->ttl;
    b[9] = s->proto;
    memcpy(b + 12, s->ip_src, 4);
    memcpy(b + 16, s->ip_dst, 4);
    put16(b + 10, ~sum_bytes(0, b, 20));

    return 20;
}

/* The packet, as a guest sends it. */
static struct pkt build(const struct spec *s)
{
    static uint8_t data[HICAMP_LEN_MAX + 1];
    unsigned int l4_bytes = s->part == LATER ? 0 : s->proto == 6 ? 20 : 8;
    unsigned int bytes = l4_bytes + s->inl + s->payload, l3, l4, at, i;
    uint32_t sum;
    struct pkt p;

    memset(&p, 0, sizeof(p));
    l3 = build_l2(s, p.inl);
    l4 = l3 + build_ip(s, p.inl + l3, bytes);
    at = l4 + (s->proto == 6 ? 16 : 6);
    if ( l4_bytes )
    {
        put16(p.inl + l4, s->sport);
        put16(p.inl + l4 + 2, s->dport);
        if ( s->proto == 6 )
            p.inl[l4 + 12] = 5 << 4;
        else
            put16(p.inl + l4 + 4, bytes);
    }
    for ( i = 0; i < s->inl; i++ )
        p.inl[l4 + l4_bytes + i] = i * 7;
    p.h.len = p.h.inline_len = l4 + l4_bytes + s->inl;
    if ( s->payload )
        pkt_extent(&p, a, 100, s->payload, false);

    if ( !l4_bytes || s->csum == NONE )
        return p;

    sum = sum_bytes(0, s->ip_src, s->ip6 ? 16 : 4);
    sum = sum_bytes(sum, s->ip_dst, s->ip6 ? 16 : 4);
    sum = sum_bytes(sum + s->proto + bytes, NULL, 0);
    if ( s->csum == PARTIAL )
    {
        p.h.flags = HICAMP_PKT_CSUM_PARTIAL;
        p.h.csum_start = l4;
        p.h.csum_offset = at - l4;
        put16(p.inl + at, sum);
    }
    else
    {
        pkt_bytes(&p, a, data);
        sum = ~sum_bytes(sum, data + l4, bytes) & 0xffff;
        put16(p.inl + at, s->proto == 17 && !sum ? 0xffff : sum);
    }

    return p;
}

/* ---- Flows --------------------------------------------------------------- */

/* A list of actions being put together. */
struct list {
    uint8_t b[HICAMP_ACTIONS_MAX];
    unsigned int bytes;
};

static void act(struct list *l, unsigned int type, uint32_t arg)
{
    struct hicamp_action a = { type, sizeof(a), arg };

    memcpy(l->b + l->bytes, &a, sizeof(a));
    l->bytes += sizeof(a);
}

static void act_set(struct list *l, const struct hicamp_act_set *set)
{
    struct hicamp_action a = { HICAMP_ACT_SET, sizeof(a) + sizeof(*set), 0 };

    memcpy(l->b + l->bytes, &a, sizeof(a));
    memcpy(l->b + l->bytes + sizeof(a), set, sizeof(*set));
    l->bytes += sizeof(a) + sizeof(*set);
}

/* What matches s, as far as edits need it, from port. */
static struct hicamp_flow flow_of(const struct spec *s, struct list *l,
                                  unsigned int command)
{
    struct hicamp_flow f = { .command = command };

    f.mask.in_port = ~0u;
    f.key.in_port = a->port;
    f.mask.eth_type = 0xffff;
    f.key.eth_type = cpu_to_be16(s->ip6 ? 0x86dd : 0x0800);
    f.mask.ip_proto = 0xff;
    f.key.ip_proto = s->proto;
    f.mask.vlan_tci = f.mask.cvlan_tci = cpu_to_be16(HICAMP_VLAN_PRESENT);
    if ( s->tags )
        f.key.vlan_tci = cpu_to_be16(HICAMP_VLAN_PRESENT);
    if ( s->tags > 1 )
        f.key.cvlan_tci = cpu_to_be16(HICAMP_VLAN_PRESENT);
    if ( command == HICAMP_FLOW_ADD )
    {
        f.actions = (uintptr_t)l->b;
        f.actions_bytes = l->bytes;
    }

    return f;
}

static int update(const struct spec *s, struct list *l, unsigned int command)
{
    struct hicamp_flow f = flow_of(s, l, command);
    struct hicamp_flow_batch batch = { .flows = (uintptr_t)&f, .nr = 1 };

    return emul_hypercall(dom0, HICAMP_OP_flow_update, &batch);
}

/* ---- Random packets, random edits ---------------------------------------- */

static void random_bytes(void *to, unsigned int bytes)
{
    uint8_t *p = to;

    while ( bytes-- )
        *p++ = test_random();
}

static struct spec random_spec(void)
{
    struct spec s;
    unsigned int i;

    memset(&s, 0, sizeof(s));
    random_bytes(s.dst, 6);
    random_bytes(s.src, 6);
    s.tags = test_random() % 3;
    for ( i = 0; i < 2; i++ )
    {
        s.tpid[i] = test_random() % 2 ? 0x8100 : 0x88a8;
        s.tci[i] = test_random() & 0xffff;
    }
    s.ip6 = test_random() % 2;
    s.tos = test_random();
    s.ttl = test_random();
    s.proto = test_random() % 2 ? 6 : 17;
    if ( !s.ip6 && test_random() % 4 == 0 )
        s.part = test_random() % 2 ? FIRST : LATER;
    random_bytes(s.ip_src, s.ip6 ? 16 : 4);
    random_bytes(s.ip_dst, s.ip6 ? 16 : 4);
    s.sport = test_random();
    s.dport = test_random();
    if ( s.part == WHOLE_PACKET )
        s.csum = test_random() % 2;
    if ( s.proto == 17 && test_random() % 4 == 0 )
        s.csum = NONE;
    s.inl = test_random() % 40;
    s.payload = test_random() % 3 ? test_random() % 2000 : 0;

    return s;
}

/* Set bits of a field in the action, and in what is to arrive. */
static void change_field(void *field, void *value, void *mask,
                         unsigned int bytes)
{
    uint8_t *f = field, *v = value, *m = mask;
    unsigned int i;
    bool whole = test_random() % 2;

    if ( test_random() % 2 )
        return;
    random_bytes(v, bytes);
    random_bytes(m, bytes);
    for ( i = 0; i < bytes; i++ )
    {
        if ( whole )
            m[i] = 0xff;
        v[i] &= m[i];
        f[i] = (f[i] & ~m[i]) | v[i];
    }
}

/* The same for a word that the reference has in host order. */
static void change_word(uint16_t *field, uint16_t *value, uint16_t *mask,
                        uint16_t allowed, bool visible)
{
    if ( test_random() % 2 )
        return;
    *mask = cpu_to_be16(test_random() & allowed);
    *value = cpu_to_be16(test_random()) & *mask;
    if ( visible )
        *field = (*field & ~be16_to_cpu(*mask)) | be16_to_cpu(*value);
}

static void random_set(struct spec *s, struct list *l)
{
    struct hicamp_act_set set;
    static const struct hicamp_flow_key none;

    memset(&set, 0, sizeof(set));
    change_field(s->dst, set.value.eth_dst, set.mask.eth_dst, 6);
    change_field(s->src, set.value.eth_src, set.mask.eth_src, 6);
    if ( s->tags )
        change_word(&s->tci[0], &set.value.vlan_tci, &set.mask.vlan_tci,
                    0xefff, true);
    change_field(&s->tos, &set.value.ip_tos, &set.mask.ip_tos, 1);
    change_field(&s->ttl, &set.value.ip_ttl, &set.mask.ip_ttl, 1);
    change_field(s->ip_src, set.value.ip_src, set.mask.ip_src,
                 s->ip6 ? 16 : 4);
    change_field(s->ip_dst, set.value.ip_dst, set.mask.ip_dst,
                 s->ip6 ? 16 : 4);
    change_word(&s->sport, &set.value.l4_src, &set.mask.l4_src, 0xffff,
                s->part != LATER);
    change_word(&s->dport, &set.value.l4_dst, &set.mask.l4_dst, 0xffff,
                s->part != LATER);
    if ( memcmp(&set.mask, &none, sizeof(none)) )
        act_set(l, &set);
}

static void random_edits(struct spec *s, struct list *l)
{
    unsigned int n = 1 + test_random() % 4, tpid, tci;

    while ( n-- )
        switch ( test_random() % 4 )
        {
        case 0:
            if ( s->tags == 3 )
                break;
            tpid = test_random() % 2 ? 0x8100 : 0x88a8;
            tci = test_random() & 0xffff;
            memmove(s->tpid + 1, s->tpid, 3 * sizeof(*s->tpid));
            memmove(s->tci + 1, s->tci, 3 * sizeof(*s->tci));
            s->tpid[0] = tpid;
            s->tci[0] = tci;
            s->tags++;
            act(l, HICAMP_ACT_PUSH_VLAN, tpid << 16 | tci);
            break;

        case 1:
            if ( !s->tags )
                break;
            memmove(s->tpid, s->tpid + 1, 3 * sizeof(*s->tpid));
            memmove(s->tci, s->tci + 1, 3 * sizeof(*s->tci));
            s->tags--;
            act(l, HICAMP_ACT_POP_VLAN, 0);
            break;

        default:
            random_set(s, l);
            break;
        }
}

TEST(what_arrives_is_as_if_it_had_been_sent_so)
{
    static struct list l;
    struct hicamp_comp comp;
    unsigned int i;

    three_guests();
    for ( i = 0; i < 4000; i++ )
    {
        struct spec s = random_spec(), t = s;
        struct pkt p = build(&s), q;

        l.bytes = 0;
        random_edits(&t, &l);
        act(&l, HICAMP_ACT_OUTPUT, b->port);
        act(&l, HICAMP_ACT_OUTPUT, c->port);
        CHECK_EQ(update(&s, &l, HICAMP_FLOW_ADD), 0);
        transmit(&p);
        q = build(&t);
        guest_expect(b, a, &q);
        guest_expect(c, a, &q);
        guest_fill(b);
        guest_fill(c);
        while ( guest_reap(a, &comp) )
            CHECK_EQ(comp.status, HICAMP_COMP_OK);
        CHECK_EQ(update(&s, &l, HICAMP_FLOW_DELETE), 0);
    }
    CHECK_EQ(COUNT(a, drop_edit), 0);
    guests_end();
}

TEST(gso_packets_keep_what_is_needed_to_finish_them)
{
    struct spec s = { .proto = 6, .csum = PARTIAL, .ttl = 64,
                      .payload = 30000 }, t;
    static struct list l;
    struct hicamp_act_set set;
    struct pkt p, q;

    three_guests();
    memset(&set, 0, sizeof(set));
    memset(set.mask.ip_dst, 0xff, 4);
    memcpy(set.value.ip_dst, "\x0a\x01\x02\x03", 4);
    l.bytes = 0;
    act_set(&l, &set);
    act(&l, HICAMP_ACT_PUSH_VLAN, 0x8100u << 16 | 5);
    act(&l, HICAMP_ACT_OUTPUT, b->port);
    CHECK_EQ(update(&s, &l, HICAMP_FLOW_ADD), 0);
    t = s;
    memcpy(t.ip_dst, set.value.ip_dst, 4);
    t.tags = 1;
    t.tpid[0] = 0x8100;
    t.tci[0] = 5;
    p = build(&s);
    q = build(&t);
    p.h.gso_type = q.h.gso_type = HICAMP_GSO_TCPV4;
    p.h.gso_size = q.h.gso_size = 1400;
    p.h.flags |= HICAMP_PKT_HASH;
    p.h.hash = 77;
    transmit(&p);
    guest_expect(b, a, &q);
    guests_end();
}

/* ---- What does not go ---------------------------------------------------- */

TEST(a_tag_that_finds_no_room_costs_its_own_packet)
{
    struct spec s = { .proto = 17, .csum = NONE };
    static struct list l;
    struct pkt p;

    three_guests();
    l.bytes = 0;
    act(&l, HICAMP_ACT_PUSH_VLAN, 0x8100u << 16 | 5);
    act(&l, HICAMP_ACT_OUTPUT, b->port);
    CHECK_EQ(update(&s, &l, HICAMP_FLOW_ADD), 0);

    s.inl = HICAMP_INLINE_MAX - 42 - 4;
    p = build(&s);
    transmit(&p);
    CHECK(guest_get(b));
    CHECK_EQ(b->got.h.inline_len, HICAMP_INLINE_MAX);
    s.inl++;
    p = build(&s);
    p.h.id = 9;
    pkt_extent(&p, a, 0, 100, false);
    put16(p.inl + 16, p.h.len - 14);
    transmit(&p);
    CHECK(!guest_get(b));
    completed(9, HICAMP_COMP_OK);
    CHECK_EQ(COUNT(a, drop_edit), 1);
    CHECK_EQ(host_info().lines_used, 0);
    guests_end();
}

TEST(headers_that_are_not_there_are_not_changed)
{
    struct spec s = { .proto = 6 };
    static struct list l;
    struct hicamp_act_set set;
    struct pkt p;

    three_guests();
    memset(&set, 0, sizeof(set));
    set.mask.ip_ttl = 0xff;
    set.value.ip_ttl = 9;
    l.bytes = 0;
    act_set(&l, &set);
    act(&l, HICAMP_ACT_OUTPUT, b->port);
    s.proto = 0;    /* what a header that is cut off has for a protocol */
    CHECK_EQ(update(&s, &l, HICAMP_FLOW_ADD), 0);
    p = build(&s);
    p.h.len = p.h.inline_len = 24;
    transmit(&p);
    CHECK(!guest_get(b));
    CHECK_EQ(COUNT(a, drop_edit), 1);
    guests_end();
}

TEST(lists_that_make_no_sense_are_refused)
{
    static struct list l;
    struct spec ip = { .proto = 6 }, tagged = { .proto = 17, .tags = 1 };
    struct hicamp_act_set set, ports;
    unsigned int i;

    three_guests();
    memset(&set, 0, sizeof(set));
    memset(&ports, 0, sizeof(ports));
    ports.mask.l4_dst = 0xffff;

#define REFUSED(spec, rc)                                                   \
    do {                                                                    \
        act(&l, HICAMP_ACT_OUTPUT, b->port);                                \
        CHECK_EQ(update(&(spec), &l, HICAMP_FLOW_ADD), rc);                 \
        l.bytes = 0;                                                        \
    } while ( 0 )

    /* No tag to take away, or none any more; a type that is no tag's. */
    act(&l, HICAMP_ACT_POP_VLAN, 0);
    REFUSED(ip, -EINVAL);
    act(&l, HICAMP_ACT_POP_VLAN, 0);
    act(&l, HICAMP_ACT_POP_VLAN, 0);
    REFUSED(tagged, -EINVAL);
    act(&l, HICAMP_ACT_POP_VLAN, 1);
    REFUSED(tagged, -EINVAL);
    act(&l, HICAMP_ACT_PUSH_VLAN, 0x0800u << 16);
    REFUSED(ip, -EINVAL);

    /* An empty set, bits outside the mask, a tag's bits without a tag. */
    act_set(&l, &set);
    REFUSED(ip, -EINVAL);
    set.value.ip_ttl = 1;
    act_set(&l, &set);
    REFUSED(ip, -EINVAL);
    set.value.ip_ttl = 0;
    set.mask.vlan_tci = cpu_to_be16(1);
    act_set(&l, &set);
    REFUSED(ip, -EINVAL);
    set.mask.vlan_tci = cpu_to_be16(HICAMP_VLAN_PRESENT);
    act_set(&l, &set);
    REFUSED(tagged, -EOPNOTSUPP);

    /* What nobody can set. */
    memset(&set, 0, sizeof(set));
    set.mask.ip_proto = 0xff;
    act_set(&l, &set);
    REFUSED(ip, -EOPNOTSUPP);
    memset(&set, 0, sizeof(set));
    set.mask.ip_dst[4] = 0xff;
    act_set(&l, &set);
    REFUSED(ip, -EOPNOTSUPP);

    /* Ports of what has none. */
    ip.proto = 1;
    act_set(&l, &ports);
    REFUSED(ip, -EINVAL);
    ip.proto = 132;
    act_set(&l, &ports);
    REFUSED(ip, -EINVAL);
    ip.proto = 6;

    /* After an output, or with an upcall. */
    act(&l, HICAMP_ACT_OUTPUT, c->port);
    act_set(&l, &ports);
    REFUSED(ip, -EOPNOTSUPP);
    act(&l, HICAMP_ACT_UPCALL, 0);
    act_set(&l, &ports);
    REFUSED(ip, -EOPNOTSUPP);
    act_set(&l, &ports);
    act(&l, HICAMP_ACT_UPCALL, 0);
    REFUSED(ip, -EOPNOTSUPP);

    /* More than there is room for. */
    for ( i = 0; i < EDITS_MAX + 1; i++ )
        act(&l, HICAMP_ACT_PUSH_VLAN, 0x8100u << 16);
    REFUSED(ip, -EOPNOTSUPP);
    for ( i = 0; i < EDITS_MAX; i++ )
        act(&l, HICAMP_ACT_PUSH_VLAN, 0x8100u << 16);
    REFUSED(ip, 0);
    guests_end();
}

TEST(what_is_dumped_is_what_was_given)
{
    static struct list l;
    static uint8_t back[HICAMP_ACTIONS_MAX];
    struct spec s = { .proto = 6, .tags = 1 };
    struct hicamp_act_set set;
    struct hicamp_flow f = { .actions = (uintptr_t)back,
                             .actions_bytes = sizeof(back) };
    struct hicamp_query q = { .entries = (uintptr_t)&f, .nr = 1 };

    three_guests();
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_flow_flush, NULL), 0);
    memset(&set, 0, sizeof(set));
    set.mask.l4_dst = set.value.l4_dst = 0xffff;
    l.bytes = 0;
    act(&l, HICAMP_ACT_POP_VLAN, 0);
    act_set(&l, &set);
    act(&l, HICAMP_ACT_OUTPUT, b->port);
    CHECK_EQ(update(&s, &l, HICAMP_FLOW_ADD), 0);
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_flow_dump, &q), 0);
    CHECK_EQ(q.nr, 1);
    CHECK_EQ(f.actions_bytes, l.bytes);
    CHECK(!memcmp(back, l.b, l.bytes));
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
