/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sizes of the hypervisor's line store, from its own header, so that the study
 * charges what the store spends.  In a file of its own because line.h comes
 * with the emulation of Xen.
 */

#include "line.h"

extern const unsigned int store_line_bytes, store_meta_bytes;

const unsigned int store_line_bytes = LINE_BYTES;
const unsigned int store_meta_bytes = sizeof(struct line_meta);
