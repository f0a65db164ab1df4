/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Matches, from text to key and mask: see match.h.
 *
 * Each name claims what it sets, and nothing may be claimed twice: a match
 * that says two things about one field is refused, not guessed at.
 */

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "field.h"

/* eth_type and ip_proto at once; ip_proto 0: any. */
static const struct alias words[] = {
    { "ip",    0x0800, 0 },
    { "ipv6",  0x86dd, 0 },
    { "arp",   0x0806, 0 },
    { "tcp",   0x0800, 6 },
    { "udp",   0x0800, 17 },
    { "icmp",  0x0800, 1 },
    { "sctp",  0x0800, 132 },
    { "tcp6",  0x86dd, 6 },
    { "udp6",  0x86dd, 17 },
    { "icmp6", 0x86dd, 58 },
    { "sctp6", 0x86dd, 132 },
    { NULL, 0, 0 },
};

/* The parts of a tag, which are claimed one by one. */
#define C_VID   (UINT64_C(1) << 62)
#define C_PCP   (UINT64_C(1) << 63)

/* Why a number is refused: it is none, or too large. */
static int bad_num(const struct field *f, const char *text, uint32_t max,
                   struct err *err)
{
    uint64_t v;

    if ( parse_num(text, UINT64_MAX, &v) )
        return err_set(err, EXIT_USAGE, "flow: %s: %.64s is more than %u",
                       f->name, text, max);

    return err_set(err, EXIT_USAGE, "flow: %s: '%.64s' is not a number%s",
                   f->name, text, f->alias ? " or a known name" : "");
}

static int outside(const char *name, const char *value, const char *mask,
                   struct err *err)
{
    return err_set(err, EXIT_USAGE,
                   "flow: %s: '%.64s' has bits outside its mask '%.64s'",
                   name, value, mask);
}

static uint32_t most(const struct field *f)
{
    return f->size == 4 ? UINT32_MAX : (1u << (8 * f->size)) - 1;
}

/* value and mask of a number, neither put into the key yet. */
static int parse_number(const struct field *f, const char *value,
                        const char *mask, uint32_t *v, uint32_t *m,
                        struct err *err)
{
    const struct alias *a;
    uint64_t num;

    for ( a = f->alias; a && a->name; a++ )
        if ( !strcmp(value, a->name) )
        {
            if ( mask )
                return err_set(err, EXIT_USAGE,
                               "flow: %s: %s takes no mask", f->name, value);
            *v = a->value;
            *m = a->mask;
            return 0;
        }

    if ( !parse_num(value, mask ? most(f) : f->full, &num) )
        return bad_num(f, value, mask ? most(f) : f->full, err);
    *v = num;
    *m = f->full;

    if ( mask )
    {
        if ( !parse_num(mask, most(f), &num) )
            return bad_num(f, mask, most(f), err);
        *m = num;
        if ( *v & ~*m )
            return outside(f->name, value, mask, err);
    }

    return 0;
}

static int parse_flags(const struct field *f, const char *value,
                       const char *mask, uint32_t *v, uint32_t *m,
                       struct err *err)
{
    if ( *value != '+' && *value != '-' )
        return parse_number(f, value, mask, v, m, err);

    *v = *m = 0;
    while ( *value )
    {
        bool set = *value++ == '+';
        size_t len = strcspn(value, "+-");
        unsigned int i;

        for ( i = 0; i < ARRAY_SIZE(tcp_flag); i++ )
            if ( strlen(tcp_flag[i]) == len &&
                 !strncmp(tcp_flag[i], value, len) )
                break;
        if ( mask || i == ARRAY_SIZE(tcp_flag) || (*m & (1u << i)) )
            return err_set(err, EXIT_USAGE,
                           "flow: %s: '%.64s' is not a list of flags such as "
                           "+syn-ack", f->name, value);
        *m |= 1u << i;
        *v |= (uint32_t)set << i;
        value += len;
    }

    return 0;
}

static int parse_mac_field(const struct field *f, const char *value,
                           const char *mask, struct match *match,
                           struct err *err)
{
    uint8_t *key = (uint8_t *)&match->key + f->offset;
    uint8_t *kmask = (uint8_t *)&match->mask + f->offset;
    unsigned int i;

    if ( !parse_mac(value, key) )
        return err_set(err, EXIT_USAGE,
                       "flow: %s: '%.64s' is not a MAC address", f->name,
                       value);

