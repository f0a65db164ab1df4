/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The store walk.  One pass over all lines that are in use counts the
 * references that inner lines hold, on top of those that were named as roots;
 * no DAG is descended, so it takes one counter for each line and nothing else.
 * As references point downwards only, to lines that were there before, lines
 * that refer to each other and to which nothing else refers cannot exist: a
 * line that is unreachable shows as one with more references counted in it
 * than were found.
 */

#include "borrow.h"
#include "check.h"
#include "intern.h"

/* Errors that are printed. */
#define PRINT_MAX       16

struct check {
    unsigned int lines;         /* PLIDs are below */
    unsigned int errors;
    bool packets;               /* their lines are counted too */
    uint64_t used;              /* lines in use, a page counts as eight */
    uint64_t held;
    uint32_t *refs;             /* [lines], found */
    unsigned int *charged;      /* [arenas], found */
};

static void error(struct check *c, const char *what, unsigned int id,
                  int64_t is, int64_t should_be)
{
    if ( c->errors++ < PRINT_MAX )
        printk(XENLOG_ERR "hicamp: check: %s %u: %"PRId64", not %"PRId64"\n",
               what, id, is, should_be);
}

struct check *check_begin(void)
{
    struct check *c = xzalloc(struct check);

    if ( !c )
        return NULL;

    c->lines = line_limit();
    c->refs = vzalloc(c->lines * sizeof(*c->refs));
    c->charged = vzalloc(arena_limit() * sizeof(*c->charged));
    if ( c->refs && c->charged )
        return c;

    vfree(c->refs);
    vfree(c->charged);
    xfree(c);

    return NULL;
}

void check_root(struct check *c, plid_t plid)
{
    if ( plid >= c->lines )
        error(c, "no such line", plid, 0, 0);
    else if ( plid != PLID_NONE )
        c->refs[plid]++;
}

/* What is on a list has no reference; count one, to tell it from a leak. */
static void check_list(struct check *c, const struct tree_dead *list)
{
    plid_t plid, last = PLID_NONE;

    for ( plid = list->head; plid != PLID_NONE; plid = line_meta(plid)->link )
    {
        if ( atomic_read(&line_meta(plid)->refs) )
            error(c, "dead line", plid, atomic_read(&line_meta(plid)->refs),
                  0);
        check_root(c, plid);
        last = plid;
    }
    if ( last != list->tail )
        error(c, "end of list", list->tail, list->tail, last);
}

void check_segments(struct check *c, const struct hicamp_domain *hd)
{
    uint64_t cursor = 0;
    plid_t root;

    while ( segment_next_root(hd, &cursor, &root) )
        check_root(c, root);
    check_root(c, hd->zero_page);
    check_list(c, &hd->dead);
    check_list(c, &hd->linger);
    c->charged[hd->arena->id] += segment_map_lines(hd);
}

/* What a packet's own lines refer to, and what it borrows. */
static void check_packet(struct check *c, plid_t plid)
{
    const struct line_meta *m = line_meta(plid);
    struct packet *pkt = line_data(plid);
    unsigned int i, nr;

    check_root(c, m->link);

    if ( m->state == PAYLOAD_COPIED )
    {
        const plid_t *lines = line_data(m->link);

        nr = DIV_ROUND_UP(packet_payload(pkt), LINE_BYTES);
        for ( i = 0; i < nr; i++ )
            check_root(c, lines[i]);
    }
    else if ( packet_borrows(m) || m->state == PAYLOAD_PARTED )
    {
        check_root(c, plid); /* the table of borrowers has one, or a window */
        for ( i = 0; i < pkt->hdr.nr_extents; i++ )
        {
            const struct hicamp_extent *e = packet_extent(plid, pkt, i);

            if ( e->type == HICAMP_EXT_SEGMENT )
                check_root(c, e->offset);
        }
    }
}

void check_output(struct check *c, plid_t plid)
{
    c->packets = true;
    if ( plid < c->lines && !c->refs[plid] )
        check_packet(c, plid);
    check_root(c, plid);
}

void check_queue(struct check *c, const struct queue *q)
{
    uint32_t i;

    c->packets = true;
    for ( i = q->wait_head; i != q->wait_tail; i++ )
        check_output(c, q->wait[i % WAIT_SLOTS].plid);
}

/* Count the references that lines hold. */
static void walk_lines(struct check *c)
{
    plid_t cursor = PLID_NONE, plid;
    unsigned int i;

    while ( (plid = line_next(&cursor)) != PLID_NONE )
    {
        const struct line_meta *m = line_meta(plid);
        unsigned int lines = m->shift == TREE_PAGE_SHIFT ? PAGE_LINES : 1;

        c->used += lines;
        c->charged[m->arena] += lines;

        if ( m->shift && !tree_is_leaf(m) )
        {
            const struct inner *in = line_data(plid);

            for ( i = 0; i < TREE_FANOUT; i++ )
            {
                plid_t child = in->child[i].plid;

                check_root(c, child);
                if ( child != PLID_NONE &&
                     line_meta(child)->shift + TREE_FANOUT_SHIFT != m->shift )
                    error(c, "height of child", child,
                          line_meta(child)->shift, m->shift);
            }
        }
    }
}

static void check_line(struct check *c, plid_t plid)
{
    const struct line_meta *m = line_meta(plid);
    int refs = atomic_read(&m->refs);

    if ( !m->shift && !c->packets )
        return;

    /* On a list of dead lines, or in grace. */
    if ( !refs )
        refs = m->interned ? 0 : 1;

    if ( refs < (int)c->refs[plid] )
        error(c, "references of line", plid, refs, c->refs[plid]);
    else
        c->held += refs - c->refs[plid];
}

void check_walk(struct check *c, bool exact)
{
    plid_t cursor = PLID_NONE, plid;
    struct line_use use;
    unsigned int i;

    walk_lines(c);

    while ( (plid = line_next(&cursor)) != PLID_NONE )
    {
        uint64_t before = c->held;

        check_line(c, plid);
        if ( exact && c->held != before )
            error(c, "unknown references of line", plid, c->held - before, 0);
    }

    for ( i = 1; i < arena_limit(); i++ )
    {
        const struct arena *a = arena_at(i);

        c->charged[i] += intern_lines_used(a);
        if ( arena_used(a) != c->charged[i] )
            error(c, "charge of arena", i, arena_used(a), c->charged[i]);
    }

    line_store_use(&use);
    if ( use.used != c->used )
        error(c, "lines in use", 0, use.used, c->used);
}

unsigned int check_end(struct check *c, uint64_t *held)
{
    unsigned int errors = c->errors;

    *held = c->held;
    vfree(c->refs);
    vfree(c->charged);
    xfree(c);

    return errors;
}
