/* SPDX-License-Identifier: GPL-2.0-only */
/* Actions of a flow, as text and as list: see match.h. */

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "match.h"

#define TPID_DEFAULT    0x8100u

/* An item, with more bytes behind it. */
static int add_more(struct actions *a, uint16_t type, uint32_t arg,
                    const void *more, size_t bytes, struct err *err)
{
    struct hicamp_action item = {
        .type = type,
        .bytes = sizeof(item) + bytes,
        .arg = arg,
    };

    if ( a->bytes + item.bytes > sizeof(a->list) )
        return err_set(err, EXIT_USAGE,
                       "flow: more than %zu bytes of actions",
                       sizeof(a->list));

    memcpy(a->list + a->bytes, &item, sizeof(item));
    if ( bytes )
        memcpy(a->list + a->bytes + sizeof(item), more, bytes);
    a->bytes += item.bytes;

    return 0;
}

static int add(struct actions *a, uint16_t type, uint32_t arg,
               struct err *err)
{
    return add_more(a, type, arg, NULL, 0, err);
}

/* set(FIELD=VALUE[/MASK],...): the fields as a match has them. */
static int add_set(struct actions *a, char *fields, const struct names *names,
                   struct err *err)
{
    static const char type[] = "eth_type=ip,";
    size_t n = strlen(fields);
    struct hicamp_act_set set;
    struct match match;
    char *text;
    int rc;

    if ( !n || fields[n - 1] != ')' )
        return err_set(err, EXIT_USAGE, "flow: set: needs set(FIELD=VALUE,...)");
    fields[--n] = '\0';

    /* An address of IPv4 is told by its dots alone. */
    rc = match_parse(fields, names, &match, err);
    if ( rc && strchr(fields, '.') )
    {
        text = xrealloc(NULL, sizeof(type) + n);
        strcpy(text, type);
        strcat(text, fields);
        rc = match_parse(text, names, &match, err);
        free(text);
        match.key.eth_type = match.mask.eth_type = 0;
    }
    if ( rc )
        return err_prefix(err, "flow: set");

    set.value = match.key;
    set.mask = match.mask;

    return add_more(a, HICAMP_ACT_SET, 0, &set, sizeof(set), err);
}

/* push_vlan=[TPID:]TCI */
static int add_push(struct actions *a, char *value, struct err *err)
{
    char *tci = value ? strchr(value, ':') : NULL;
    uint64_t tpid = TPID_DEFAULT, v;

    if ( tci )
        *tci++ = '\0';
    if ( !value || (tci && !parse_num(value, UINT16_MAX, &tpid)) ||
         !parse_num(tci ?: value, UINT16_MAX, &v) )
        return err_set(err, EXIT_USAGE,
                       "flow: push_vlan: needs push_vlan=[TPID:]TCI");

    return add(a, HICAMP_ACT_PUSH_VLAN, tpid << 16 | v, err);
}

static int parse_one(char *word, const struct names *names,
                     struct actions *a, struct err *err)
{
    char *value;
    struct port_name name;
    uint32_t id;

    if ( !strncmp(word, "set(", 4) )
        return add_set(a, word + 4, names, err);

    value = strchr(word, '=');
    if ( value )
        *value++ = '\0';

    if ( !strcmp(word, "output") )
    {
        if ( !value || !*value )
            return err_set(err, EXIT_USAGE,
                           "flow: output: needs a port, output=DOMID.DEVID");
        if ( !parse_port(value, &name) )
            return err_set(err, EXIT_USAGE,
                           "flow: output: '%.64s' is neither DOMID.DEVID nor "
                           "a port id", value);
        if ( names->id(names->arg, &name, &id, err) )
            return err_prefix(err, "flow: output");
        return add(a, HICAMP_ACT_OUTPUT, id, err);
    }

    if ( !strcmp(word, "push_vlan") )
        return add_push(a, value, err);

    if ( !strcmp(word, "meter") )
    {
        uint64_t meter;

        if ( !value || !parse_num(value, UINT32_MAX, &meter) || !meter )
            return err_set(err, EXIT_USAGE,
                           "flow: meter: needs the number of a meter, meter=N");
        return add(a, HICAMP_ACT_METER, meter, err);
    }

    if ( strcmp(word, "drop") && strcmp(word, "upcall") &&
         strcmp(word, "pop_vlan") )
        return err_set(err, EXIT_USAGE,
                       "flow: '%.64s' is not an action (output=PORT, drop, "
                       "upcall, meter=N, push_vlan=[TPID:]TCI, pop_vlan, "
                       "set(FIELD=VALUE,...))", word);
    if ( value )
        return err_set(err, EXIT_USAGE, "flow: %s: takes no value", word);

