/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Edits.  An action is brought into a list of changes to 16-bit words once,
 * when its flow gets it; here also live the rules of what a flow may change,
 * given what it matches.
 *
 * A packet is edited where it stands, in Xen's own copy of its headers, before
 * it is put anywhere: afterwards it never changes.  Checksums are repaired, not
 * computed anew, so one that was wrong stays wrong (RFC 1624).  Where the
 * sender left the L4 checksum to its receiver, the field holds the sum of the
 * pseudo header, which is repaired instead.
 */

#include "edit.h"
#include "key.h"
#include "snapshot.h"

#define ETH_HLEN            14
#define TAG_AT              12
#define TAG_BYTES           4
#define IPV4_BYTES          20
#define IPV4_CSUM_AT        10
#define IPV6_BYTES          40
#define TCP_CSUM_AT         16
#define UDP_CSUM_AT         6

/* ---- Compile ------------------------------------------------------------- */

void edit_context_init(struct edit_context *c,
                       const struct hicamp_flow_key *key,
                       const struct hicamp_flow_key *mask)
{
    const uint16_t present = cpu_to_be16(HICAMP_VLAN_PRESENT);

    c->key = key;
    c->mask = mask;
    c->tags = 0;
    if ( key->vlan_tci & mask->vlan_tci & present )
        c->tags += 1 + !!(key->cvlan_tci & mask->cvlan_tci & present);
}

static bool tpid_valid(unsigned int tpid)
{
    return tpid == ETHERTYPE_VLAN || tpid == ETHERTYPE_SVLAN;
}

int edit_push(struct edit_context *c, uint32_t arg, struct hicamp_edit *e,
              unsigned int room)
{
    if ( !tpid_valid(arg >> 16) )
        return -EINVAL;
    if ( !room )
        return -EOPNOTSUPP;

    e->what = EDIT_PUSH;
    e->value[0] = cpu_to_be16(arg >> 16);
    e->value[1] = cpu_to_be16(arg & 0xffff);
    c->tags++;

    return 1;
}

int edit_pop(struct edit_context *c, struct hicamp_edit *e, unsigned int room)
{
    if ( !c->tags )
        return -EINVAL;
    if ( !room )
        return -EOPNOTSUPP;

    e->what = EDIT_POP;
    c->tags--;

    return 1;
}

/* Edits being written. */
struct writer {
    struct hicamp_edit *e;
    unsigned int nr, room;
    bool full;
};

/* A change of these bytes, an even number, unless the mask is empty. */
static void put(struct writer *w, enum edit_what what, unsigned int at,
                bool pseudo, const void *value, const void *mask,
                unsigned int bytes)
{
    static const uint16_t none[8];
    struct hicamp_edit *e;

    if ( !memcmp(mask, none, bytes) )
        return;
    if ( w->nr == w->room )
    {
        w->full = true;
        return;
    }

    e = &w->e[w->nr++];
    e->what = what;
    e->at = at;
    e->words = bytes / 2;
    e->pseudo = pseudo;
    memcpy(e->value, value, bytes);
    memcpy(e->mask, mask, bytes);
}

/* The same for one word, value and mask in host order. */
static void put_word(struct writer *w, enum edit_what what, unsigned int at,
                     unsigned int value, unsigned int mask)
{
    uint16_t v = cpu_to_be16(value), m = cpu_to_be16(mask);

    put(w, what, at, false, &v, &m, 2);
}

static void set_ip(struct writer *w, const struct hicamp_act_set *s, bool ip6)
{
    const struct hicamp_flow_key *v = &s->value, *m = &s->mask;

    if ( ip6 )
    {
        put_word(w, EDIT_IPV6, 0, v->ip_tos << 4, m->ip_tos << 4);
        put_word(w, EDIT_IPV6, 6, v->ip_ttl, m->ip_ttl);
        put(w, EDIT_IPV6, 8, true, v->ip_src, m->ip_src, 16);
        put(w, EDIT_IPV6, 24, true, v->ip_dst, m->ip_dst, 16);
    }
    else
    {
        put_word(w, EDIT_IPV4, 0, v->ip_tos, m->ip_tos);
        put_word(w, EDIT_IPV4, 8, v->ip_ttl << 8, m->ip_ttl << 8);
        put(w, EDIT_IPV4, 12, true, v->ip_src, m->ip_src, 4);
        put(w, EDIT_IPV4, 16, true, v->ip_dst, m->ip_dst, 4);
    }
}

static bool any(const void *mask, unsigned int bytes)
{
    const uint8_t *p = mask;

    while ( bytes )
        if ( p[--bytes] )
            return true;

    return false;
}

