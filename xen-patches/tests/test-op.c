/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-op.c
 *
 * The hypercall: who may call what, arguments, faults, continuations; life of
 * ports and of the administrator.
 */

#include "guests.h"

#define COMMANDS        100
#define BAD_ADDR        ((void *)8)

/* Each test boots by itself. */
void test_setup(void)
{
}

static void boot(void)
{
    guests_boot("1M");
    emul_keep();
}

/* What any of the structures needs, and more. */
static union {
    struct hicamp_version version;
    struct hicamp_info info;
    struct hicamp_admin admin;
    struct hicamp_port_create create;
    struct hicamp_port_set set;
    struct hicamp_port_id id;
    struct hicamp_query query;
    struct hicamp_port_attach attach;
    struct hicamp_port_detach detach;
    struct hicamp_space_op space;
    struct hicamp_flow_batch flows;
    struct hicamp_param param;
    struct hicamp_domain_set domain;
    struct hicamp_segment_batch segment;
    struct hicamp_port_addrs addrs;
    uint8_t bytes[512];
} arg;

static long call(struct domain *d, unsigned int cmd)
{
    return emul_hypercall(d, cmd, &arg);
}

#define CALL(d, op, field, ...) \
    ({ memset(&arg, 0, sizeof(arg)); \
       arg.field = (typeof(arg.field)){ __VA_ARGS__ }; \
       call(d, HICAMP_OP_##op); })

static const uint8_t commands[] = { 0, 1, 2, 16, 17, 18, 19, 20, 21, 32, 33,
                                    34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
                                    44, 45, 46, 48, 49, 50, 51 };

/* ---- Boot ---------------------------------------------------------------- */

TEST(without_the_option_the_hypercall_does_not_exist)
{
    struct domain *d = emul_domain_create(1);
    unsigned int cmd;

    CHECK_EQ(emul_boot(""), 0);
    d->is_control = true;
    for ( cmd = 0; cmd < COMMANDS; cmd++ )
        CHECK_EQ(call(d, cmd), -ENOSYS);
    CHECK_EQ(emul_boot("hicamp=on hicamp=off"), 0);
    CHECK_EQ(call(d, 0), -ENOSYS);
    CHECK_EQ(emul_boot("hicamp=on,mem=2M,off"), 0);
    CHECK_EQ(call(d, 0), -ENOSYS);
    CHECK_EQ(hicamp_domain_teardown(d), 0);
    emul_domain_destroy(d);
}

TEST(options_that_make_no_sense_are_refused)
{
    CHECK_EQ(emul_boot("hicamp=of"), -EINVAL);
    CHECK_EQ(emul_boot("hicamp=mem=2MB"), -EINVAL);
    CHECK_EQ(emul_boot("hicamp=mem="), 0);
    CHECK_EQ(emul_boot("hicamp=quota="), -EINVAL);
    CHECK_EQ(emul_boot("hicamp=quota=1Q"), -EINVAL);
    CHECK_EQ(emul_boot("hicamp=quota=1M"), 0);
    CHECK_EQ(emul_boot("hicamp=no,mem=8M"), 0);
}

TEST(without_memory_at_boot_it_stays_off)
{
    struct domain *d = emul_domain_create(1);
    unsigned int nth;

    CHECK_EQ(emul_boot("hicamp=on,mem=1k"), -EINVAL);
    CHECK_EQ(call(d, 0), -ENOSYS);
    for ( nth = 1; nth <= 2; nth++ )
    {
        emul_fail_alloc(nth);
        CHECK_EQ(emul_boot("hicamp=on,mem=1M"), -ENOMEM);
        CHECK_EQ(call(d, 0), -ENOSYS);
        /* The store's table is not given back: Xen does not try again. */
        emul_keep();
    }
    emul_domain_destroy(d);
}

/* ---- Dispatch ------------------------------------------------------------ */

TEST(commands_that_are_not_defined_do_not_exist)
{
    unsigned int cmd, i = 0;

    boot();
    for ( cmd = 0; cmd < COMMANDS; cmd++ )
    {
        memset(&arg, 0, sizeof(arg));
        if ( i < ARRAY_SIZE(commands) && commands[i] == cmd )
        {
            CHECK(call(dom0, cmd) != -ENOSYS);
            i++;
        }
        else
            CHECK_EQ(call(dom0, cmd), -ENOSYS);
    }
    CHECK_EQ(call(dom0, ~0u), -ENOSYS);
    CHECK_EQ(call(dom0, 0x80000000), -ENOSYS);
    guests_end();
}

TEST(each_command_is_for_who_may_issue_it)
{
    enum { ALL, ADMIN, CONTROL };
    static const uint8_t who[] = { ALL, ADMIN, CONTROL, ALL, ALL, ALL, ALL,
                                   ALL, ALL, ADMIN, ADMIN, ADMIN, ADMIN, ADMIN,
                                   ADMIN, ADMIN, ADMIN, ADMIN, ADMIN, ADMIN,
                                   ADMIN, ADMIN, ADMIN, ADMIN, ADMIN,
                                   ADMIN, ADMIN, ADMIN };
    struct domain *adm, *any;
    unsigned int i;

    boot();
    adm = emul_domain_create(5);
    any = emul_domain_create(6);
    CHECK_EQ(CALL(dom0, admin_set, admin, .domid = 5), 0);

    for ( i = 0; i < ARRAY_SIZE(commands); i++ )
    {
        memset(&arg, 0, sizeof(arg));
        CHECK_EQ(call(any, commands[i]) == -EPERM, who[i] > ALL);
        memset(&arg, 0, sizeof(arg));
        CHECK_EQ(call(adm, commands[i]) == -EPERM, who[i] > ADMIN);
        memset(&arg, 0xff, sizeof(arg));
        CHECK(call(dom0, commands[i]) != -EPERM);

        /* A policy that allows nothing, but for the handshake. */
        emul_xsm_rc = -EPERM;
        memset(&arg, 0, sizeof(arg));
        CHECK_EQ(call(dom0, commands[i]) == -EPERM, i > 0);
        CHECK_EQ(call(adm, commands[i]) == -EPERM, i > 0);
        CHECK_EQ(call(any, commands[i]) == -EPERM, i > 0);
        emul_xsm_rc = 0;
    }
    domain_kill_hicamp(adm);
    domain_kill_hicamp(any);
    guests_end();
}

TEST(an_argument_that_cannot_be_read_changes_nothing)
{
    unsigned int i;

    boot();
    for ( i = 0; i < ARRAY_SIZE(commands); i++ )
        switch ( commands[i] )
        {
        case HICAMP_OP_doorbell: case HICAMP_OP_flow_flush:
            break;      /* no address */
        default:
            CHECK_EQ(emul_hypercall(dom0, commands[i], BAD_ADDR), -EFAULT);
            CHECK_EQ(emul_hypercall(dom0, commands[i], (void *)-8l), -EFAULT);
        }
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_flow_flush, BAD_ADDR), -EINVAL);
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_flow_flush, NULL), 0);
    CHECK_EQ(port_count(), 0);
    guests_end();
}

