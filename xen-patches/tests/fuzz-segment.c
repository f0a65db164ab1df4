/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * fuzz-segment.c
 *
 * libFuzzer target for operations on segments: the input is a list of
 * operations of a hostile guest, some of them good.  Meanwhile another domain
 * of the same tenant keeps a segment, of which nothing may change; the store is
 * walked after each input, and when both have died nothing may be left.
 */

#include "fuzz.h"
#include "store.h"

#define IDS             8

static uint32_t ids[IDS];

/* Sizes and places around what matters, and any. */
static uint64_t number(void)
{
    uint64_t n = take(1);

    switch ( n >> 5 )
    {
    case 0: return n & 31;
    case 1: return ((n & 31) << 9) + (int8_t)take(1);
    case 2: return ((n & 31) << 12) + (int8_t)take(1);
    case 3: return (1ull << (n & 31)) + (int8_t)take(1);
    case 4: return (1ull << (32 + (n & 15))) + (int8_t)take(1);
    case 5: return take(2);
    case 6: return take(3);
    default: return take(8);
    }
}

static uint32_t segment(void)
{
    unsigned int n = take(1);

    return n < 250 ? ids[n % IDS] : take(4);
}

static void operation(void)
{
    struct hicamp_segment_op op = { 0 };
    unsigned int what = take(1);
    int rc;

    op.command = what & 15;
    if ( what & 16 )
        op.flags = take(1) & 7;
    if ( op.command != HICAMP_SEG_CREATE )
        op.segment = segment();
    switch ( op.command )
    {
    case HICAMP_SEG_CREATE:
        op.bytes = number();
        break;
    case HICAMP_SEG_READ:
    case HICAMP_SEG_WRITE:
    case HICAMP_SEG_MAP:
        op.offset = number();
        fallthrough;
    case HICAMP_SEG_APPEND:
    case HICAMP_SEG_PREPEND:
        op.bytes = number();
        op.addr = (uintptr_t)buf;
        memset(buf, take(1) & 3, sizeof(buf) / 16);
        break;
    case HICAMP_SEG_COMPARE:
        op.other = segment();
        break;
    }
    /* Something is wrong. */
    if ( what & 32 )
        switch ( take(1) % 6 )
        {
        case 0: op.addr = take(1); break;
        case 1: op.other = take(1); break;
        case 2: op.result = take(1); break;
        case 3: op.offset = number(); break;
        case 4: hd_of(0)->arena->quota = 20 + take(1); break;
        case 5: emul_fail_alloc(1 + take(1) % 8); break;
        }
    if ( what & 64 )
        emul_fail_copy(2 + take(1) % 8);
    emul_preempt_every = what & 128 ? 1 + take(1) % 3 : 0;

    rc = seg_op(0, &op);
    emul_fail_copy(0);
    emul_fail_alloc(0);
    CHECK(rc <= 0 && rc != -ERESTART);
    if ( !rc && op.command == HICAMP_SEG_CREATE )
        ids[what / 16 % IDS] = op.segment;
    if ( !rc && op.command == HICAMP_SEG_SNAPSHOT )
        ids[what / 16 % IDS] = op.other;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    emul_reset();
    store_begin();
    emul_keep();

    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a;
    unsigned int i;
    uint32_t id;

    at = data;
    end = data + size;
    memset(ids, 0, sizeof(ids));
    dom_create(0);
    dom_create(1);
    dom_tenant(0, 1);
    dom_tenant(1, 1);
    a = hd_of(0)->arena;
    id = filled(1, 9000, INTERNED, 1);

    for ( i = 0; i < 200 && at < end; i++ )
        operation();

    emul_preempt_every = 0;
    a->quota = MEM / LINE_BYTES;
    expect(1, id, 0, 9000, 1);
    store_end();
    emul_pages_recycle();

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
