/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DAGs of lines: making new ones out of old ones and a guest's bytes.
 *
 * A change is made bottom up: new leaves, each filled before anybody knows it,
 * then the inner lines above them, level by level, each a copy of the old one
 * with some other children.  The lines on the way are all that is made; the
 * old tree stays as it is, so whoever reads it meanwhile is not disturbed, and
 * a change that fails is merely dropped.
 *
 * A copy needs a reference to each child that it shares with the old line,
 * unless the old line goes with this change: then references move.  That is so
 * if one reference leads to each line from the root down; if somebody takes
 * one before the change is committed, it falls back to taking references too.
 */

#include "intern.h"
#include "op.h"
#include "page.h"
#include "tree.h"

/* Level-1 lines of the largest write, and one that it begins in between. */
#define NODES_MAX   (HICAMP_SEG_IO_MAX / LINE_BYTES / TREE_FANOUT + 2)

static bool is_zero(const void *data, size_t bytes)
{
    const uint64_t *w = data;
    size_t i;

    for ( i = 0; i < bytes / sizeof(*w); i += 4 )
        if ( w[i] | w[i + 1] | w[i + 2] | w[i + 3] )
            return false;

    return true;
}

static int no_line(const struct tree_change *ch, unsigned int lines)
{
    return arena_error(ch->arena, LINE_BULK, lines);
}

/* Zero the children of line that are the same in other. */
static void forget_common(plid_t line, plid_t other)
{
    struct inner *in = line_data(line);
    const struct inner *with = line_data(other);
    unsigned int i;

    for ( i = 0; i < TREE_FANOUT; i++ )
        if ( in->child[i].plid == with->child[i].plid )
            in->child[i].plid = PLID_NONE;
}

/* Drop nr new nodes with what they own. */
static void nodes_put(struct tree_change *ch, const plid_t *nodes,
                      unsigned int nr)
{
    while ( nr-- )
        tree_put(&ch->dead, nodes[nr]);
}

static void nodes_intern(struct tree_change *ch, plid_t *nodes,
                         unsigned int nr)
{
    plid_t freed = PLID_NONE, next;

    if ( !ch->interned || !nr )
        return;

    intern_lines(ch->arena, nodes, nr, &freed);
    for ( ; freed != PLID_NONE; freed = next )
    {
        struct tree_dead one = { freed, freed };

        next = line_meta(freed)->link;
        line_meta(freed)->link = PLID_NONE;
        tree_dead_join(&ch->dead, &one);
    }
}

/* ---- Leaves -------------------------------------------------------------- */

/*
 * Fill a new leaf that begins at byte start: what of [at, at + bytes) is in it
 * comes from the guest, the rest from the old leaf.
 */
static int leaf_fill(const struct tree_change *ch, void *data, uint64_t start,
                     uint64_t at, uint64_t bytes, uint64_t addr)
{
    unsigned int size = 1u << ch->leaf_shift, from, to;
    struct tree_cursor c;
    const void *old;

    from = at > start ? at - start : 0;
    to = at + bytes < start + size ? at + bytes - start : size;

    if ( from || to < size )
    {
        /* One leaf is one piece. */
        tree_cursor_init(&c, ch->base, start, size);
        tree_next(&c, &old);
        if ( old )
            memcpy(data, old, size);
        else
            memset(data, 0, size);
        tree_cursor_done(&c);
    }

    return hicamp_copy_in(data + from, addr + (start + from - at), to - from);
}

static int leaf_make(struct tree_change *ch, uint64_t start, uint64_t at,
                     uint64_t bytes, uint64_t addr, plid_t *out)
{
    bool page = ch->leaf_shift == TREE_PAGE_SHIFT, zero;
    void *data;
    plid_t plid;
    int rc;

    plid = page ? page_alloc(ch->d, ch->arena, LINE_BULK)
                : line_alloc(ch->arena, LINE_BULK);
    if ( plid == PLID_NONE )
        return no_line(ch, page ? PAGE_LINES : 1);

    line_meta(plid)->shift = ch->leaf_shift;
    data = page ? page_map(plid) : line_data(plid);
    rc = leaf_fill(ch, data, start, at, bytes, addr);
    zero = !rc && is_zero(data, 1u << ch->leaf_shift);
    if ( page )
        page_unmap(data);

    if ( rc || zero )
    {
        tree_put(&ch->dead, plid);
        plid = PLID_NONE;
    }
    *out = plid;

    return rc;
}

