/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The content under study: files read into memory as segments, each at the
 * beginning of a page and with zeros up to the end of its last page, so that
 * the last line of any size is padded as a line store pads it.
 */

#ifndef DEDUP_CONTENT_H
#define DEDUP_CONTENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CONTENT_ALIGN 4096 /* the largest line */

struct segment
{
    const uint8_t *data;
    uint64_t bytes;             /* not 0 */
};

struct content
{
    struct segment *segments;
    uint64_t nr;
    uint64_t bytes;             /* of all segments, without padding */
    uint8_t *memory;
    uint64_t memory_bytes;
};

/*
 * Read the files whose names stand in list, each ended by a zero byte, in that
 * order; empty ones are left out.  cut: bytes of a segment, a longer file
 * becomes several; 0: one segment each.  False, and a message on stderr, when
 * a file cannot be read or changes meanwhile, or when there is nothing.
 */
bool content_read(struct content *c, FILE *list, uint64_t cut);
void content_free(struct content *c);

#endif /* DEDUP_CONTENT_H */