TEST(padding_must_be_zero)
{
    struct guest *g;
    unsigned int i;

    boot();
    g = guest_new();
    CHECK_EQ(CALL(g->d, version, version, .version = 1, .pad = 1), -EINVAL);
    for ( i = 0; i < 3; i++ )
        CHECK_EQ(CALL(dom0, admin_set, admin, .domid = 1,
                      .pad = { i == 0, i == 1, i == 2 }), -EINVAL);
    CHECK_EQ(CALL(dom0, port_create, create, .domid = 1, .devid = 1,
                  .port = 1), -EINVAL);
    CHECK_EQ(CALL(dom0, port_destroy, id, .domid = 1, .pad = 1), -EINVAL);
    CHECK_EQ(CALL(dom0, port_query, query, .nr = 1, .pad = 1), -EINVAL);
    CHECK_EQ(CALL(dom0, flow_dump, query, .nr = 1, .pad = 1), -EINVAL);
    CHECK_EQ(CALL(g->d, port_detach, detach, .pad = 1), -EINVAL);
    CHECK_EQ(guest_detach(g), 0);
    CHECK_EQ(CALL(g->d, port_attach, attach, .nr_queues = 1, .port = 1),
             -EINVAL);
    CHECK_EQ(CALL(g->d, port_attach, attach, .nr_queues = 1, .features = 1),
             -EINVAL);
    CHECK_EQ(CALL(g->d, port_attach, attach, .nr_queues = 0), -EINVAL);
    CHECK_EQ(CALL(g->d, port_attach, attach, .nr_queues = 9), -EINVAL);
    CHECK_EQ(CALL(g->d, port_attach, attach, .nr_queues = 1), -EFAULT);
    guests_end();
}

