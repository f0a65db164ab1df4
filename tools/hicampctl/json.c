/* SPDX-License-Identifier: GPL-2.0-only */
/* json: see json.h.  One line per document, so a watch gives JSON lines. */

#include <inttypes.h>

#include "json.h"

static void quote(struct json *j, const char *s)
{
    putc('"', j->out);
    for ( ; *s; s++ )
    {
        unsigned char c = *s;

        if ( c == '"' || c == '\\' )
            fprintf(j->out, "\\%c", c);
        else if ( c < 0x20 || c >= 0x7f )
            fprintf(j->out, "\\u%04x", c);
        else
            putc(c, j->out);
    }
    putc('"', j->out);
}

static void lead(struct json *j, const char *key)
{
    if ( !j->first )
        fputs(",", j->out);
    j->first = false;
    if ( key )
    {
        quote(j, key);
        putc(':', j->out);
    }
}

void json_init(struct json *j, FILE *out)
{
    j->out = out;
    j->first = true;
}

void json_open(struct json *j, const char *key, char bracket)
{
    lead(j, key);
    putc(bracket, j->out);
    j->first = true;
}

void json_close(struct json *j, char bracket)
{
    putc(bracket, j->out);
    j->first = false;
}

void json_num(struct json *j, const char *key, uint64_t v)
{
    lead(j, key);
    fprintf(j->out, "%" PRIu64, v);
}

void json_real(struct json *j, const char *key, double v)
{
    lead(j, key);
    fprintf(j->out, "%.3f", v);
}

void json_bool(struct json *j, const char *key, bool v)
{
    lead(j, key);
    fputs(v ? "true" : "false", j->out);
}

void json_null(struct json *j, const char *key)
{
    lead(j, key);
    fputs("null", j->out);
}

void json_str(struct json *j, const char *key, const char *v)
{
    lead(j, key);
    quote(j, v);
}

void json_end(struct json *j)
{
    putc('\n', j->out);
    j->first = true;
}

void json_one(FILE *out, const char *key, uint64_t v)
{
    struct json j;

    json_init(&j, out);
    json_open(&j, NULL, '{');
    json_num(&j, key, v);
    json_close(&j, '}');
    json_end(&j);
}
