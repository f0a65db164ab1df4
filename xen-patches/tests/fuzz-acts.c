/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * fuzz-acts.c
 *
 * libFuzzer target for action lists: any match, any list; and when the list is
 * accepted, any packet.  The verifier takes what it can carry out: an edit stays
 * within the packet's inline bytes, keeps the payload, and never makes sense of
 * headers that are not there.
 */

#include "fuzz.h"
#include "acts.h"
#include "key.h"
#include "snapshot.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    CHECK_EQ(line_store_init(MB(1)), 0);

    return 0;
}

/* Bits here and there, so that matches that make sense are not rare. */
static void take_match(struct hicamp_flow_key *key,
                       struct hicamp_flow_key *mask)
{
    static const uint16_t types[] = { 0x0800, 0x86dd, 0x0806, 0 };
    unsigned int shape = take(1);

    memset(key, 0, sizeof(*key));
    memset(mask, 0, sizeof(*mask));
    key->eth_type = cpu_to_be16(types[shape % 4]);
    mask->eth_type = shape & 4 ? 0xffff : 0;
    key->ip_proto = shape & 8 ? 6 : 17;
    mask->ip_proto = shape & 16 ? 0xff : 0;
    if ( shape & 32 )
        key->vlan_tci = mask->vlan_tci = cpu_to_be16(HICAMP_VLAN_PRESENT);
    if ( shape & 64 )
        key->cvlan_tci = mask->cvlan_tci = cpu_to_be16(HICAMP_VLAN_PRESENT);
}

static unsigned int take_list(uint8_t *list)
{
    unsigned int bytes = 0, n = take(1) % 20;

    while ( n-- )
    {
        struct hicamp_action a = { take(1) % 8, take(1) * 8, take(4) };
        struct hicamp_act_set set;
        unsigned int i;

        if ( take(1) % 8 )
            a.bytes = a.type == HICAMP_ACT_SET ? 8 + sizeof(set) : 8;
        if ( bytes + sizeof(a) + sizeof(set) > HICAMP_ACTIONS_MAX )
            break;
        memcpy(list + bytes, &a, sizeof(a));
        bytes += sizeof(a);
        if ( a.type != HICAMP_ACT_SET )
            continue;
        memset(&set, 0, sizeof(set));
        for ( i = take(1) % 8; i; i-- )
        {
            unsigned int byte = take(1) % sizeof(set.mask);

            ((uint8_t *)&set.mask)[byte] = take(1);
            ((uint8_t *)&set.value)[byte] = take(1);
        }
        memcpy(list + bytes, &set, sizeof(set));
        bytes += sizeof(set);
    }

    return bytes;
}

/* A packet as snapshot_take() leaves it. */
static plid_t take_packet(void)
{
    plid_t plid = line_alloc(NULL, LINE_RX);
    struct packet *pkt = line_data(plid);
    struct hicamp_pkt *h = &pkt->hdr;
    struct hicamp_key_offsets off;
    struct hicamp_flow_key key;
    unsigned int i;

    memset(pkt, 0, sizeof(*pkt));
    h->inline_len = 14 + take(1) % (HICAMP_INLINE_MAX - 13);
    h->len = min_t(unsigned int, h->inline_len + take(2), HICAMP_LEN_MAX);
    h->flags = take(1) & 7;
    h->csum_start = 14 + take(1);
    h->csum_offset = take(1);
    for ( i = 0; i < h->inline_len; i++ )
        pkt->inl[i] = take(1);
    if ( (h->flags & HICAMP_PKT_CSUM_PARTIAL) &&
         h->csum_start + h->csum_offset + 2u > h->inline_len )
        h->flags = 0;
    if ( hicamp_key_extract(pkt->inl, h->inline_len, h->len, 1, &key, &off) )
    {
        line_put(plid);
        return PLID_NONE;
    }

    return plid;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t list[HICAMP_ACTIONS_MAX];
    struct hicamp_flow_key key, mask;
    struct hicamp_acts *acts;
    struct hicamp_pkt before;
    unsigned int bytes;
    plid_t plid;

    at = data;
    end = data + size;
    take_match(&key, &mask);
    bytes = take_list(list);
    if ( hicamp_acts_compile(list, bytes, &key, &mask, &acts) )
        return 0;
    CHECK(!memcmp(hicamp_acts_list(acts), list, bytes));
    CHECK(acts->nr_edits <= EDITS_MAX);
    CHECK_EQ(acts->drop, !acts->nr_outputs && !acts->upcall);

    plid = take_packet();
    if ( plid != PLID_NONE )
    {
        const struct hicamp_pkt *h = &((struct packet *)line_data(plid))->hdr;

        before = *h;
        if ( edit_packet(plid, acts->edits, acts->nr_edits) )
        {
            CHECK(h->inline_len >= 14 && h->inline_len <= HICAMP_INLINE_MAX);
            CHECK(h->len <= HICAMP_LEN_MAX);
            CHECK_EQ(h->len - h->inline_len, before.len - before.inline_len);
            CHECK(!(h->flags & HICAMP_PKT_CSUM_PARTIAL) ||
                  h->csum_start + h->csum_offset + 2u <= h->inline_len);
        }
        line_put(plid);
    }
    hicamp_acts_free(acts);

    return 0;
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