TEST(the_handshake_tells_versions_and_limits)
{
    struct domain *d;

    boot();
    d = emul_domain_create(9);
    CHECK_EQ(CALL(d, version, version, .version = HICAMP_ABI_VERSION), 0);
    CHECK_EQ(arg.version.features, HICAMP_FEAT_TX_REF | HICAMP_FEAT_TX_FRAME |
                                   HICAMP_FEAT_FABRIC | HICAMP_FEAT_SEGMENT |
                                   HICAMP_FEAT_SEALED | HICAMP_FEAT_EDIT |
                                   HICAMP_FEAT_METER | HICAMP_FEAT_WINDOW);
    CHECK_EQ(arg.version.max_queues, 8);
    CHECK_EQ(arg.version.max_ring, HICAMP_RING_MAX);
    CHECK_EQ(arg.version.max_runs, 32768);
    CHECK_EQ(arg.version.max_ports, 1023);
    CHECK_EQ(CALL(d, version, version, .version = 2), -EOPNOTSUPP);
    CHECK_EQ(arg.version.version, HICAMP_ABI_VERSION);
    CHECK_EQ(arg.version.max_ring, HICAMP_RING_MAX);
    domain_kill_hicamp(d);
    guests_end();
}

/* ---- Faults and shortages ------------------------------------------------ */

TEST(a_fault_at_any_copy_of_attach_leaves_it_whole_or_undone)
{
    unsigned int nth, n;
    struct guest *g;
    int rc;

    boot();
    g = guest_new();
    CHECK_EQ(guest_detach(g), 0);
    for ( nth = 1; ; nth++ )
    {
        emul_fail_copy(nth);
        rc = guest_attach(g);
        n = emul_copies();
        emul_fail_copy(0);
        if ( !rc )
            break;
        CHECK_EQ(rc, -EFAULT);
        CHECK_EQ(guest_detach(g), nth <= 3 ? -ENOTCONN : 0);
        CHECK_EQ(host_info().pins, guest_info(g).frames);
    }
    CHECK_EQ(n, 5);
    guests_end();
}

TEST(a_fault_after_create_leaves_a_port_that_can_be_destroyed)
{
    struct domain *d;

    boot();
    d = emul_domain_create(9);
    emul_fail_copy(2);
    CHECK_EQ(CALL(dom0, port_create, create, .domid = 9), -EFAULT);
    emul_fail_copy(0);
    CHECK_EQ(port_count(), 1);
    CHECK_EQ(CALL(dom0, port_destroy, id, .domid = 9), 0);
    CHECK_EQ(port_count(), 0);
    domain_kill_hicamp(d);
    guests_end();
}

TEST(whichever_allocation_fails_create_leaves_nothing)
{
    unsigned int nth;
    struct domain *d;

    boot();
    d = emul_domain_create(9);
    for ( nth = 1; nth <= 3; nth++ )
    {
        emul_fail_alloc(nth);
        CHECK_EQ(CALL(dom0, port_create, create, .domid = 9), -ENOMEM);
        CHECK(!d->hicamp);
        CHECK_EQ(port_count(), 0);
    }
    emul_fail_alloc(4);
    CHECK_EQ(CALL(dom0, port_create, create, .domid = 9), 0);
    /* The second port needs its own memory alone. */
    emul_fail_alloc(1);
    CHECK_EQ(CALL(dom0, port_create, create, .domid = 9, .devid = 1), -ENOMEM);
    emul_fail_alloc(2);
    CHECK_EQ(CALL(dom0, port_create, create, .domid = 9, .devid = 1), 0);
    emul_fail_alloc(0);
    domain_kill_hicamp(d);
    guests_end();
}