/* Is there anything in the mask but what can be set? */
static bool settable(const struct hicamp_flow_key *mask, bool ip6)
{
    struct hicamp_flow_key m = *mask;

    memset(m.eth_dst, 0, sizeof(m.eth_dst));
    memset(m.eth_src, 0, sizeof(m.eth_src));
    m.vlan_tci &= cpu_to_be16(HICAMP_VLAN_PRESENT);
    memset(m.ip_src, 0, ip6 ? 16 : 4);
    memset(m.ip_dst, 0, ip6 ? 16 : 4);
    m.ip_tos = m.ip_ttl = 0;
    m.l4_src = m.l4_dst = 0;

    return !any(&m, sizeof(m));
}

static bool inside(const void *value, const void *mask, unsigned int bytes)
{
    const uint8_t *v = value, *m = mask;
    unsigned int i;

    for ( i = 0; i < bytes; i++ )
        if ( v[i] & ~m[i] )
            return false;

    return true;
}

int edit_set(struct edit_context *c, const struct hicamp_act_set *set,
             struct hicamp_edit *e, unsigned int room)
{
    const struct hicamp_flow_key *m = &set->mask;
    unsigned int type = c->mask->eth_type == 0xffff
                        ? be16_to_cpu(c->key->eth_type) : 0;
    unsigned int proto = c->mask->ip_proto == 0xff ? c->key->ip_proto : 0;
    bool ip6 = type == ETHERTYPE_IPV6, ip = ip6 || type == ETHERTYPE_IPV4;
    struct writer w = { .e = e, .room = room };

    if ( !any(m, sizeof(*m)) || !inside(&set->value, m, sizeof(*m)) )
        return -EINVAL;
    if ( !settable(m, ip6) )
        return -EOPNOTSUPP;

    /* A field can be set only where the match says that it is there. */
    if ( (m->vlan_tci && !c->tags) ||
         ((any(m->ip_src, 16) || any(m->ip_dst, 16) || m->ip_tos ||
           m->ip_ttl) && !ip) ||
         ((m->l4_src || m->l4_dst) &&
          (!ip || (proto != PROTO_TCP && proto != PROTO_UDP))) )
        return -EINVAL;

    put(&w, EDIT_ETH, 0, false, set->value.eth_dst, m->eth_dst, 6);
    put(&w, EDIT_ETH, 6, false, set->value.eth_src, m->eth_src, 6);
    put(&w, EDIT_ETH, TAG_AT + 2, false, &set->value.vlan_tci, &m->vlan_tci,
        2);
    if ( ip )
        set_ip(&w, set, ip6);
    put(&w, EDIT_L4, 0, false, &set->value.l4_src, &m->l4_src, 2);
    put(&w, EDIT_L4, 2, false, &set->value.l4_dst, &m->l4_dst, 2);

    return w.full ? -EOPNOTSUPP : (int)w.nr;
}

/* ---- Carry out ----------------------------------------------------------- */

static uint16_t fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);

    return sum + (sum >> 16);
}

static uint16_t word_at(const uint8_t *p)
{
    uint16_t w;

    memcpy(&w, p, sizeof(w));

    return w;
}

/* Change words; returns what that adds to a one's complement sum. */
static uint16_t change(uint8_t *p, const struct hicamp_edit *e)
{
    uint32_t sum = 0;
    unsigned int i;

    for ( i = 0; i < e->words; i++, p += 2 )
    {
        uint16_t old = word_at(p), new = (old & ~e->mask[i]) | e->value[i];

        memcpy(p, &new, sizeof(new));
        sum += (uint16_t)~old;
        sum += new;
    }

    return fold(sum);
}

/* A checksum field is the complement of a sum: add to the sum. */
static void repair(uint8_t *field, uint16_t delta)
{
    uint16_t csum = ~fold((uint32_t)(uint16_t)~word_at(field) + delta);

    memcpy(field, &csum, sizeof(csum));
}

/* The packet being edited. */
struct editing {
    struct packet *pkt;
    struct hicamp_key_offsets off;
};

