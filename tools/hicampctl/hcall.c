/* SPDX-License-Identifier: GPL-2.0-only */
/* hcall on libxencall: see hcall.h. */

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xencall.h>
#include <xentoollog.h>

#include <public/hicamp.h>

#include "hcall.h"
#include "text.h"

struct hcall
{
    xencall_handle *call;
    xentoollog_logger *log;
};

/* libxencall does not keep errno, so look for the reason ourselves. */
static void explain_open(struct err *err)
{
    static const char *const path[] = {
        "/dev/xen/privcmd", "/proc/xen/privcmd",
    };
    unsigned int i;

    for ( i = 0; i < sizeof(path) / sizeof(path[0]); i++ )
    {
        if ( access(path[i], F_OK) )
            continue;
        if ( access(path[i], R_OK | W_OK) )
            err_set(err, EXIT_CALL, "%s: %s: hypercalls are for root", path[i],
                    strerror(errno));
        else
            err_set(err, EXIT_CALL, "%s: cannot be opened", path[i]);
        return;
    }

    err_set(err, EXIT_CALL, "no %s: this is not a Xen domain, or the "
            "xen-privcmd driver is not loaded", path[0]);
}

struct hcall *hcall_open(struct err *err)
{
    struct hcall *hc = calloc(1, sizeof(*hc));

    if ( !hc )
    {
        err_set(err, EXIT_CALL, "out of memory");
        return NULL;
    }

    /* We say ourselves what went wrong: only worse things are logged. */
    hc->log = (xentoollog_logger *)
        xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);
    hc->call = xencall_open(hc->log, 0);
    if ( !hc->call )
    {
        explain_open(err);
        hcall_close(hc);
        return NULL;
    }

    return hc;
}

void hcall_close(struct hcall *hc)
{
    if ( hc->call )
        xencall_close(hc->call);
    if ( hc->log )
        xtl_logger_destroy(hc->log);
    free(hc);
}

void *hcall_alloc(struct hcall *hc, size_t size)
{
    void *p = xencall_alloc_buffer(hc->call, size);

    if ( p )
        memset(p, 0, size);

    return p;
}

void hcall_free(struct hcall *hc, void *p)
{
    if ( p )
        xencall_free_buffer(hc->call, p);
}

int hcall_op(struct hcall *hc, unsigned int cmd, void *arg)
{
    int rc;

    errno = 0;
    rc = xencall2(hc->call, __HYPERVISOR_hicamp_op, cmd, (uintptr_t)arg);
    if ( rc < 0 )
        return errno ? -errno : -EIO;

    return rc;
}
