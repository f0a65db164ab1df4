/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * bench-trace.c
 *
 * Cycles per packet of key and look-up, for the packets of a trace (pcap) under
 * given flows; eval/peers gives other switches the same.
 *
 *     bench-trace FLOWS TRACE
 *
 * A line of FLOWS is a flow of IPv4 and UDP: addresses and ports, each a value
 * and a mask in hexadecimal.  Flows whose mask the table refuses, as their port
 * has too many, become exact ones, a flow for each packet, as a control plane
 * has to make them.
 *
 * Prints "cycles MEDIAN BEST together MEDIAN BEST flows N masks N exact N"; the
 * second is with the look-ups of some packets side by side, as in the switch.
 */

#include "bench.h"
#include "flows.h"
#include "key.h"

#define GROUP           8       /* as many as the switch takes together */
#define ROUNDS          31
#define CAPTURE         64      /* bytes of a packet that are looked at */
#define PORT            1

struct frame_of {
    uint32_t len;
    uint8_t bytes[CAPTURE];
};

static uint64_t samples[ROUNDS];
static unsigned int exact;

static void put32(uint8_t *p, uint32_t v)
{
    v = cpu_to_be32(v);
    memcpy(p, &v, 4);
}

/* One flow per line; the number of lines. */
static unsigned int load_flows(const char *path)
{
    uint32_t src, src_m, dst, dst_m, sport, sport_m, dport, dport_m;
    FILE *f = fopen(path, "r");
    unsigned int n = 0;

    if ( !f )
        emul_abort("cannot open", path, __FILE__, __LINE__);
    while ( fscanf(f, "%x %x %x %x %x %x %x %x", &src, &src_m, &dst, &dst_m,
                   &sport, &sport_m, &dport, &dport_m) == 8 )
    {
        struct hicamp_flow_key m = { .in_port = ~0u, .eth_type = 0xffff,
                                     .ip_proto = 0xff };
        struct hicamp_flow_key k = { .in_port = PORT,
                                     .eth_type = cpu_to_be16(ETHERTYPE_IPV4),
                                     .ip_proto = PROTO_UDP };
        int rc;

        put32(k.ip_src, src);
        put32(m.ip_src, src_m);
        put32(k.ip_dst, dst);
        put32(m.ip_dst, dst_m);
        k.l4_src = cpu_to_be16(sport);
        m.l4_src = cpu_to_be16(sport_m);
        k.l4_dst = cpu_to_be16(dport);
        m.l4_dst = cpu_to_be16(dport_m);
        rc = add(k, m, n, 2);
        CHECK(!rc || rc == -ENOSPC);
        n++;
    }
    fclose(f);

    return n;
}

/* The packets of a pcap of the writer's own byte order. */
static struct frame_of *load_trace(const char *path, unsigned int *nr)
{
    uint32_t head[6], rec[4];
    struct frame_of *frames = NULL;
    FILE *f = fopen(path, "rb");
    unsigned int n = 0, room = 0;

    if ( !f || fread(head, sizeof(head), 1, f) != 1 || head[0] != 0xa1b2c3d4 )
        emul_abort("no pcap", path, __FILE__, __LINE__);
    while ( fread(rec, sizeof(rec), 1, f) == 1 )
    {
        uint32_t n_bytes = min(rec[2], (uint32_t)CAPTURE);

        if ( n == room )
        {
            room = room ? room * 2 : 1024;
            frames = realloc(frames, room * sizeof(*frames));
            CHECK(frames);
        }
        memset(&frames[n], 0, sizeof(*frames));
        frames[n].len = rec[3];
        CHECK_EQ(fread(frames[n].bytes, n_bytes, 1, f), 1);
        CHECK_EQ(fseek(f, rec[2] - n_bytes, SEEK_CUR), 0);
        n++;
    }
    fclose(f);
    *nr = n;

    return frames;
}

static const struct hicamp_acts *one(const struct frame_of *f)
{
    struct hicamp_flow_key key;
    struct hicamp_key_offsets off;

    if ( hicamp_key_extract(f->bytes, CAPTURE, f->len, PORT, &key, &off) )
        return NULL;

    return hicamp_classify(&key, 1, f->len);
}

/* nr packets, their look-ups side by side; outputs of all. */
static unsigned int together(const struct frame_of *f, unsigned int nr)
{
    struct hicamp_flow_key key[GROUP];
    struct hicamp_lookup l[GROUP];
    struct hicamp_key_offsets off;
    unsigned int i, outputs = 0;

    for ( i = 0; i < nr; i++ )
    {
        CHECK_EQ(hicamp_key_extract(f[i].bytes, CAPTURE, f[i].len, PORT,
                                    &key[i], &off), 0);
        hicamp_classify_begin(&key[i], &l[i]);
    }
    for ( i = 0; i < nr; i++ )
        hicamp_classify_fetch(&l[i]);
    for ( i = 0; i < nr; i++ )
        outputs += hicamp_classify_end(&key[i], &l[i], 1,
                                       f[i].len)->nr_outputs;

    return outputs;
}

/* What no flow serves yet gets one of its own. */
static void add_exact(const struct frame_of *f)
{
    struct hicamp_flow_key key, mask;
    struct hicamp_key_offsets off;

    memset(&mask, 0, sizeof(mask));
    memset(&mask, 0xff, offsetof(struct hicamp_flow_key, reserved));
    CHECK_EQ(hicamp_key_extract(f->bytes, CAPTURE, f->len, PORT, &key, &off),
             0);
    CHECK_EQ(add(key, mask, 0, 2), 0);
    exact++;
}

static void measure(const struct frame_of *frames, unsigned int nr,
                    const char *what, bool groups)
{
    unsigned int r, i;

    for ( r = 0; r < ROUNDS; r++ )
    {
        unsigned int outputs = 0;

        samples[r] = __rdtsc();
        for ( i = 0; groups && i < nr; i += GROUP )
            outputs += together(&frames[i], min(nr - i, GROUP + 0u));
        for ( i = 0; !groups && i < nr; i++ )
            outputs += one(&frames[i])->nr_outputs;
        samples[r] = __rdtsc() - samples[r];
        CHECK_EQ(outputs, nr);
    }

    qsort(samples, ROUNDS, sizeof(*samples), by_value);
    printf("%s %.1f %.1f ", what, (double)samples[ROUNDS / 2] / nr,
           (double)samples[0] / nr);
}

int main(int argc, char **argv)
{
    struct frame_of *frames;
    unsigned int nr, i;

    hicamp_flows_max = 1u << 20;
    if ( argc != 3 || hicamp_classify_init() )
        return 1;
    load_flows(argv[1]);
    frames = load_trace(argv[2], &nr);

    for ( i = 0; i < nr; i++ )
        if ( !one(&frames[i]) )
            add_exact(&frames[i]);

    measure(frames, nr, "cycles", false);
    measure(frames, nr, "together", true);
    printf("flows %u masks %u exact %u\n", hicamp_flow_count(),
           hicamp_mask_count(), exact);

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
