/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * call.h
 *
 * Emulation for the user-space tests: what surrounds a hypercall.  Boot
 * parameters and initcalls, guest handles, permission, continuations.
 */

#ifndef EMUL_CALL_H
#define EMUL_CALL_H

/* ---- Boot parameters and initcalls --------------------------------------- */

/*
 * Gives each word "name=value" of the command line to the custom parameter of
 * that name, then runs the initcalls.  Returns the first error of either.
 * Other kinds of parameters the tests set themselves.
 */
int emul_boot(const char *cmdline);
void emul_param_register(const char *name, int (*parse)(const char *s));
void emul_initcall_register(int (*init)(void));

#define EMUL_USE_(p)            \
    static const void *const emul_use_##p __maybe_unused = &(p)
#define boolean_param(s, v)     EMUL_USE_(v)
#define integer_param(s, v)     EMUL_USE_(v)
#define size_param(s, v)        EMUL_USE_(v)
#define string_param(s, v)      EMUL_USE_(v)
#define custom_param(s, f)      \
    static void __attribute__((__constructor__)) emul_param_##f(void) \
    { emul_param_register(s, f); } EMUL_USE_(f)
#define __initcall(f)           \
    static void __attribute__((__constructor__)) emul_init_##f(void) \
    { emul_initcall_register(f); } EMUL_USE_(f)
#define presmp_initcall(f)      __initcall(f)

/* As in Xen: a number without unit counts KiB. */
unsigned long long parse_size_and_unit(const char *s, const char **ps);

/* ---- Guest handles: addresses in the test -------------------------------- */

typedef struct { void *p; } emul_handle_void;

#define XEN_GUEST_HANDLE_PARAM(type)    emul_handle_##type
#define guest_handle_from_ptr(ptr, type) \
    ((XEN_GUEST_HANDLE_PARAM(type)){ ptr })
#define copy_from_guest(to, hnd, nr)    emul_copy(to, (hnd).p, (hnd).p, nr)
#define clear_guest(hnd, nr)            emul_clear((hnd).p, (hnd).p, nr)
#define copy_to_guest(hnd, from, nr)    emul_copy((hnd).p, from, (hnd).p, nr)

long do_hicamp_op(unsigned int cmd, XEN_GUEST_HANDLE_PARAM(void) arg);

/* ---- Permission ---------------------------------------------------------- */

/*
 * What every hook answers to whom the default policy allows; XSM_PRIV allows
 * the control domain alone.
 */
extern int emul_xsm_rc;

#define XSM_HOOK                0
#define XSM_PRIV                1

#define xsm_hicamp_enable(def, d)           emul_xsm(def, d)
#define xsm_hicamp_control(def, d)          emul_xsm(def, d)
#define xsm_hicamp_admin(def, d)            emul_xsm(def, d)
#define xsm_hicamp_admin_appointed(def, d)  emul_xsm(def, d)

int emul_xsm(int def, const struct domain *d);

/* ---- Continuations ------------------------------------------------------- */

/*
 * The hypercall with this argument, as domain d; when it asks for that, again.
 * emul_hypercall_once() returns -ERESTART instead.
 */
long emul_hypercall(struct domain *d, unsigned int cmd, void *arg);
long emul_hypercall_once(struct domain *d, unsigned int cmd, void *arg);

/* Continuations of this CPU since the last call. */
unsigned int emul_continuations(void);

long hypercall_create_continuation(unsigned int op, const char *format, ...);

void emul_reset_call(void);

#endif /* EMUL_CALL_H */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