TEST(long_operations_are_continued_with_their_progress)
{
    static struct hicamp_run runs[1000];
    static struct hicamp_flow flows[1000];
    unsigned int i;
    struct guest *g;

    boot();
    g = guest_new();
    for ( i = 0; i < 1000; i++ )
    {
        runs[i].frame = g->pool;
        flows[i].key.in_port = flows[i].mask.in_port = ~0u;
        flows[i].key.in_port = g->port;
        flows[i].key.l4_src = i;
        flows[i].mask.l4_src = 0xffff;
        flows[i].command = HICAMP_FLOW_ADD;
    }
    emul_continuations();
    emul_preempt_every = 1;

    CHECK_EQ(CALL(g->d, space_issue, space, .nr = 1000,
                  .runs = (uintptr_t)runs), 0);
    CHECK_EQ(arg.space.done, 1000);
    CHECK_EQ(emul_continuations(), 15);
    CHECK_EQ(CALL(g->d, space_revoke, space, .nr = 1000,
                  .runs = (uintptr_t)runs), 0);
    CHECK_EQ(emul_continuations(), 15);

    CHECK_EQ(CALL(dom0, flow_update, flows, .nr = 1000,
                  .flows = (uintptr_t)flows), 0);
    CHECK_EQ(arg.flows.done, 1000);
    CHECK_EQ(emul_continuations(), 15);
    CHECK_EQ(host_info().flows, 1000);
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_flow_flush, NULL), 0);
    CHECK(emul_continuations() >= 10);
    CHECK_EQ(host_info().flows, 0);
    emul_preempt_every = 0;
    guests_end();
}

/* ---- Parameters ---------------------------------------------------------- */

TEST(parameters_keep_their_ranges)
{
    static const struct { uint32_t param; uint64_t first, min, max; } t[] = {
        { HICAMP_PARAM_BORROW_AGE_US, 1000, 100, 1000000 },
        { HICAMP_PARAM_BORROW_PAIR, 64, 0, 256 },
        { HICAMP_PARAM_QUOTA, 512, 1, 2048 },   /* mem=1M */
        { HICAMP_PARAM_ORPHAN_S, 0, 0, 86400 },
        { HICAMP_PARAM_RX_EVENT_US, 0, 0, 10000 },
        { HICAMP_PARAM_RX_EVENT_PACKETS, 64, 1, 256 },
        { HICAMP_PARAM_OFFLOAD, 0, 0, 512 << 10 },
        { HICAMP_PARAM_WEIGHT, 16, 1, 16 },
        { HICAMP_PARAM_STRAIGHT, 4096, 0, 65535 },
        { HICAMP_PARAM_TX_POLL_US, 0, 0, 10000 },
        { HICAMP_PARAM_TX_POLL_IDLE_US, 0, 0, 10000 },
    };
    unsigned int i, j;

    boot();
    for ( i = 0; i < ARRAY_SIZE(t); i++ )
    {
        const uint64_t bad[] = { t[i].min - 1, t[i].max + 1, ~0ull,
                                 t[i].max | 1ull << 32 };

        CHECK_EQ(CALL(dom0, param_get, param, .param = t[i].param), 0);
        CHECK_EQ(arg.param.value, t[i].first);
        for ( j = 0; j < ARRAY_SIZE(bad); j++ )
            CHECK_EQ(CALL(dom0, param_set, param, .param = t[i].param,
                          .value = bad[j]), -EINVAL);
        CHECK_EQ(CALL(dom0, param_get, param, .param = t[i].param), 0);
        CHECK_EQ(arg.param.value, t[i].first);
        for ( j = 0; j < 2; j++ )
        {
            CHECK_EQ(CALL(dom0, param_set, param, .param = t[i].param,
                          .value = j ? t[i].max : t[i].min), 0);
            CHECK_EQ(CALL(dom0, param_get, param, .param = t[i].param), 0);
            CHECK_EQ(arg.param.value, j ? t[i].max : t[i].min);
        }
        CHECK_EQ(CALL(dom0, param_get, param, .param = t[i].param, .value = 1),
                 -EINVAL);
    }
    for ( i = 0; i < 4; i++ )
    {
        const uint32_t none[] = { 0, 12, 0x10001, ~0u };

        CHECK_EQ(CALL(dom0, param_get, param, .param = none[i]), -ENOENT);
        CHECK_EQ(CALL(dom0, param_set, param, .param = none[i], .value = 200),
                 -ENOENT);
    }
    guests_end();
}

