/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * call.c
 *
 * Emulation for the user-space tests: what surrounds a hypercall.  See call.h.
 */

#include "op.h"

/* ---- Boot parameters and initcalls --------------------------------------- */

unsigned long long parse_size_and_unit(const char *s, const char **ps)
{
    char *end;
    unsigned long long n = strtoull(s, &end, 0);
    const char *unit = *end ? strchr("kMGT", *end) : NULL;

    if ( unit )
    {
        n <<= 10 * (unit - "kMGT" + 1);
        end++;
    }
    else if ( !*end || *end == ',' )
        n <<= 10;
    *ps = end;

    return n;
}

static struct {
    const char *name;
    int (*parse)(const char *s);
} params[4];
static int (*initcalls[4])(void);
static unsigned int nr_params, nr_initcalls;

void emul_param_register(const char *name, int (*parse)(const char *s))
{
    ASSERT(nr_params < ARRAY_SIZE(params));
    params[nr_params].name = name;
    params[nr_params++].parse = parse;
}

void emul_initcall_register(int (*init)(void))
{
    ASSERT(nr_initcalls < ARRAY_SIZE(initcalls));
    initcalls[nr_initcalls++] = init;
}

int emul_boot(const char *cmdline)
{
    char *copy = strdup(cmdline), *save = NULL, *word;
    unsigned int i;
    int rc = 0;

    for ( word = strtok_r(copy, " ", &save); word;
          word = strtok_r(NULL, " ", &save) )
    {
        char *value = strchr(word, '=');

        if ( value )
            *value++ = '\0';
        for ( i = 0; i < nr_params; i++ )
            if ( value && !strcmp(word, params[i].name) && !rc )
                rc = params[i].parse(value);
    }
    free(copy);

    for ( i = 0; i < nr_initcalls && !rc; i++ )
        rc = initcalls[i]();

    return rc;
}

/* ---- Permission ---------------------------------------------------------- */

int emul_xsm_rc;

int emul_xsm(int def, const struct domain *d)
{
    ASSERT(d == current->domain);

    return def == XSM_PRIV && !is_control_domain(d) ? -EPERM : emul_xsm_rc;
}

/* ---- Continuations ------------------------------------------------------- */

static __thread bool continued;
static __thread unsigned int continuations, continued_cmd;
static __thread void *continued_arg;

long hypercall_create_continuation(unsigned int op, const char *format, ...)
{
    va_list ap;

    ASSERT(op == __HYPERVISOR_hicamp_op && !strcmp(format, "il"));

    va_start(ap, format);
    continued_cmd = va_arg(ap, unsigned int);
    continued_arg = (void *)va_arg(ap, unsigned long);
    va_end(ap);
    continued = true;
    continuations++;

    return op;
}

/* Suites without op.c make no hypercalls. */
long __attribute__((__weak__)) do_hicamp_op(unsigned int cmd,
                                            XEN_GUEST_HANDLE_PARAM(void) arg)
{
    return -ENOSYS;
}

long emul_hypercall_once(struct domain *d, unsigned int cmd, void *arg)
{
    long rc;

    emul_set_current(d);
    continued = false;
    rc = do_hicamp_op(cmd, guest_handle_from_ptr(arg, void));
    emul_check_thread();
    emul_set_current(NULL);

    if ( !continued )
        return rc;
    ASSERT(continued_cmd == cmd &&
           (continued_arg == arg || cmd == HICAMP_OP_flow_flush));

    return -ERESTART;
}

long emul_hypercall(struct domain *d, unsigned int cmd, void *arg)
{
    long rc;

    while ( (rc = emul_hypercall_once(d, cmd, arg)) == -ERESTART )
        arg = continued_arg;

    return rc;
}

unsigned int emul_continuations(void)
{
    unsigned int n = continuations;

    continuations = 0;

    return n;
}

void emul_reset_call(void)
{
    emul_xsm_rc = 0;
    continuations = 0;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
