/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's parameters.
 */

#ifndef HICAMP_PARAM_H
#define HICAMP_PARAM_H

#include "private.h"

/* HICAMP_OP_param_get and _set; arguments are copied in.  See hicamp.h. */
int param_get(struct hicamp_param *op);
int param_set(const struct hicamp_param *op);

#endif /* HICAMP_PARAM_H */