    return add(a, *word == 'd' ? HICAMP_ACT_DROP :
                  *word == 'p' ? HICAMP_ACT_POP_VLAN : HICAMP_ACT_UPCALL,
               0, err);
}

/* The comma that ends a word, which may have others in parentheses. */
static char *word_end(char *word)
{
    unsigned int depth = 0;

    for ( ; *word; word++ )
        if ( *word == '(' )
            depth++;
        else if ( *word == ')' && depth )
            depth--;
        else if ( *word == ',' && !depth )
            return word;

    return NULL;
}

int actions_parse(const char *text, const struct names *names,
                  struct actions *actions, struct err *err)
{
    char *copy, *word, *next;
    uint32_t nr = 0;
    bool drop = false;
    int rc = 0;

    actions->bytes = 0;

    if ( !*text )
        return err_set(err, EXIT_USAGE,
                       "flow: no actions (a flow that drops says drop)");

    copy = xrealloc(NULL, strlen(text) + 1);
    strcpy(copy, text);

    for ( word = copy; word && !rc; word = next )
    {
        next = word_end(word);
        if ( next )
            *next++ = '\0';
        drop = drop || !strcmp(word, "drop");
        rc = parse_one(word, names, actions, err);
        nr++;
    }
    free(copy);

    if ( !rc && drop && nr > 1 )
        rc = err_set(err, EXIT_USAGE, "flow: drop must stand alone");

    return rc;
}

static bool any(const uint8_t *p, unsigned int bytes)
{
    while ( bytes )
        if ( p[--bytes] )
            return true;

    return false;
}

static void set_text(struct strbuf *sb, const struct hicamp_act_set *set,
                     const struct names *names)
{
    static char buf[MATCH_TEXT];
    static const char type[] = "eth_type=ip,";
    struct match match = { .key = set->value, .mask = set->mask };
    char *at;

    if ( (any(set->mask.ip_src, 4) || any(set->mask.ip_dst, 4)) &&
         !any(set->mask.ip_src + 4, 12) && !any(set->mask.ip_dst + 4, 12) )
    {
        match.key.eth_type = htons(0x0800);
        match.mask.eth_type = 0xffff;
    }
    match_text(&match, names, buf);
    at = match.mask.eth_type ? strstr(buf, type) : NULL;
    if ( at )
        memmove(at, at + strlen(type), strlen(at + strlen(type)) + 1);
    strbuf_add(sb, "set(%s)", buf);
}

void actions_text(const void *list, uint32_t bytes, const struct names *names,
                  char buf[ACTIONS_TEXT])
{
    const uint8_t *p = list;
    const char *sep = "";
    struct strbuf sb;
    char port[PORT_TEXT];

    strbuf_init(&sb, buf, ACTIONS_TEXT);

    while ( bytes )
    {
        struct hicamp_action item;
        struct hicamp_act_set set;

        if ( bytes < sizeof(item) )
            break;
        memcpy(&item, p, sizeof(item));

        switch ( item.type )
        {
        case HICAMP_ACT_OUTPUT:
            names->name(names->arg, item.arg, port);
            strbuf_add(&sb, "%soutput=%s", sep, port);
            break;

        case HICAMP_ACT_DROP:
            strbuf_add(&sb, "%sdrop", sep);
            break;

        case HICAMP_ACT_UPCALL:
            strbuf_add(&sb, "%supcall", sep);
            break;

        case HICAMP_ACT_PUSH_VLAN:
            strbuf_add(&sb, "%spush_vlan=0x%04x:0x%04x", sep, item.arg >> 16,
                       item.arg & 0xffff);
            break;

        case HICAMP_ACT_POP_VLAN:
            strbuf_add(&sb, "%spop_vlan", sep);
            break;

        case HICAMP_ACT_METER:
            strbuf_add(&sb, "%smeter=%u", sep, item.arg);
            break;

        case HICAMP_ACT_SET:
            strbuf_add(&sb, "%s", sep);
            if ( item.bytes == sizeof(item) + sizeof(set) &&
                 item.bytes <= bytes )
            {
                memcpy(&set, p + sizeof(item), sizeof(set));
                set_text(&sb, &set, names);
            }
            break;

        default:
            strbuf_add(&sb, "%saction%u(%u)", sep, item.type, item.arg);
            break;
        }
        sep = ",";

        /* A size that leads nowhere would keep us here. */
        if ( item.bytes < sizeof(item) || item.bytes > bytes )
            break;
        p += item.bytes;
        bytes -= item.bytes;
    }

    /* An empty list drops. */
    if ( !sb.len )
        strbuf_add(&sb, "drop");
}