/* The leaves from byte start to byte end, at most TREE_FANOUT. */
static int leaves_make(struct tree_change *ch, uint64_t start, uint64_t end,
                       uint64_t at, uint64_t bytes, uint64_t addr,
                       plid_t *kids)
{
    plid_t list[TREE_FANOUT];
    unsigned int i, j, n, nr = (end - start) >> ch->leaf_shift;
    int rc = 0;

    for ( i = 0; i < nr && !rc; i++ )
        rc = leaf_make(ch, start + ((uint64_t)i << ch->leaf_shift), at, bytes,
                       addr, &kids[i]);
    if ( rc )
    {
        nodes_put(ch, kids, i - 1);
        return rc;
    }

    if ( !ch->interned )
        return 0;

    /* What is zero has no line. */
    for ( i = n = 0; i < nr; i++ )
        if ( kids[i] != PLID_NONE )
            list[n++] = kids[i];
    nodes_intern(ch, list, n);
    for ( i = j = 0; i < nr; i++ )
        if ( kids[i] != PLID_NONE )
            kids[i] = list[j++];

    return 0;
}

/* ---- Inner lines --------------------------------------------------------- */

/* References to what in shares with the old line: all but [slot, slot + nr). */
static bool children_get(struct inner *in, unsigned int slot, unsigned int nr)
{
    unsigned int i;

    for ( i = 0; i < TREE_FANOUT; i++ )
    {
        if ( i >= slot && i < slot + nr )
            continue;
        if ( in->child[i].plid != PLID_NONE &&
             !line_get(in->child[i].plid) )
            break;
    }
    if ( i == TREE_FANOUT )
        return true;

    for ( ; i < TREE_FANOUT; i++ )
        in->child[i].plid = PLID_NONE;

    return false;
}

/*
 * The inner line of 2^shift bytes around byte at, with the nr children from
 * slot on replaced by kids, whose references it takes over.
 */
static int inner_make(struct tree_change *ch, uint64_t at, unsigned int shift,
                      unsigned int slot, unsigned int nr, const plid_t *kids,
                      plid_t *out)
{
    bool moves = !ch->interned; /* who finds an interned line takes one too */
    plid_t plid = line_alloc(ch->arena, LINE_BULK), old;
    struct inner *in;
    unsigned int i;

    if ( plid == PLID_NONE )
    {
        nodes_put(ch, kids, nr);
        return no_line(ch, 1);
    }

    old = tree_find(ch->base, at, shift, &moves);
    in = line_data(plid);
    if ( old != PLID_NONE )
        memcpy(in, line_data(old), sizeof(*in));
    else
        memset(in, 0, sizeof(*in));
    for ( i = 0; i < nr; i++ )
        in->child[slot + i].plid = kids[i];

    if ( is_zero(in, sizeof(*in)) )
    {
        line_put(plid);
        *out = PLID_NONE;
        return 0;
    }

    line_meta(plid)->shift = shift;
    if ( old != PLID_NONE && moves )
    {
        ASSERT(ch->nr_moved < TREE_PAIRS);
        ch->moved[ch->nr_moved].from = old;
        ch->moved[ch->nr_moved++].to = plid;
    }
    else if ( old != PLID_NONE && !children_get(in, slot, nr) )
    {
        /* The kids that it has lost are ours to put. */
        for ( i = 0; i < nr; i++ )
            in->child[slot + i].plid = kids[i];
        tree_put(&ch->dead, plid);
        return -ENOMEM;
    }

    nodes_intern(ch, &plid, 1);
    *out = plid;

    return 0;
}

/*
 * Make the old tree span 2^shift bytes, with its beginning at byte place: new
 * inner lines above its root.  ch->base holds a reference of its own.
 */
static int base_make(struct tree_change *ch, plid_t old, uint64_t place,
                     unsigned int shift)
{
    unsigned int s;

    ch->base = PLID_NONE;
    if ( old == PLID_NONE )
        return 0;

    if ( !line_get(old) )
        return -ENOMEM;
    ch->base = old;

    for ( s = line_meta(old)->shift; s < shift; )
    {
        unsigned int slot = (place >> s) % TREE_FANOUT;
        struct inner *in;
        plid_t plid = line_alloc(ch->arena, LINE_BULK);

        if ( plid == PLID_NONE )
            return no_line(ch, 1);

        in = line_data(plid);
        memset(in, 0, sizeof(*in));
        in->child[slot].plid = ch->base;
        s += TREE_FANOUT_SHIFT;
        line_meta(plid)->shift = s;
        ch->base = plid;
    }

    return 0;
}

/*
 * Replace nr nodes of 2^*shift bytes, the first of which is around byte at, by
 * their parents.
 */
