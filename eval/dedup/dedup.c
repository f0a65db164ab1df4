/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dedup: how much memory content takes as segments of lines, with and without
 * interning, and what interning costs, for each line size.
 *
 *   dedup [-c BYTES] [-r ROUNDS] NAME < list
 *
 * list has names of files, each ended by a zero byte.  A file is one segment,
 * or with -c one for every BYTES of it (packets).  Prints a table of values
 * separated by tabs, a row for each line size; the columns are explained at
 * print_row().  NAME is the first column.
 *
 * A segment is a DAG as in the hypervisor: an inner line holds a PLID in every
 * eight bytes (fan-out 64 at 512 bytes), all leaves are at one depth, a single
 * leaf is its own root.
 */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

#include "content.h"
#include "store.h"

#define LINE_MIN        64
#define LINE_MAX        CONTENT_ALIGN
#define ROUNDS_MAX      15

/* The unit of time keeping: small, so that few are hit by another process. */
#define BATCH_BYTES     65536

/* How long a line lives after its last use, in bytes that came later. */
#define WINDOW_SHORT    (1ULL << 20)
#define WINDOW_LONG     (1ULL << 26)

/* PLIDs in inner lines say which store they are of. */
#define PLID_INNER      (1ULL << 63)

struct counts
{
    uint64_t lines;             /* leaves, zeros too */
    uint64_t inner;             /* of every segment by itself */
    uint64_t zero;              /* leaves */
    uint64_t found_short, found_long, found; /* leaves, by time of life */
    uint64_t kept, inner_kept;
};

/* Cycles of each batch, in each round. */
struct clock
{
    uint64_t *ticks;
    uint64_t nr, room;
    uint64_t bytes;             /* of this batch */
    uint64_t began;
};

struct study
{
    const struct content *content;
    unsigned int line_bytes, fan_out;
    struct store data, inner;
    plid_t *plids;              /* of one segment's widest level */
    uint64_t *last;             /* [lines + 1]: where a PLID last was seen */
    struct counts n;
};

typedef plid_t put_fn(struct store *s, const void *line);

static uint64_t div_up(uint64_t a, uint64_t b)
{
    return (a + b - 1) / b;
}

/* ---- Time --------------------------------------------------------------- */

static void clock_start(struct clock *c)
{
    c->nr = c->bytes = 0;
    c->began = __rdtsc();
}

static void clock_tick(struct clock *c)
{
    uint64_t now = __rdtsc();

    if ( c->nr < c->room )
        c->ticks[c->nr] = now - c->began;
    c->nr++;
    c->bytes = 0;
    c->began = __rdtsc();
}

