/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * text: what people write and read: errors, numbers, addresses, tables.
 */
#ifndef HICAMPCTL_TEXT_H
#define HICAMPCTL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Exit codes. */
#define EXIT_CALL   1       /* the hypervisor, or the system, refused */
#define EXIT_USAGE  2       /* what the user wrote is wrong */

/* What went wrong, in a sentence.  Functions that take one return 0 or -1. */
struct err
{
    int status;             /* EXIT_* */
    char text[512];
};

int err_set(struct err *err, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Put "fmt: " before the text that stands in err. */
int err_prefix(struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Decimal, or hexadecimal with 0x; nothing before, nothing behind. */
bool parse_num(const char *s, uint64_t max, uint64_t *out);
bool parse_mac(const char *s, uint8_t mac[6]);

#define MAC_TEXT 18
const char *mac_text(char buf[MAC_TEXT], const uint8_t mac[6]);

/* A port as the user names it: DOMID.DEVID, or a port id. */
struct port_name
{
    bool by_id;
    uint32_t id;
    uint16_t domid;
    uint32_t devid;
};

#define PORT_TEXT 24
bool parse_port(const char *s, struct port_name *name);
const char *port_text(char buf[PORT_TEXT], const struct port_name *name);

/* A string that is built piece by piece, and never longer than its room. */
struct strbuf
{
    char *text;
    size_t room, len;
};

void strbuf_init(struct strbuf *sb, char *text, size_t room);
void strbuf_add(struct strbuf *sb, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A table with columns as wide as their widest cell. */
struct table
{
    unsigned int columns;
    unsigned int left;      /* bit per column: text, set to the left */
    size_t nr, room;
    char **cell;
};

void table_init(struct table *t, unsigned int columns, unsigned int left);
/* Once per cell, row by row. */
void table_cell(struct table *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Print, and free. */
void table_print(struct table *t, FILE *out);

/* malloc and realloc that end the program when there is no memory. */
void *xrealloc(void *p, size_t size);

#endif
