/* SPDX-License-Identifier: GPL-2.0-only */
/* text: see text.h.  Knows nothing of hypercalls. */

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <public/hicamp.h>

#include "text.h"

/* First domain id that no domain can have: DOMID_FIRST_RESERVED. */
#define DOMID_END 0x7ff0

int err_set(struct err *err, int status, const char *fmt, ...)
{
    va_list ap;

    err->status = status;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);

    return -1;
}

int err_prefix(struct err *err, const char *fmt, ...)
{
    char old[sizeof(err->text)], *p = err->text;
    size_t room = sizeof(err->text), len;
    va_list ap;

    memcpy(old, err->text, sizeof(old));
    va_start(ap, fmt);
    vsnprintf(p, room, fmt, ap);
    va_end(ap);
    len = strlen(p);
    snprintf(p + len, room - len, ": %s", old);

    return -1;
}

bool parse_num(const char *s, uint64_t max, uint64_t *out)
{
    int base = 10;
    const char *digits = s;
    char *end;
    uint64_t v;

    if ( s[0] == '0' && (s[1] == 'x' || s[1] == 'X') )
    {
        base = 16;
        digits = s + 2;
    }

    /* strtoull() would take blanks and signs. */
    if ( !*digits ||
         strspn(digits, base == 16 ? "0123456789abcdefABCDEF"
                                   : "0123456789") != strlen(digits) )
        return false;

    errno = 0;
    v = strtoull(digits, &end, base);
    if ( errno || *end || v > max )
        return false;

    *out = v;

    return true;
}

static int hex_digit(char c)
{
    if ( c >= '0' && c <= '9' )
        return c - '0';
    if ( c >= 'a' && c <= 'f' )
        return c - 'a' + 10;
    if ( c >= 'A' && c <= 'F' )
        return c - 'A' + 10;

    return -1;
}

bool parse_mac(const char *s, uint8_t mac[6])
{
    unsigned int i;

    if ( strlen(s) != 17 )
        return false;

    for ( i = 0; i < 6; i++, s += 3 )
    {
        int hi = hex_digit(s[0]), lo = hex_digit(s[1]);

        if ( hi < 0 || lo < 0 || s[2] != (i < 5 ? ':' : '\0') )
            return false;
        mac[i] = hi << 4 | lo;
    }

    return true;
}

const char *mac_text(char buf[MAC_TEXT], const uint8_t mac[6])
{
    snprintf(buf, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
             mac[2], mac[3], mac[4], mac[5]);

    return buf;
}

bool parse_port(const char *s, struct port_name *name)
{
    const char *dot = strchr(s, '.');
    char dom[16];
    uint64_t v;

    memset(name, 0, sizeof(*name));

    if ( !dot )
    {
        if ( !parse_num(s, UINT32_MAX, &v) || !v )
            return false;
        name->by_id = true;
        name->id = v;
        return true;
    }

    if ( (size_t)(dot - s) >= sizeof(dom) )
        return false;
    memcpy(dom, s, dot - s);
    dom[dot - s] = '\0';

    if ( !parse_num(dom, DOMID_END - 1, &v) )
        return false;
    name->domid = v;
    if ( !strcmp(dot + 1, "fabric") )
        v = HICAMP_FABRIC_DEVID;
    else if ( !parse_num(dot + 1, UINT32_MAX, &v) )
        return false;
    name->devid = v;

    return true;
}

const char *port_text(char buf[PORT_TEXT], const struct port_name *name)
{
    if ( name->by_id )
        snprintf(buf, PORT_TEXT, "%u", name->id);
    else if ( name->devid == HICAMP_FABRIC_DEVID )
        snprintf(buf, PORT_TEXT, "%u.fabric", name->domid);
    else
        snprintf(buf, PORT_TEXT, "%u.%u", name->domid, name->devid);

    return buf;
}

void strbuf_init(struct strbuf *sb, char *text, size_t room)
{
    sb->text = text;
    sb->room = room;
    sb->len = 0;
    text[0] = '\0';
}

void strbuf_add(struct strbuf *sb, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(sb->text + sb->len, sb->room - sb->len, fmt, ap);
    va_end(ap);
    if ( n > 0 )
        sb->len += n;
    if ( sb->len >= sb->room )
        sb->len = sb->room - 1;
}

void *xrealloc(void *p, size_t size)
{
    p = realloc(p, size ? size : 1);
    if ( !p )
    {
        fputs("hicampctl: out of memory\n", stderr);
        exit(EXIT_CALL);
    }

    return p;
}

void table_init(struct table *t, unsigned int columns, unsigned int left)
{
    memset(t, 0, sizeof(*t));
    t->columns = columns;
    t->left = left;
}

void table_cell(struct table *t, const char *fmt, ...)
{
    va_list ap;
    char buf[256];
    size_t len;

    va_start(ap, fmt);
    vsnprintf(buf, sizeof(buf), fmt, ap);
    va_end(ap);

    if ( t->nr == t->room )
    {
        t->room = t->room ? t->room * 2 : 64;
        t->cell = xrealloc(t->cell, t->room * sizeof(*t->cell));
    }
    len = strlen(buf) + 1;
    t->cell[t->nr] = xrealloc(NULL, len);
    memcpy(t->cell[t->nr++], buf, len);
}

void table_print(struct table *t, FILE *out)
{
    int *width = xrealloc(NULL, t->columns * sizeof(*width));
    size_t i;

    memset(width, 0, t->columns * sizeof(*width));
    for ( i = 0; i < t->nr; i++ )
    {
        int len = strlen(t->cell[i]);

        if ( len > width[i % t->columns] )
            width[i % t->columns] = len;
    }

    for ( i = 0; i < t->nr; i++ )
    {
        unsigned int col = i % t->columns;
        bool last = col == t->columns - 1;

        if ( !(t->left & (1u << col)) )
            fprintf(out, "%*s", width[col], t->cell[i]);
        else if ( last )
            fputs(t->cell[i], out);
        else
            fprintf(out, "%-*s", width[col], t->cell[i]);
        fputs(last ? "\n" : "  ", out);
        free(t->cell[i]);
    }

    free(t->cell);
    free(width);
    memset(t, 0, sizeof(*t));
}
