/* SPDX-License-Identifier: GPL-2.0-only */
/* Actions of a flow, as text and as list: see match.h. */

#include <stdlib.h>
#include <string.h>

#include "match.h"

static int add(struct actions *a, uint16_t type, uint32_t arg,
               struct err *err)
{
    struct hicamp_action item = {
        .type = type,
        .bytes = sizeof(item),
        .arg = arg,
    };

    if ( a->bytes + sizeof(item) > sizeof(a->list) )
        return err_set(err, EXIT_USAGE,
                       "flow: more than %zu actions",
                       sizeof(a->list) / sizeof(item));

    memcpy(a->list + a->bytes, &item, sizeof(item));
    a->bytes += sizeof(item);

    return 0;
}

static int parse_one(char *word, const struct names *names,
                     struct actions *a, struct err *err)
{
    char *value = strchr(word, '=');
    struct port_name name;
    uint32_t id;

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

    if ( strcmp(word, "drop") && strcmp(word, "upcall") )
        return err_set(err, EXIT_USAGE,
                       "flow: '%.64s' is not an action (output=PORT, drop, "
                       "upcall)", word);
    if ( value )
        return err_set(err, EXIT_USAGE, "flow: %s: takes no value", word);

    return add(a, *word == 'd' ? HICAMP_ACT_DROP : HICAMP_ACT_UPCALL, 0, err);
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
        next = strchr(word, ',');
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