static void clock_add(struct clock *c, unsigned int bytes)
{
    c->bytes += bytes;
    if ( c->bytes >= BATCH_BYTES )
        clock_tick(c);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* The median of each batch over the rounds, added up. */
static uint64_t clock_sum(const struct clock *c, unsigned int rounds)
{
    uint64_t sum = 0, i, t[ROUNDS_MAX];
    unsigned int r;

    for ( i = 0; i < c->nr; i++ )
    {
        for ( r = 0; r < rounds; r++ )
            t[r] = c[r].ticks[i];
        qsort(t, rounds, sizeof(*t), compare);
        sum += t[rounds / 2];
    }

    return sum;
}

/* ---- Segments ----------------------------------------------------------- */

/* Make the inner lines above nr PLIDs, level by level. */
static void build_inner(struct study *s, uint64_t nr, put_fn *put,
                        struct clock *clock)
{
    static uint64_t line[LINE_MAX / 8] __attribute__((__aligned__(64)));

    while ( nr > 1 )
    {
        uint64_t from, to = 0;

        for ( from = 0; from < nr; from += s->fan_out )
        {
            uint64_t n = nr - from < s->fan_out ? nr - from : s->fan_out;
            plid_t plid;

            memcpy(line, &s->plids[from], n * 8);
            memset(line + n, 0, s->line_bytes - n * 8);
            plid = put(&s->inner, line);
            s->plids[to++] = plid ? plid | PLID_INNER : 0;
            clock_add(clock, s->line_bytes);
        }
        nr = to;
    }
}

static void build(struct study *s, const struct segment *segment, put_fn *put,
                  struct clock *clock)
{
    uint64_t nr = div_up(segment->bytes, s->line_bytes), i;

    for ( i = 0; i < nr; i++ )
    {
        s->plids[i] = put(&s->data, segment->data + i * s->line_bytes);
        clock_add(clock, s->line_bytes);
    }
    build_inner(s, nr, put, clock);
}

static void build_all(struct study *s, put_fn *put, struct clock *clock)
{
    uint64_t i;

    clock_start(clock);
    for ( i = 0; i < s->content->nr; i++ )
        build(s, &s->content->segments[i], put, clock);
    clock_tick(clock);
}

/* ---- Space -------------------------------------------------------------- */

/* What the stores must hold: leaves, inner lines; the widest level. */
static uint64_t count_plain(struct study *s)
{
    uint64_t i, nr, widest = 0;

    for ( i = 0; i < s->content->nr; i++ )
    {
        nr = div_up(s->content->segments[i].bytes, s->line_bytes);
        s->n.lines += nr;
        if ( nr > widest )
            widest = nr;
        while ( nr > 1 )
        {
            nr = div_up(nr, s->fan_out);
            s->n.inner += nr;
        }
    }

    return widest;
}

/*
 * Intern everything once and see which leaves were there: at all, and among
 * what came in the last bytes.  A line that is found lives on from there.
 */
static void count_interned(struct study *s)
{
    struct clock unused = { NULL, 0, 0, 0, 0 };
    uint64_t i, j, nr, at = 0;

    for ( i = 0; i < s->content->nr; i++ )
    {
        const struct segment *segment = &s->content->segments[i];

        nr = div_up(segment->bytes, s->line_bytes);
        for ( j = 0; j < nr; j++ )
        {
            uint64_t before = s->data.nr, pos = at + j * s->line_bytes;
            plid_t plid = store_intern(&s->data,
                                       segment->data + j * s->line_bytes);

            s->plids[j] = plid;
            if ( !plid )
                s->n.zero++;
            else if ( s->data.nr == before )
            {
                s->n.found++;
                s->n.found_short += pos - s->last[plid] <= WINDOW_SHORT;
                s->n.found_long += pos - s->last[plid] <= WINDOW_LONG;
            }
            s->last[plid] = pos;
        }
        build_inner(s, nr, store_intern, &unused);
        at += segment->bytes;
    }

    s->n.kept = s->data.nr;
    s->n.inner_kept = s->inner.nr;
}

/* ---- One line size ------------------------------------------------------ */

/* Cycles per KB of content. */
struct costs
{
    double copy, first, again;
};

static void forget(struct study *s)
{
    store_reset(&s->data);
    store_reset(&s->inner);
}

static bool measure(struct study *s, unsigned int rounds, struct costs *costs)
{
    enum { FIRST, AGAIN, COPY, PASSES };
    static put_fn *const put[PASSES] = { store_intern, store_intern,
                                         store_add };
    struct clock clock[PASSES][ROUNDS_MAX];
    double kb = s->content->bytes / 1024.0;
    unsigned int p, r;
    bool ok = true;

    /* An untimed pass tells the number of batches, and touches all memory. */
    memset(clock, 0, sizeof(clock));
    forget(s);
    build_all(s, store_add, &clock[0][0]);
    for ( p = 0; p < PASSES; p++ )
        for ( r = 0; r < rounds; r++ )
        {
            clock[p][r].room = clock[0][0].nr;
            clock[p][r].ticks = calloc(clock[0][0].nr, sizeof(uint64_t));
            ok = ok && clock[p][r].ticks;
        }

    for ( r = 0; ok && r < rounds; r++ )
        for ( p = 0; p < PASSES; p++ )
        {
            if ( p != AGAIN )
                forget(s);
            build_all(s, put[p], &clock[p][r]);
        }

    if ( ok )
    {
        costs->copy = clock_sum(clock[COPY], rounds) / kb;
        costs->first = clock_sum(clock[FIRST], rounds) / kb;
        costs->again = clock_sum(clock[AGAIN], rounds) / kb;
    }

    for ( p = 0; p < PASSES; p++ )
        for ( r = 0; r < rounds; r++ )
            free(clock[p][r].ticks);

    return ok;
}

static void print_head(void)
{
    printf("set\tline\tsegments\tbytes\tlines\tzero\tfound_1m\tfound_64m\t"
           "found\tkept\tinner\tinner_kept\tplain\tdata\tdag\tmeta\t"
           "interned\tdegree\tcopy\tfirst\tagain\n");
}

/*
 * set, line            name, and line size in bytes
 * segments, bytes      of the content
 * lines, zero          leaf lines, and of these those of zeros
 * found_1m, found_64m, leaf lines that were there, not zero: when a line goes
 *   found              1 MiB or 64 MiB after its last use, or never
 * kept                 leaf lines stored when interned
 * inner, inner_kept    inner lines, by themselves and interned
 * plain                bytes of all lines, metadata too, not interned
 * data, dag, meta      interned: bytes of leaves, inner lines, and beside
 *                      both: metadata and index
 * interned             the sum of these three
 * degree               leaf lines by leaf lines stored
 * copy                 cycles per KB to store, not interned
 * first, again         cycles per KB to intern into an empty store, and into
 *                      one that has it all
 */
static void print_row(const struct study *s, const char *name,
                      const struct costs *t)
{
    const struct counts *n = &s->n;
    uint64_t stored = n->kept + n->inner_kept, line = s->line_bytes;
    uint64_t meta = stored * (store_meta_bytes + STORE_INDEX_BYTES);

    printf("%s\t%lu\t%lu\t%lu\t%lu\t%lu\t%lu\t%lu\t%lu\t%lu\t%lu\t%lu\t",
           name, line, s->content->nr, s->content->bytes, n->lines, n->zero,
           n->found_short, n->found_long, n->found, n->kept, n->inner,
           n->inner_kept);
    printf("%lu\t%lu\t%lu\t%lu\t%lu\t%.3f\t%.0f\t%.0f\t%.0f\n",
           (n->lines + n->inner) * (line + store_meta_bytes), n->kept * line,
           n->inner_kept * line, meta, stored * line + meta,
           (double)n->lines / (n->kept ? n->kept : 1), t->copy, t->first,
           t->again);
    fflush(stdout);
}

static bool study(const struct content *content, const char *name,
                  unsigned int line_bytes, unsigned int rounds)
{
    struct study s = {
        .content = content,
        .line_bytes = line_bytes,
        .fan_out = line_bytes / 8,
    };
    struct costs costs = { 0, 0, 0 };
    uint64_t widest = count_plain(&s);
    bool ok;

    s.plids = calloc(widest, sizeof(*s.plids));
    s.last = calloc(s.n.lines + 1, sizeof(*s.last));
    /* A segment of one line has no inner line; room for one, all the same. */
    ok = s.plids && s.last && store_open(&s.data, line_bytes, s.n.lines) &&
         store_open(&s.inner, line_bytes, s.n.inner + 1);

    if ( ok )
    {
        count_interned(&s);
        ok = !rounds || measure(&s, rounds, &costs);
    }
    if ( ok )
        print_row(&s, name, &costs);
    else
        fprintf(stderr, "dedup: out of memory\n");

    store_close(&s.data);
    store_close(&s.inner);
    free(s.plids);
    free(s.last);

    return ok;
}

static int usage(void)
{
    fprintf(stderr, "usage: dedup [-c BYTES] [-r ROUNDS] NAME < list\n"
                    "ROUNDS: of timing, 0 to %d (5)\n", ROUNDS_MAX);

    return 2;
}

int main(int argc, char **argv)
{
    unsigned long cut = 0, rounds = 5;
    unsigned int line_bytes;
    struct content content;
    bool ok = true;
    int opt;

    while ( (opt = getopt(argc, argv, "c:r:")) != -1 )
    {
        char *end;
        unsigned long value;

        if ( opt == '?' )
            return usage();
        value = strtoul(optarg, &end, 10);
        if ( end == optarg || *end )
            return usage();
        *(opt == 'c' ? &cut : &rounds) = value;
    }
    if ( optind != argc - 1 || rounds > ROUNDS_MAX )
        return usage();

    if ( !content_read(&content, stdin, cut) )
        return 1;

    print_head();
    for ( line_bytes = LINE_MIN; ok && line_bytes <= LINE_MAX;
          line_bytes *= 2 )
        ok = study(&content, argv[optind], line_bytes, rounds);

    content_free(&content);

    return ok ? 0 : 1;
}
