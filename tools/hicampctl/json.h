/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * json: write one JSON document.
 *
 * Keys are NULL inside arrays and at the top.  Commas are the room's own
 * affair; the caller must close what it opened.
 */
#ifndef HICAMPCTL_JSON_H
#define HICAMPCTL_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json
{
    FILE *out;
    bool first;             /* nothing yet in what was opened last */
};

void json_init(struct json *j, FILE *out);
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);
void json_num(struct json *j, const char *key, uint64_t v);
void json_real(struct json *j, const char *key, double v);
void json_bool(struct json *j, const char *key, bool v);
void json_null(struct json *j, const char *key);
void json_str(struct json *j, const char *key, const char *v);
/* End the document. */
void json_end(struct json *j);
/* A document of one number. */
void json_one(FILE *out, const char *key, uint64_t v);

#endif