/* ---- Ports --------------------------------------------------------------- */

TEST(what_is_wrong_with_a_port_is_told)
{
    struct domain *d;

    boot();
    d = emul_domain_create(9);
    CHECK_EQ(CALL(dom0, port_create, create, .domid = 8), -ESRCH);
    CHECK_EQ(CALL(dom0, port_create, create, .domid = 9, .mtu = 67), -EINVAL);
    CHECK_EQ(CALL(dom0, port_create, create, .domid = 9, .mtu = 65522),
             -EINVAL);
    CHECK_EQ(CALL(dom0, port_create, create, .domid = 9, .flags = 4), -EINVAL);
    CHECK_EQ(CALL(dom0, port_create, create, .domid = 9,
                  .flags = HICAMP_PORT_ATTACHED), -EINVAL);
    CHECK_EQ(CALL(dom0, port_create, create, .domid = 9), 0);
    CHECK_EQ(arg.create.mtu, 65521);
    CHECK(arg.create.port & 0xffff);
    CHECK(arg.create.port >> 16);
    CHECK_EQ(CALL(dom0, port_create, create, .domid = 9), -EEXIST);
    CHECK_EQ(CALL(dom0, port_create, create, .domid = 9, .devid = ~1u,
                  .mtu = 68, .flags = HICAMP_PORT_ANTISPOOF), 0);

    CHECK_EQ(CALL(dom0, port_set, set, .domid = 9), -EINVAL);
    CHECK_EQ(CALL(dom0, port_set, set, .domid = 9, .which = 8), -EINVAL);
    CHECK_EQ(CALL(dom0, port_set, set, .domid = 9, .which = 2, .mtu = 1),
             -EINVAL);
    CHECK_EQ(CALL(dom0, port_set, set, .domid = 9, .which = 4, .flags = 4),
             -EINVAL);
    CHECK_EQ(CALL(dom0, port_set, set, .domid = 9, .which = 1, .flags = 2,
                  .devid = 3), -ENOENT);
    CHECK_EQ(CALL(dom0, port_destroy, id, .domid = 9, .devid = 3), -ENOENT);
    CHECK_EQ(CALL(dom0, port_destroy, id, .domid = 8), -ENOENT);
    CHECK_EQ(CALL(d, port_detach, detach, .devid = 3), -ENOENT);
    CHECK_EQ(CALL(d, port_detach, detach, .devid = 0), -ENOTCONN);

    write_atomic(&d->is_dying, DOMDYING_dying);
    CHECK_EQ(CALL(dom0, port_create, create, .domid = 9, .devid = 2), -ESRCH);
    domain_kill_hicamp(d);
    guests_end();
}

TEST(ports_are_limited_and_their_ids_not_used_again)
{
    struct domain *d[17];
    unsigned int i, n, before = 0;
    uint32_t id;

    boot();
    for ( i = 0; i < 16; i++ )
    {
        d[i] = emul_domain_create(i + 1);
        for ( n = 0; n < 64 && i * 64 + n < 1023; n++ )
        {
            CHECK_EQ(CALL(dom0, port_create, create, .domid = i + 1,
                          .devid = n), 0);
            CHECK_EQ(arg.create.port & 0xffff, i * 64 + n + 1);
        }
        CHECK_EQ(CALL(dom0, port_create, create, .domid = i + 1, .devid = 99),
                 -ENOSPC);
    }
    CHECK_EQ(host_info().ports, 1023);

    for ( i = 0; i < 200; i++ )
    {
        CHECK_EQ(CALL(dom0, port_destroy, id, .domid = 3, .devid = 5), 0);
        CHECK_EQ(CALL(dom0, port_create, create, .domid = 3, .devid = 5), 0);
        id = arg.create.port;
        CHECK_EQ(id & 0xffff, 2 * 64 + 6);
        CHECK(id >> 16 > before >> 16);
        before = id;
    }
    for ( i = 0; i < 16; i++ )
        domain_kill_hicamp(d[i]);
    guests_end();
}

