/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * packets.h
 *
 * Frames for tests, built layer by layer:
 *
 *     struct frame f = { 0 };
 *     frame_eth(&f); frame_vlan(&f, 0x8100, 5); frame_ipv4(&f, 6, 0, 0);
 *     frame_tcp(&f, 0, 0x12); frame_end(&f, 100);
 *
 * Each layer fills in the type or protocol field of the one before it; the
 * field values follow from constants, so that tests can compare.  frame_end()
 * adds payload and sets the IP lengths.
 */

#ifndef PACKETS_H
#define PACKETS_H

#include <stdint.h>
#include <string.h>

struct frame {
    uint8_t b[2048];
    unsigned int len;
    unsigned int type_at;       /* where the next layer's type stands */
    unsigned int proto_at;      /* where the next layer's protocol stands */
    unsigned int ip_at, ip6_at; /* 0: none */
    unsigned int l3, l4, payload;
};

static inline void frame_put16(struct frame *f, unsigned int at,
                               unsigned int v)
{
    f->b[at] = v >> 8;
    f->b[at + 1] = v;
}

static inline uint8_t *frame_add(struct frame *f, unsigned int bytes)
{
    uint8_t *p = f->b + f->len;

    memset(p, 0, bytes);
    f->len += bytes;

    return p;
}

static inline void frame_type(struct frame *f, unsigned int type)
{
    frame_put16(f, f->type_at, type);
    f->l3 = f->len;
}

static inline void frame_eth(struct frame *f)
{
    static const uint8_t addrs[12] = { 2, 0, 0, 0, 0, 0xb, 2, 0, 0, 0, 0, 0xa };

    memcpy(frame_add(f, 14), addrs, 12);
    f->type_at = 12;
    f->l3 = 14;
}

static inline void frame_vlan(struct frame *f, unsigned int tpid,
                              unsigned int tci)
{
    frame_type(f, tpid);
    frame_add(f, 4);
    frame_put16(f, f->len - 4, tci);
    f->type_at = f->len - 2;
    f->l3 = f->len;
}

/* options: bytes of them, a multiple of 4; frag: flags and offset word. */
static inline void frame_ipv4(struct frame *f, unsigned int options,
                              unsigned int frag)
{
    uint8_t *p;

    frame_type(f, 0x0800);
    f->ip_at = f->len;
    p = frame_add(f, 20 + options);
    p[0] = 0x40 | (5 + options / 4);
    p[1] = 0x2e;
    p[6] = frag >> 8;
    p[7] = frag;
    p[8] = 64;
    memcpy(p + 12, "\x0a\0\0\1\x0a\0\0\2", 8);
    f->proto_at = f->ip_at + 9;
    f->l4 = f->len;
}

static inline void frame_ipv6(struct frame *f)
{
    uint8_t *p;

    frame_type(f, 0x86dd);
    f->ip6_at = f->len;
    p = frame_add(f, 40);
    memcpy(p, "\x62\xe1\x23\x45", 4);
    p[7] = 63;
    memset(p + 8, 0x11, 16);
    memset(p + 24, 0x22, 16);
    f->proto_at = f->ip6_at + 6;
    f->l4 = f->len;
}

/* An extension header: proto of it, bytes of it (a multiple of 8). */
static inline void frame_ext(struct frame *f, unsigned int proto,
                             unsigned int bytes)
{
    uint8_t *p = frame_add(f, bytes);

    f->b[f->proto_at] = proto;
    f->proto_at = f->len - bytes;
    p[1] = proto == 51 ? bytes / 4 - 2 : bytes / 8 - 1;
    f->l4 = f->len;
}

static inline void frame_frag6(struct frame *f, unsigned int word)
{
    frame_ext(f, 44, 8);
    f->b[f->len - 7] = 0;
    frame_put16(f, f->len - 6, word);
}

/* A header of bytes bytes that begins with two port numbers. */
static inline uint8_t *frame_l4(struct frame *f, unsigned int proto,
                                unsigned int bytes)
{
    uint8_t *p;

    f->b[f->proto_at] = proto;
    f->l4 = f->len;
    p = frame_add(f, bytes);
    frame_put16(f, f->l4, 0x3039);
    frame_put16(f, f->l4 + 2, 0x1451);
    f->payload = f->len;

    return p;
}

static inline void frame_tcp(struct frame *f, unsigned int options,
                             unsigned int flags)
{
    uint8_t *p = frame_l4(f, 6, 20 + options);

    p[12] = ((5 + options / 4) << 4) | (flags >> 8);
    p[13] = flags;
}

static inline void frame_icmp(struct frame *f, unsigned int proto,
                              unsigned int type, unsigned int code)
{
    uint8_t *p = frame_l4(f, proto, 8);

    memset(p, 0, 8);
    p[0] = type;
    p[1] = code;
}

static inline void frame_arp(struct frame *f, unsigned int type,
                             unsigned int op)
{
    uint8_t *p;

    frame_type(f, type);
    p = frame_add(f, 28);
    memcpy(p, "\0\1\x08\0\6\4", 6);
    p[6] = op >> 8;
    p[7] = op;
    memset(p + 8, 0x33, 6);
    memcpy(p + 14, "\x0a\0\0\1", 4);
    memset(p + 18, 0x44, 6);
    memcpy(p + 24, "\x0a\0\0\2", 4);
}

static inline void frame_end(struct frame *f, unsigned int payload)
{
    unsigned int i;

    for ( i = 0; i < payload; i++ )
        f->b[f->len++] = i;
    if ( f->ip_at )
        frame_put16(f, f->ip_at + 2, f->len - f->ip_at);
    if ( f->ip6_at )
        frame_put16(f, f->ip6_at + 4, f->len - f->ip6_at - 40);
}

#endif /* PACKETS_H */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