static bool l4_repair(struct editing *s, uint16_t delta, bool pseudo)
{
    struct hicamp_pkt *h = &s->pkt->hdr;
    unsigned int at;
    uint8_t *field;
    uint16_t sum;

    /* A later fragment has none; other protocols do not sum the addresses. */
    if ( !s->off.l4 || (s->off.l4_proto != PROTO_TCP &&
                        s->off.l4_proto != PROTO_UDP) )
        return true;

    at = s->off.l4_proto == PROTO_TCP ? TCP_CSUM_AT : UDP_CSUM_AT;
    if ( s->off.l4 + at + 2 > h->inline_len )
        return false;
    field = s->pkt->inl + s->off.l4 + at;

    if ( (h->flags & HICAMP_PKT_CSUM_PARTIAL) && h->csum_start == s->off.l4 &&
         h->csum_offset == at )
    {
        if ( pseudo )
        {
            sum = fold((uint32_t)word_at(field) + delta);
            memcpy(field, &sum, sizeof(sum));
        }
        return true;
    }

    if ( s->off.l4_proto == PROTO_UDP && !word_at(field) )
        return true; /* it has none */
    repair(field, delta);
    if ( s->off.l4_proto == PROTO_UDP && !word_at(field) )
        memset(field, 0xff, 2);

    return true;
}

static bool edit_ip(struct editing *s, const struct hicamp_edit *e)
{
    bool ip6 = e->what == EDIT_IPV6;
    uint8_t *p = s->pkt->inl + s->off.l3;
    uint16_t delta;

    if ( !s->off.l3 || s->off.l3 + (ip6 ? IPV6_BYTES : IPV4_BYTES) >
                       s->pkt->hdr.inline_len )
        return false;

    delta = change(p + e->at, e);
    if ( !ip6 )
        repair(p + IPV4_CSUM_AT, delta);

    return !e->pseudo || l4_repair(s, delta, true);
}

static bool edit_l4(struct editing *s, const struct hicamp_edit *e)
{
    if ( !s->off.l4 )
        return true; /* a later fragment */
    if ( s->off.l4 + e->at + 2 > s->pkt->hdr.inline_len )
        return false;

    return l4_repair(s, change(s->pkt->inl + s->off.l4 + e->at, e), false);
}

/* Everything behind the addresses moves by so many bytes. */
static void move(struct editing *s, int by)
{
    struct hicamp_pkt *h = &s->pkt->hdr;

    h->len += by;
    h->inline_len += by;
    if ( h->flags & HICAMP_PKT_CSUM_PARTIAL )
        h->csum_start += by;
    if ( s->off.l3 )
        s->off.l3 += by;
    if ( s->off.l4 )
        s->off.l4 += by;
}

static bool push(struct editing *s, const struct hicamp_edit *e)
{
    uint8_t *p = s->pkt->inl + TAG_AT;
    const struct hicamp_pkt *h = &s->pkt->hdr;

    if ( h->inline_len + TAG_BYTES > HICAMP_INLINE_MAX ||
         h->len + TAG_BYTES > HICAMP_LEN_MAX )
        return false;

    memmove(p + TAG_BYTES, p, h->inline_len - TAG_AT);
    memcpy(p, e->value, TAG_BYTES);
    move(s, TAG_BYTES);

    return true;
}

static bool pop(struct editing *s)
{
    uint8_t *p = s->pkt->inl + TAG_AT;
    const struct hicamp_pkt *h = &s->pkt->hdr;

    if ( h->inline_len < ETH_HLEN + TAG_BYTES ||
         !tpid_valid(be16_to_cpu(word_at(p))) ||
         ((h->flags & HICAMP_PKT_CSUM_PARTIAL) &&
          h->csum_start < ETH_HLEN + TAG_BYTES) )
        return false;

    memmove(p, p + TAG_BYTES, h->inline_len - TAG_AT - TAG_BYTES);
    move(s, -TAG_BYTES);

    return true;
}

static bool edit_one(struct editing *s, const struct hicamp_edit *e)
{
    switch ( (enum edit_what)e->what )
    {
    case EDIT_PUSH:
        return push(s, e);
    case EDIT_POP:
        return pop(s);
    case EDIT_ETH:
        if ( e->at + e->words * 2u > s->pkt->hdr.inline_len )
            return false;
        change(s->pkt->inl + e->at, e);
        return true;
    case EDIT_IPV4:
    case EDIT_IPV6:
        return edit_ip(s, e);
    case EDIT_L4:
        return edit_l4(s, e);
    }

    ASSERT_UNREACHABLE();

    return false;
}

bool edit_packet(plid_t plid, const struct hicamp_edit *e, unsigned int nr)
{
    struct editing s = { .pkt = line_data(plid) };
    struct hicamp_pkt *h = &s.pkt->hdr;
    struct hicamp_flow_key key;

    if ( hicamp_key_extract(s.pkt->inl, h->inline_len, h->len, 0, &key,
                            &s.off) )
        return false;

    for ( ; nr; nr--, e++ )
        if ( !edit_one(&s, e) )
            return false;

    /* It was a hash of what may have been changed. */
    h->flags &= ~HICAMP_PKT_HASH;
    h->hash = 0;

    return true;
}