TEST(a_query_in_batches_reports_each_port_once)
{
    static struct hicamp_port_info pi[10];
    bool seen[100] = { false };
    struct domain *d;
    struct hicamp_query q = { .entries = (uintptr_t)pi };
    unsigned int i, n = 0;

    boot();
    d = emul_domain_create(9);
    for ( i = 0; i < 63; i++ )
        CHECK_EQ(CALL(dom0, port_create, create, .domid = 9, .devid = i,
                      .mac = { 2, 3, 4, 5, 6, i }, .mtu = 100 + i), 0);
    do {
        q.nr = 10;
        CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_query, &q), 0);
        for ( i = 0; i < q.nr; i++, n++ )
        {
            CHECK(!seen[pi[i].devid]);
            seen[pi[i].devid] = true;
            CHECK_EQ(pi[i].domid, 9);
            CHECK_EQ(pi[i].mac[5], pi[i].devid);
            CHECK_EQ(pi[i].mtu, 100 + pi[i].devid);
            CHECK_EQ(pi[i].flags, 0);
            CHECK_EQ(pi[i].nr_queues, 0);
            CHECK_EQ(pi[i].nr_counters, HICAMP_NR_COUNTERS);
        }
    } while ( q.nr == 10 );
    CHECK_EQ(n, 63);

    q = (struct hicamp_query){ .entries = (uintptr_t)pi, .nr = 0 };
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_query, &q), -EINVAL);
    q.nr = HICAMP_QUERY_BATCH + 1;
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_query, &q), -EINVAL);
    q.nr = 1;
    q.cursor = ~0ull;
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_query, &q), 0);
    CHECK_EQ(q.nr, 0);
    q = (struct hicamp_query){ .entries = 8, .nr = 1 };
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_query, &q), -EFAULT);
    domain_kill_hicamp(d);
    guests_end();
}

/* ---- The administrator --------------------------------------------------- */

TEST(a_domain_has_the_quota_and_the_tenant_that_it_was_given)
{
    struct hicamp_segment_op op = { .command = HICAMP_SEG_CREATE, .bytes = 1 };
    struct hicamp_domain_info di[3];
    struct guest *a, *b;
    struct domain *none;

    boot();
    a = guest_new();
    b = guest_new();
    none = emul_domain_create(77);
#define SET(...) CALL(dom0, domain_set, domain, __VA_ARGS__)
#define D(g) .domid = (g)->d->domain_id
    CHECK_EQ(SET(D(a)), -EINVAL);
    CHECK_EQ(SET(D(a), .which = 4), -EINVAL);
    CHECK_EQ(SET(D(a), .which = 1, .pad = 1), -EINVAL);
    CHECK_EQ(SET(D(a), .which = 1, .pad2 = 1), -EINVAL);
    CHECK_EQ(SET(D(a), .which = 1, .quota = 2049), -EINVAL);
    CHECK_EQ(SET(.domid = 99, .which = 1), -ESRCH);
    CHECK_EQ(SET(.domid = 77, .which = 1), -ENOENT);
    CHECK_EQ(SET(D(a), .which = 3, .quota = 1000, .tenant = 5), 0);
    CHECK_EQ(SET(D(b), .which = 2, .tenant = 5), 0);
    emul_fail_alloc(1);
    CHECK_EQ(SET(D(b), .which = 2, .tenant = 6), -ENOMEM);
    emul_fail_alloc(0);

    CHECK_EQ(CALL(a->d, segment, segment, .ops = (uintptr_t)&op, .nr = 1), 0);
    CHECK_EQ(SET(D(a), .which = 2, .tenant = 6), -EBUSY);

    memset(di, 0xff, sizeof(di));
    CHECK_EQ(CALL(dom0, domain_query, query, .entries = (uintptr_t)di,
                  .nr = 3), 0);
    CHECK_EQ(arg.query.nr, 2);
    CHECK_EQ(di[0].domid, a->d->domain_id);
    CHECK_EQ(di[1].domid, b->d->domain_id);
    CHECK_EQ(di[0].tenant, 5);
    CHECK_EQ(di[1].tenant, 5);
    CHECK_EQ(di[1].quota, 1000);
    CHECK_EQ(di[0].segments, 1);
    CHECK_EQ(di[1].segments, 0);
    CHECK(di[0].used > 0);
    CHECK_EQ(di[0].used, di[1].used);
    CHECK(di[0].runs > 0);

    /* In batches. */
    CHECK_EQ(CALL(dom0, domain_query, query, .entries = (uintptr_t)di,
                  .nr = 1), 0);
    CHECK_EQ(arg.query.nr, 1);
    CHECK_EQ(call(dom0, HICAMP_OP_domain_query), 0);
    CHECK_EQ(arg.query.nr, 1);
    CHECK_EQ(di[0].domid, b->d->domain_id);
    CHECK_EQ(call(dom0, HICAMP_OP_domain_query), 0);
    CHECK_EQ(arg.query.nr, 0);
    CHECK_EQ(CALL(dom0, domain_query, query, .nr = 1, .pad = 1), -EINVAL);
    CHECK_EQ(CALL(dom0, domain_query, query, .nr = 1, .entries = 8), -EFAULT);
    domain_kill_hicamp(none);
    guests_end();
}

