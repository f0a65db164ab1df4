/* SPDX-License-Identifier: GPL-2.0-only */
/* Matches, from key and mask to text: see match.h. */

#include <arpa/inet.h>
#include <string.h>

#include "field.h"

static void number_text(const struct field *f, uint32_t v, uint32_t m,
                        struct strbuf *sb)
{
    const struct alias *a;

    for ( a = f->alias; a && a->name; a++ )
        if ( v == a->value && m == a->mask )
        {
            strbuf_add(sb, "%s", a->name);
            return;
        }

    if ( m != f->full )
        strbuf_add(sb, "0x%x/0x%x", v, m);
    else if ( f->hex )
        strbuf_add(sb, "0x%0*x", f->size == 2 ? 4 : 2, v);
    else
        strbuf_add(sb, "%u", v);
}

static void flags_text(const struct field *f, uint32_t v, uint32_t m,
                       struct strbuf *sb)
{
    unsigned int i;

    if ( m >> ARRAY_SIZE(tcp_flag) )
    {
        number_text(f, v, m, sb);
        return;
    }

    for ( i = 0; i < ARRAY_SIZE(tcp_flag); i++ )
        if ( m & (1u << i) )
            strbuf_add(sb, "%c%s", v & (1u << i) ? '+' : '-', tcp_flag[i]);
}

static void ip_text(const struct match *match, const struct field *f,
                    struct strbuf *sb)
{
    const uint8_t *key = (const uint8_t *)&match->key + f->offset;
    const uint8_t *mask = (const uint8_t *)&match->mask + f->offset;
    static const uint8_t zero[12];
    int family = AF_INET6;
    unsigned int i, bits = 0, size = 16;
    char buf[INET6_ADDRSTRLEN];

    if ( match_is_ipv4(match) && !memcmp(mask + 4, zero, 12) )
    {
        family = AF_INET;
        size = 4;
    }

    strbuf_add(sb, "%s", inet_ntop(family, key, buf, sizeof(buf)));

    while ( bits < 8 * size && (mask[bits / 8] & (0x80 >> (bits % 8))) )
        bits++;
    if ( bits == 8 * size )
        return;
    for ( i = bits; i < 8 * size; i++ )
        if ( mask[i / 8] & (0x80 >> (i % 8)) )
        {
            strbuf_add(sb, "/%s", inet_ntop(family, mask, buf, sizeof(buf)));
            return;
        }
    strbuf_add(sb, "/%u", bits);
}

static void mac_field_text(const struct match *match, const struct field *f,
                           struct strbuf *sb)
{
    static const uint8_t full[6] = { 255, 255, 255, 255, 255, 255 };
    const uint8_t *mask = (const uint8_t *)&match->mask + f->offset;
    char buf[MAC_TEXT];

    strbuf_add(sb, "%s",
               mac_text(buf, (const uint8_t *)&match->key + f->offset));
    if ( memcmp(mask, full, 6) )
        strbuf_add(sb, "/%s", mac_text(buf, mask));
}

/* Which of the three names of a tag say exactly this? */
static bool tag_says(enum kind kind, uint32_t v, uint32_t m)
{
    bool present = v & m & HICAMP_VLAN_PRESENT;
    bool vid = (present && (m == 0x1fff || m == 0xffff)) ||
               m == HICAMP_VLAN_PRESENT;
    bool pcp = present && (m == 0xf000 || m == 0xffff);

    return kind == K_VID ? vid : kind == K_PCP ? pcp : !vid && !pcp;
}

static bool applies(const struct match *match, const struct field *f)
{
    const struct field *type = field_find("eth_type");
    const struct field *proto = field_find("ip_proto");

    switch ( f->when )
    {
    case W_ALWAYS:
        return true;

    case W_ARP:
        return field_is(match, type, 0x0806);

    case W_ICMP:
        return (field_is(match, type, 0x0800) && field_is(match, proto, 1)) ||
               (field_is(match, type, 0x86dd) && field_is(match, proto, 58));

    default:
        return false;
    }
}

void match_each(const struct match *match, const struct names *names,
                void (*each)(void *arg, const char *name, const char *value),
                void *arg)
{
    unsigned int i, j, printed = nr_fields;

    for ( i = 0; i < nr_fields; i++ )
    {
        const struct field *f = &fields[i];
        const uint8_t *mask = (const uint8_t *)&match->mask + f->offset;
        uint32_t v = field_get(f, &match->key), m = field_get(f, &match->mask);
        char buf[128], port[PORT_TEXT];
        struct strbuf sb;

        for ( j = 0; j < f->size && !mask[j]; j++ )
            ;
        if ( j == f->size || !applies(match, f) )
            continue;
        if ( field_is_tag(f) ? !tag_says(f->kind, v, m)
                 : printed < i && fields[printed].offset == f->offset )
            continue;
        printed = i;

        strbuf_init(&sb, buf, sizeof(buf));
        switch ( f->kind )
        {
        case K_PORT:
            if ( m == UINT32_MAX && v )
            {
                names->name(names->arg, v, port);
                strbuf_add(&sb, "%s", port);
            }
            else if ( m == UINT32_MAX )
                strbuf_add(&sb, "0");
            else
                number_text(f, v, m, &sb);
            break;

        case K_MAC:
            mac_field_text(match, f, &sb);
            break;

        case K_IP:
            ip_text(match, f, &sb);
            break;

        case K_FLAGS:
            flags_text(f, v, m, &sb);
            break;

        case K_VID:
            if ( m == HICAMP_VLAN_PRESENT )
                number_text(f, v, m, &sb);
            else
                strbuf_add(&sb, "%u", v & 0xfff);
            break;

        case K_PCP:
            strbuf_add(&sb, "%u", v >> 13);
            break;

        default:
            number_text(f, v, m, &sb);
            break;
        }

        each(arg, f->name, buf);
    }
}

static void append(void *arg, const char *name, const char *value)
{
    struct strbuf *sb = arg;

    strbuf_add(sb, "%s%s=%s", sb->len ? "," : "", name, value);
}

void match_text(const struct match *match, const struct names *names,
                char buf[MATCH_TEXT])
{
    struct strbuf sb;

    strbuf_init(&sb, buf, MATCH_TEXT);
    match_each(match, names, append, &sb);
    if ( !sb.len )
        strbuf_add(&sb, "any");
}
