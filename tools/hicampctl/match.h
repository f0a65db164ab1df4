/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * match: flows as text.
 *
 * What match_text() and actions_text() write, match_parse() and
 * actions_parse() read back to the same bits: a dump can be loaded again.
 * The exceptions are what no parser could mean: key bits outside the mask,
 * and actions that this tool does not know.
 *
 * Ports have names, DOMID.DEVID, and ids; the flows hold ids.  The caller says
 * how one becomes the other, so this room needs no hypervisor.
 */
#ifndef HICAMPCTL_MATCH_H
#define HICAMPCTL_MATCH_H

#include <stdint.h>

#include <public/hicamp.h>

#include "text.h"

struct names
{
    /* The id of a port. */
    int (*id)(void *arg, const struct port_name *name, uint32_t *id,
              struct err *err);
    /* The name of port id; an id that no port has stays a number. */
    void (*name)(void *arg, uint32_t id, char buf[PORT_TEXT]);
    void *arg;
};

struct match
{
    struct hicamp_flow_key key, mask;
};

/* Longest text: each field with a mask, IPv6 addresses twice. */
#define MATCH_TEXT      2048

int match_parse(const char *text, const struct names *names,
                struct match *match, struct err *err);
/* Call each() with name and value of every field, in the order of the key. */
void match_each(const struct match *match, const struct names *names,
                void (*each)(void *arg, const char *name, const char *value),
                void *arg);
void match_text(const struct match *match, const struct names *names,
                char buf[MATCH_TEXT]);

struct actions
{
    uint32_t bytes;
    union
    {
        struct hicamp_action item;  /* alignment */
        uint8_t list[HICAMP_ACTIONS_MAX];
    };
};

/* Longest text: outputs, each ",output=" and a name, and some sets. */
#define ACTIONS_TEXT    (HICAMP_ACTIONS_MAX / 8 * (PORT_TEXT + 8) + \
                         HICAMP_ACTIONS_MAX / \
                         sizeof(struct hicamp_act_set) * MATCH_TEXT)

int actions_parse(const char *text, const struct names *names,
                  struct actions *actions, struct err *err);
void actions_text(const void *list, uint32_t bytes, const struct names *names,
                  char buf[ACTIONS_TEXT]);

#endif