TEST(an_administrator_is_forgotten_when_it_dies)
{
    struct domain *d;

    boot();
    CHECK_EQ(CALL(dom0, admin_set, admin, .domid = 9), -ESRCH);
    CHECK_EQ(host_info().admin, DOMID_INVALID);
    d = emul_domain_create(9);
    CHECK_EQ(CALL(d, info, info), -EPERM);
    CHECK_EQ(CALL(dom0, admin_set, admin, .domid = 9), 0);
    CHECK_EQ(CALL(d, info, info), 0);
    CHECK_EQ(arg.info.admin, 9);
    domain_kill_hicamp(d);
    CHECK_EQ(host_info().admin, DOMID_INVALID);

    d = emul_domain_create(9);
    CHECK_EQ(CALL(d, info, info), -EPERM);
    d->is_dying = DOMDYING_dying;
    CHECK_EQ(CALL(dom0, admin_set, admin, .domid = 9), -ESRCH);
    CHECK_EQ(host_info().admin, DOMID_INVALID);
    domain_kill_hicamp(d);
    guests_end();
}

TEST(flows_name_ports_that_exist)
{
    struct hicamp_action out = { HICAMP_ACT_OUTPUT, 8, 0 };
    struct guest *a, *b;
    uint32_t gone;

    boot();
    a = guest_new();
    b = guest_new();
    gone = b->port;
    out.arg = b->port + 0x10000;
    CHECK_EQ(flow_op(a->port, 1, HICAMP_FLOW_ADD, &out, 1), -ENOENT);
    CHECK_EQ(flow_op(a->port + 1000, 1, HICAMP_FLOW_ADD, NULL, 0), -ENOENT);
    out.arg = b->port;
    CHECK_EQ(flow_op(a->port, 1, HICAMP_FLOW_ADD, &out, 1), 0);
    CHECK_EQ(flow_op(a->port, 1, HICAMP_FLOW_ADD, &out, 1), -EEXIST);
    CHECK_EQ(guest_destroy(b), 0);
    CHECK_EQ(flow_op(a->port, 1, HICAMP_FLOW_MODIFY, &out, 1), -ENOENT);
    CHECK_EQ(guest_create(b, 0, 0), 0);
    CHECK(b->port != gone);
    CHECK_EQ(flow_op(gone, 1, HICAMP_FLOW_ADD, NULL, 0), -ENOENT);
    guests_end();
}

/* ---- Several CPUs -------------------------------------------------------- */

#define STORM           1500

static struct guest *from, *to, *still;
static bool over;

/*
 * CPU 0 makes and destroys the port of "to", 1 attaches and detaches it, 2
 * sends to it and to another, 3 asks and changes what it can.
 */