    memset(kmask, 0xff, 6);
    if ( mask && !parse_mac(mask, kmask) )
        return err_set(err, EXIT_USAGE,
                       "flow: %s: '%.64s' is not a MAC mask", f->name, mask);

    for ( i = 0; i < 6; i++ )
        if ( key[i] & ~kmask[i] )
            return outside(f->name, value, mask, err);

    return 0;
}

static int parse_ip(const struct field *f, const char *value,
                    const char *mask, struct match *match,
                    const char **dotted, struct err *err)
{
    uint8_t *key = (uint8_t *)&match->key + f->offset;
    uint8_t *kmask = (uint8_t *)&match->mask + f->offset;
    int family = strchr(value, ':') ? AF_INET6 : AF_INET;
    unsigned int i, size = family == AF_INET ? 4 : 16;
    uint64_t bits;

    if ( inet_pton(family, value, key) != 1 )
        return err_set(err, EXIT_USAGE,
                       "flow: %s: '%.64s' is not an IP address", f->name,
                       value);

    if ( family == AF_INET )
        *dotted = f->name;

    if ( !mask )
        memset(kmask, 0xff, size);
    else if ( strchr(mask, family == AF_INET ? '.' : ':') )
    {
        if ( inet_pton(family, mask, kmask) != 1 )
            return err_set(err, EXIT_USAGE,
                           "flow: %s: '%.64s' is not a mask", f->name, mask);
    }
    else
    {
        if ( !parse_num(mask, 8 * size, &bits) )
            return err_set(err, EXIT_USAGE,
                           "flow: %s: '/%.64s' is not a prefix length from 0 "
                           "to %u", f->name, mask, 8 * size);
        for ( i = 0; i < bits; i++ )
            kmask[i / 8] |= 0x80 >> (i % 8);
    }

    for ( i = 0; i < size; i++ )
        if ( key[i] & ~kmask[i] )
            return outside(f->name, value, mask, err);

    return 0;
}

static int parse_in_port(const struct field *f, const char *value,
                         const char *mask, const struct names *names,
                         struct match *match, struct err *err)
{
    struct port_name name;
    uint32_t id, m;

    if ( mask || !strcmp(value, "0") )
    {
        if ( parse_number(f, value, mask, &id, &m, err) )
            return -1;
        field_put(f, &match->key, id);
        field_put(f, &match->mask, m);
        return 0;
    }

    if ( !parse_port(value, &name) )
        return err_set(err, EXIT_USAGE,
                       "flow: %s: '%.64s' is neither DOMID.DEVID nor a port "
                       "id", f->name, value);
    if ( names->id(names->arg, &name, &id, err) )
        return err_prefix(err, "flow: %s", f->name);

    field_put(f, &match->key, id);
    field_put(f, &match->mask, UINT32_MAX);

    return 0;
}

/* vid and pcp are parts of a tag that is there. */
static int parse_tag(const struct field *f, const char *value,
                     const char *mask, struct match *match, uint64_t *claim,
                     struct err *err)
{
    const struct alias *a;
    uint64_t num;

    if ( mask )
        return err_set(err, EXIT_USAGE,
                       "flow: %s: takes no mask (%.*s_tci does)", f->name,
                       (int)strcspn(f->name, "_"), f->name);

    for ( a = f->alias; a && a->name; a++ )
        if ( !strcmp(value, a->name) )
        {
            *claim = C_VID | C_PCP;
            field_put(f, &match->key, a->value);
            field_put(f, &match->mask, a->mask);
            return 0;
        }

    if ( !parse_num(value, f->full, &num) )
        return bad_num(f, value, f->full, err);
    if ( f->kind == K_PCP )
        num <<= 13;
    field_put(f, &match->key, num | HICAMP_VLAN_PRESENT);
    field_put(f, &match->mask,
        HICAMP_VLAN_PRESENT | (f->kind == K_PCP ? 0xe000 : 0x0fff));

    return 0;
}

struct parse
{
    const struct names *names;
    struct match *match;
    /* Claimed bits, by the offset in the key; C_* below for parts of tags. */
    uint64_t place[2];
    uint64_t tag[2];
    const char *dotted;     /* the field that has an IPv4 address */
};

