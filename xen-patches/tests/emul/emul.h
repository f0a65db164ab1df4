/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * emul.h
 *
 * What private.h includes in place of Xen's headers when the hypervisor's
 * files are compiled for user space.  Same names, same meaning, stricter
 * where Xen would only misbehave.  The idea is that of Xen's tools/tests/
 * rangeset and vpci; unlike there, locks lock, RCU waits, memory has owners.
 */

#ifndef EMUL_H
#define EMUL_H

#include "base.h"
#include "list.h"
#include "sched.h"
#include "mm.h"
#include "pt.h"
#include "call.h"

#endif /* EMUL_H */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
