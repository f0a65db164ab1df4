/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypercall's room: what other rooms use of it.
 */

#ifndef HICAMP_OP_H
#define HICAMP_OP_H

#include "private.h"

/*
 * Copy bytes from or to the calling guest.  0, or -EFAULT.  May fault: no lock
 * may be held.
 */
int hicamp_copy_in(void *to, uint64_t addr, size_t bytes);
int hicamp_copy_out(uint64_t addr, const void *from, size_t bytes);
/* As hicamp_copy_out(), of zeros. */
int hicamp_clear_out(uint64_t addr, size_t bytes);

/* The administrator named by the toolstack; DOMID_INVALID if none is. */
domid_t hicamp_admin_domid(void);

#endif /* HICAMP_OP_H */