static int level_make(struct tree_change *ch, uint64_t at, unsigned int shift,
                      plid_t *nodes, unsigned int *nr)
{
    unsigned int up = shift + TREE_FANOUT_SHIFT, used = 0, n = 0;
    uint64_t index = at >> shift;
    int rc = 0;

    while ( used < *nr && !rc )
    {
        unsigned int slot = (index + used) % TREE_FANOUT;
        unsigned int kids = min(*nr - used, TREE_FANOUT - slot);

        rc = inner_make(ch, (index + used) << shift, up, slot, kids,
                        &nodes[used], &nodes[n]);
        used += kids;
        n += !rc;
    }
    if ( rc )
    {
        nodes_put(ch, nodes, n);
        nodes_put(ch, nodes + used, *nr - used);
    }
    *nr = n;

    return rc;
}

int tree_write(struct tree_change *ch, plid_t old, uint64_t place,
               unsigned int shift, uint64_t at, uint64_t bytes, uint64_t addr)
{
    unsigned int s = ch->leaf_shift + TREE_FANOUT_SHIFT, nr = 0;
    uint64_t leaf = 1ull << ch->leaf_shift, start, end;
    plid_t nodes[NODES_MAX], kids[TREE_FANOUT];
    int rc = 0;

    ch->nr_moved = 0;
    ch->raised = old != PLID_NONE && line_meta(old)->shift < shift;
    ch->dead.head = ch->dead.tail = PLID_NONE;
    ch->root = PLID_NONE;
    ch->base = old;

    if ( ch->raised )
        rc = base_make(ch, old, place, shift);

    start = at & ~(leaf - 1);
    end = ROUNDUP(at + bytes, leaf);

    /* Leaves, and at once the inner lines right above them. */
    while ( start < end && !rc )
    {
        uint64_t stop = min(end, (start | ((leaf << TREE_FANOUT_SHIFT) - 1)) +
                                 1);
        unsigned int n = (stop - start) >> ch->leaf_shift;

        rc = leaves_make(ch, start, stop, at, bytes, addr, kids);
        if ( !rc && shift == ch->leaf_shift )
            nodes[nr++] = kids[0];
        else if ( !rc )
        {
            rc = inner_make(ch, start, s,
                            (start >> ch->leaf_shift) % TREE_FANOUT, n, kids,
                            &nodes[nr]);
            nr += !rc;
        }
        start = stop;
    }
    if ( rc )
        nodes_put(ch, nodes, nr);

    for ( ; !rc && s < shift; s += TREE_FANOUT_SHIFT )
        rc = level_make(ch, at, s, nodes, &nr);

    ASSERT(rc || nr == 1);
    ch->root = rc ? PLID_NONE : nodes[0];
    if ( rc )
        tree_abandon(ch);

    return rc;
}

/* ---- Taking the old tree's place ----------------------------------------- */

bool tree_may_commit(const struct tree_change *ch)
{
    unsigned int i;

    for ( i = 0; i < ch->nr_moved; i++ )
        if ( atomic_read(&line_meta(ch->moved[i].from)->refs) != 1 )
            return false;

    return true;
}

void tree_committed(struct tree_change *ch)
{
    unsigned int i;

    /* Only we refer to these lines: their references have moved. */
    for ( i = 0; i < ch->nr_moved; i++ )
        forget_common(ch->moved[i].from, ch->moved[i].to);
    ch->nr_moved = 0;

    if ( ch->raised )
        tree_put(&ch->dead, ch->base);
}

int tree_unshare(struct tree_change *ch)
{
    unsigned int i, j;
    int rc = 0;

    for ( i = 0; i < ch->nr_moved; i++ )
    {
        struct inner *to = line_data(ch->moved[i].to);
        const struct inner *from = line_data(ch->moved[i].from);

        for ( j = 0; j < TREE_FANOUT; j++ )
        {
            if ( to->child[j].plid == PLID_NONE ||
                 to->child[j].plid != from->child[j].plid )
                continue;
            if ( !rc && !line_get(to->child[j].plid) )
                rc = -ENOMEM;
            if ( rc )
                to->child[j].plid = PLID_NONE;
        }
    }
    ch->nr_moved = 0;

    return rc;
}

void tree_abandon(struct tree_change *ch)
{
    unsigned int i;

    for ( i = 0; i < ch->nr_moved; i++ )
        forget_common(ch->moved[i].to, ch->moved[i].from);
    ch->nr_moved = 0;

    tree_put(&ch->dead, ch->root);
    ch->root = PLID_NONE;
    if ( ch->raised )
        tree_put(&ch->dead, ch->base);
}