static void storm(void *unused, unsigned int cpu)
{
    static struct hicamp_port_info pi[GUESTS];
    struct hicamp_comp comp;
    unsigned int i;
    int rc;

    for ( i = 0; cpu == 0 && i < STORM; i++ )
    {
        struct hicamp_port_create create = { .domid = to->d->domain_id };
        struct hicamp_port_id id = { .domid = to->d->domain_id };
        struct hicamp_action out[2] = { { HICAMP_ACT_OUTPUT, 8, still->port },
                                        { HICAMP_ACT_OUTPUT, 8, 0 } };

        CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_create, &create), 0);
        out[1].arg = create.port;
        CHECK_EQ(flow_op(from->port, 1, HICAMP_FLOW_MODIFY, out, 2), 0);
        CHECK_EQ(flow_op(create.port, 1, HICAMP_FLOW_ADD, out, 1), 0);
        cpu_relax();
        CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_destroy, &id), 0);
    }
    if ( !cpu )
        write_atomic(&over, true);

    for ( i = 0; cpu && !read_atomic(&over); i++ )
    {
        struct hicamp_queue q = {
            .tx_slots = 64, .rx_slots = 64, .fill_entries = 64,
            .comp_entries = 64, .frames = (uintptr_t)to->frames,
            .nr_frames = to->nr_frames,
        };
        struct hicamp_port_attach attach = { .nr_queues = 1,
                                             .queues = (uintptr_t)&q };
        struct hicamp_port_detach detach = { 0 };
        struct hicamp_query query = { .entries = (uintptr_t)pi, .nr = GUESTS };
        struct hicamp_port_set set = { .domid = to->d->domain_id, .which = 2,
                                       .mtu = 1500 + i % 2 };
        struct hicamp_info info;

        switch ( cpu )
        {
        case 1:
            memset(to->ctrl, 0, sizeof(*to->ctrl));
            rc = emul_hypercall(to->d, HICAMP_OP_port_attach, &attach);
            CHECK(!rc || rc == -ENOENT);
            if ( rc )
                break;
            write_atomic(&to->ctrl->fill_prod, 32u);
            emul_hypercall(to->d, HICAMP_OP_doorbell, (void *)
                           HICAMP_DOORBELL(attach.port, 0, 3));
            rc = emul_hypercall(to->d, HICAMP_OP_port_detach, &detach);
            CHECK(!rc || rc == -ENOENT || rc == -ENOTCONN);
            break;
        case 2:
            while ( guest_get(still) )
                ;
            guest_fill(still);
            guest_doorbell(still, HICAMP_DOORBELL_RX);
            while ( guest_reap(from, &comp) )
                ;
            if ( from->tx_prod - read_atomic(&from->ctrl->tx_cons) < 60 )
                guest_send(from, 1, i % 3 ? 1000 : 60, 60, i);
            CHECK_EQ(guest_doorbell(from, HICAMP_DOORBELL_TX), 0);
            break;
        case 3:
            CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_query, &query), 0);
            CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_info, &info), 0);
            rc = emul_hypercall(dom0, HICAMP_OP_port_set, &set);
            CHECK(!rc || rc == -ENOENT);
            break;
        }
    }
}

TEST(ports_come_and_go_while_they_are_used)
{
    struct hicamp_comp comp;
    unsigned int i;

    boot();
    from = guest_new();
    to = guest_new();
    still = guest_new();
    for ( i = 0; i < 32; i++ )
        CHECK_EQ(guest_fill_entry(to, i)->len, 8192);
    CHECK_EQ(guest_destroy(to), 0);
    flow(from, 1, &still, 1);
    emul_run(4, storm, NULL);

    while ( guest_reap(from, &comp) )
        ;
    CHECK_EQ(guest_doorbell(from, HICAMP_DOORBELL_TX), 0);
    do {
        while ( guest_get(still) || guest_reap(from, &comp) )
            ;
        guest_fill(still);
        CHECK_EQ(guest_doorbell(still, HICAMP_DOORBELL_RX), 0);
        CHECK_EQ(guest_doorbell(from, HICAMP_DOORBELL_TX), 0);
    } while ( guest_info(still).queued || guest_info(from).borrowed );
    CHECK_EQ(COUNT(still, rx_packets) + COUNT(still, drop_queue),
             COUNT(from, tx_packets));
    guests_end();
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
