/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The access protocol: every access by Xen to a guest's frames holds a use
 * count on the object through which it got them (a grant-space entry, a
 * packet that borrows), for at most one copy.  The owner takes the object back
 * by closing it, after which no new use begins, and waiting for the count to
 * reach zero.  Nothing that another domain does or omits delays that: a use
 * begins and ends inside the hypervisor, within one copy.
 *
 * Idea: unilateral revocation, Ram, "New Architectures and Mechanisms for the
 * Network Subsystem in Virtualized Servers", chapter 3.
 */

#ifndef HICAMP_USE_H
#define HICAMP_USE_H

#include "private.h"

#define USE_CLOSED_BIT  31
#define USE_CLOSED      (1u << USE_CLOSED_BIT)

struct use {
    uint32_t word;      /* USE_CLOSED, and the number of uses under way */
};

/* Begin a use.  False if the object has been taken back. */
static inline bool use_begin(struct use *u)
{
    if ( likely(!(arch_fetch_and_add(&u->word, 1u) & USE_CLOSED)) )
        return true;

    (void)arch_fetch_and_add(&u->word, -1u);

    return false;
}

/* End a use: orders everything before it, as the owner waits for it. */
static inline void use_end(struct use *u)
{
    (void)arch_fetch_and_add(&u->word, -1u);
}

/* Take the object back.  False if somebody else already has. */
static inline bool use_close(struct use *u)
{
    return !test_and_set_bit(USE_CLOSED_BIT, &u->word);
}

/* After use_close(): wait until no use is under way; at most one copy. */
static inline void use_wait(const struct use *u)
{
    while ( read_atomic(&u->word) & ~USE_CLOSED )
        cpu_relax();

    smp_rmb();
}

/* Offer a closed object anew; transient uses that will fail may exist. */
static inline void use_open(struct use *u)
{
    smp_wmb();
    clear_bit(USE_CLOSED_BIT, &u->word);
}

static inline bool use_is_closed(const struct use *u)
{
    return read_atomic(&u->word) & USE_CLOSED;
}

#endif /* HICAMP_USE_H */