/* May name speak for this place (and, of a tag, these parts)? */
static int claim(struct parse *p, const struct field *f, const char *name,
                 uint64_t parts, struct err *err)
{
    unsigned int word = f->offset / 64;
    uint64_t bit = UINT64_C(1) << (f->offset % 64);
    uint64_t *tag = &p->tag[f->name[0] == 'c'];

    if ( parts ? (*tag & parts) : (p->place[word] & bit) )
        return err_set(err, EXIT_USAGE,
                       "flow: %s: the match says this twice", name);
    if ( parts )
        *tag |= parts;
    else
        p->place[word] |= bit;

    return 0;
}

static int parse_word(struct parse *p, const char *word, struct err *err)
{
    const struct field *type = field_find("eth_type");
    const struct field *proto = field_find("ip_proto");
    const struct alias *a;

    for ( a = words; a->name; a++ )
        if ( !strcmp(word, a->name) )
            break;

    if ( !a->name && field_find(word) )
        return err_set(err, EXIT_USAGE, "flow: %s: needs a value", word);
    if ( !a->name )
        return err_set(err, EXIT_USAGE, "flow: '%.64s' is not a field", word);

    if ( claim(p, type, word, 0, err) )
        return -1;
    field_put(type, &p->match->key, a->value);
    field_put(type, &p->match->mask, 0xffff);

    if ( a->mask )
    {
        if ( claim(p, proto, word, 0, err) )
            return -1;
        field_put(proto, &p->match->key, a->mask);
        field_put(proto, &p->match->mask, 0xff);
    }

    return 0;
}

static int parse_field(struct parse *p, char *name, struct err *err)
{
    char *value = strchr(name, '='), *mask;
    const struct field *f;
    uint64_t parts = 0;
    uint32_t v, m;
    int rc;

    if ( !*name )
        return err_set(err, EXIT_USAGE, "flow: a field is empty");
    if ( !value )
        return parse_word(p, name, err);
    *value++ = '\0';

    f = field_find(name);
    if ( !f )
        return err_set(err, EXIT_USAGE, "flow: '%.64s' is not a field", name);
    if ( !*value )
        return err_set(err, EXIT_USAGE, "flow: %s: needs a value", name);

    mask = strchr(value, '/');
    if ( mask )
        *mask++ = '\0';

    switch ( f->kind )
    {
    case K_VID:
    case K_PCP:
        parts = f->kind == K_VID ? C_VID : C_PCP;
        if ( parse_tag(f, value, mask, p->match, &parts, err) )
            return -1;
        return claim(p, f, name, parts, err);

    case K_MAC:
        rc = parse_mac_field(f, value, mask, p->match, err);
        break;

    case K_IP:
        rc = parse_ip(f, value, mask, p->match, &p->dotted, err);
        break;

    case K_PORT:
        rc = parse_in_port(f, value, mask, p->names, p->match, err);
        break;

    case K_FLAGS:
        rc = parse_flags(f, value, mask, &v, &m, err);
        if ( !rc )
        {
            field_put(f, &p->match->key, v);
            field_put(f, &p->match->mask, m);
        }
        break;

    default:
        rc = parse_number(f, value, mask, &v, &m, err);
        if ( !rc )
        {
            field_put(f, &p->match->key, v);
            field_put(f, &p->match->mask, m);
        }
        break;
    }
    if ( rc )
        return rc;

    /* A whole tci claims both parts. */
    if ( field_is_tag(f) )
        parts = C_VID | C_PCP;

    return claim(p, f, name, parts, err);
}

int match_parse(const char *text, const struct names *names,
                struct match *match, struct err *err)
{
    struct parse p = { .names = names, .match = match };
    char *copy, *name, *next;
    int rc = 0;

    memset(match, 0, sizeof(*match));

    if ( !*text || !strcmp(text, "any") )
        return 0;

    copy = xrealloc(NULL, strlen(text) + 1);
    strcpy(copy, text);

    for ( name = copy; name && !rc; name = next )
    {
        next = strchr(name, ',');
        if ( next )
            *next++ = '\0';
        rc = parse_field(&p, name, err);
    }
    free(copy);

    /* Without it, the four bytes would match the start of IPv6 addresses. */
    if ( !rc && p.dotted && !match_is_ipv4(match) )
        rc = err_set(err, EXIT_USAGE,
                     "flow: %s: an IPv4 address needs eth_type=ip or arp",
                     p.dotted);

    return rc;
}
