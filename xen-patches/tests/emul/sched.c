/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * sched.c
 *
 * Emulation for the user-space tests: CPUs, locks, RCU, domains, time, event
 * channels.  See sched.h for what each promises.
 */

#define _GNU_SOURCE
#include "emul.h"

#include <sched.h>

#undef spin_lock
#undef spin_trylock
#undef spin_unlock

__thread unsigned int emul_cpu;
unsigned int emul_nr_cpus = 4;
unsigned int emul_preempt_every;
void (*emul_domain_destroy_hook)(struct domain *d);

static struct domain idle_domain = {
    .domain_id = DOMID_IDLE,
    .max_vcpus = 1,
    .refcnt = ATOMIC_INIT(1),
    .vcpu = { &idle_domain.emul_vcpu },
    .emul_vcpu = { .domain = &idle_domain },
};

__thread struct vcpu *emul_current = &idle_domain.emul_vcpu;

static s_time_t now = SECONDS(1);
static __thread bool in_softirq;

/* Locks that this CPU holds, and RCU sections that it is in. */
static __thread unsigned int locks_held;
static __thread unsigned int rcu_nesting;

/* ---- CPUs ---------------------------------------------------------------- */

struct emul_thread {
    pthread_t thread;
    unsigned int cpu;
    void (*fn)(void *arg, unsigned int cpu);
    void *arg;
};

unsigned int emul_check_cpu(unsigned int cpu)
{
    ASSERT(cpu < NR_CPUS);
    return cpu;
}

static struct notifier_block *cpu_notifiers;

void register_cpu_notifier(struct notifier_block *nfb)
{
    nfb->next = cpu_notifiers;
    cpu_notifiers = nfb;
}

void emul_cpu_down(unsigned int cpu)
{
    struct notifier_block *nfb;

    for ( nfb = cpu_notifiers; nfb; nfb = nfb->next )
        nfb->notifier_call(nfb, CPU_DEAD, (void *)(uintptr_t)cpu);
}

void emul_cpu_relax(void)
{
    if ( in_softirq )
        __atomic_fetch_add(&now, MICROSECS(1), __ATOMIC_SEQ_CST);
    sched_yield();
}

void emul_full_barrier(void)
{
    static __thread int word;

    __atomic_exchange_n(&word, 1, __ATOMIC_SEQ_CST);
}

void emul_check_thread(void)
{
    if ( locks_held )
        emul_abort("lock held at the end", "", __FILE__, __LINE__);
    if ( rcu_nesting )
        emul_abort("read section open at the end", "", __FILE__, __LINE__);
}

static void *thread_main(void *arg)
{
    struct emul_thread *t = arg;

    emul_cpu = t->cpu;
    t->fn(t->arg, t->cpu);
    emul_check_thread();

    return NULL;
}

void emul_run(unsigned int nr, void (*fn)(void *arg, unsigned int cpu),
              void *arg)
{
    struct emul_thread t[NR_CPUS];
    unsigned int i;

    ASSERT(nr <= NR_CPUS);
    if ( emul_nr_cpus < nr )
        emul_nr_cpus = nr;

    for ( i = 0; i < nr; i++ )
    {
        t[i] = (struct emul_thread){ .cpu = i, .fn = fn, .arg = arg };
        if ( pthread_create(&t[i].thread, NULL, thread_main, &t[i]) )
            emul_abort("pthread_create", "", __FILE__, __LINE__);
    }
    for ( i = 0; i < nr; i++ )
        pthread_join(t[i].thread, NULL);
}

/* ---- Locks --------------------------------------------------------------- */

void emul_spin_init(spinlock_t *l)
{
    pthread_mutex_init(&l->mutex, NULL);
    write_atomic(&l->owner, 0u);
}

void spin_lock(spinlock_t *l)
{
    if ( read_atomic(&l->owner) == emul_cpu + 1 )
        emul_abort("spin_lock: deadlock with itself", "", __FILE__, __LINE__);
    pthread_mutex_lock(&l->mutex);
    write_atomic(&l->owner, emul_cpu + 1);
    locks_held++;
}

bool spin_trylock(spinlock_t *l)
{
    if ( pthread_mutex_trylock(&l->mutex) )
        return false;
    write_atomic(&l->owner, emul_cpu + 1);
    locks_held++;

    return true;
}

void spin_unlock(spinlock_t *l)
{
    if ( read_atomic(&l->owner) != emul_cpu + 1 )
        emul_abort("spin_unlock: not the owner", "", __FILE__, __LINE__);
    write_atomic(&l->owner, 0u);
    pthread_mutex_unlock(&l->mutex);
    locks_held--;
    emul_rcu_poll();
}

bool spin_is_locked(spinlock_t *l)
{
    return read_atomic(&l->owner) != 0;
}

void spin_barrier(spinlock_t *l)
{
    pthread_mutex_lock(&l->mutex);
    pthread_mutex_unlock(&l->mutex);
}

void rwlock_init(rwlock_t *l)
{
    pthread_rwlock_init(&l->lock, NULL);
}

void read_lock(rwlock_t *l)
{
    pthread_rwlock_rdlock(&l->lock);
    locks_held++;
}

void write_lock(rwlock_t *l)
{
    pthread_rwlock_wrlock(&l->lock);
    locks_held++;
}

void read_unlock(rwlock_t *l)
{
    pthread_rwlock_unlock(&l->lock);
    locks_held--;
    emul_rcu_poll();
}

void write_unlock(rwlock_t *l)
{
    read_unlock(l);
}

/* ---- RCU ----------------------------------------------------------------- */

/*
 * Readers write the epoch at which they entered beside their CPU, 0 outside.
 * call_rcu() tags a callback with the epoch and moves the epoch on, so readers
 * that enter later show a later one.  A callback may run when each CPU is
 * outside or shows a later epoch.
 */
struct rcu_item {
    struct rcu_item *next;
    struct rcu_head *head;
    unsigned long epoch;
};

static unsigned long rcu_epoch = 1;
static unsigned long rcu_seen[NR_CPUS];
static unsigned int rcu_waiting;        /* callbacks not yet run */
static struct rcu_item *rcu_list;
static pthread_mutex_t rcu_mutex = PTHREAD_MUTEX_INITIALIZER;

void emul_rcu_enter(void)
{
    if ( rcu_nesting++ )
        return;

    __atomic_store_n(&rcu_seen[emul_cpu], read_atomic(&rcu_epoch),
                     __ATOMIC_SEQ_CST);
}

void emul_rcu_leave(void)
{
    ASSERT(rcu_nesting);
    if ( --rcu_nesting )
        return;

    __atomic_store_n(&rcu_seen[emul_cpu], 0UL, __ATOMIC_SEQ_CST);
    emul_rcu_poll();
}

bool emul_rcu_inside(void)
{
    return rcu_nesting;
}

void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
    struct rcu_item *item = malloc(sizeof(*item));

    if ( !item )
        abort();
    head->func = func;
    item->head = head;
    item->epoch = __atomic_fetch_add(&rcu_epoch, 1, __ATOMIC_SEQ_CST);

    pthread_mutex_lock(&rcu_mutex);
    item->next = rcu_list;
    rcu_list = item;
    __atomic_fetch_add(&rcu_waiting, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&rcu_mutex);
}

static bool rcu_over(unsigned long epoch)
{
    unsigned int cpu;

    for ( cpu = 0; cpu < NR_CPUS; cpu++ )
    {
        unsigned long seen = __atomic_load_n(&rcu_seen[cpu], __ATOMIC_SEQ_CST);

        if ( seen && seen <= epoch )
            return false;
    }

    return true;
}

void emul_rcu_poll(void)
{
    struct rcu_item *ready = NULL, *item, **link;

    if ( locks_held || rcu_nesting || !read_atomic(&rcu_waiting) ||
         pthread_mutex_trylock(&rcu_mutex) )
        return;

    for ( link = &rcu_list; (item = *link) != NULL; )
    {
        if ( rcu_over(item->epoch) )
        {
            *link = item->next;
            item->next = ready;
            ready = item;
        }
        else
            link = &item->next;
    }
    pthread_mutex_unlock(&rcu_mutex);

    while ( (item = ready) != NULL )
    {
        ready = item->next;
        item->head->func(item->head);
        free(item);
        __atomic_fetch_sub(&rcu_waiting, 1, __ATOMIC_SEQ_CST);
    }
}

void rcu_barrier(void)
{
    ASSERT(!locks_held && !rcu_nesting);

    while ( read_atomic(&rcu_waiting) )
    {
        emul_rcu_poll();
        sched_yield();
    }
}

/* ---- Domains ------------------------------------------------------------- */

struct domain *emul_domain_list;
rcu_read_lock_t domlist_read_lock;
static pthread_mutex_t domain_mutex = PTHREAD_MUTEX_INITIALIZER;

void emul_set_current(struct domain *d)
{
    emul_current = d ? d->vcpu[0] : &idle_domain.emul_vcpu;
}

struct domain *emul_domain_create(domid_t id)
{
    struct domain *d = calloc(1, sizeof(*d));

    if ( !d )
        abort();
    d->domain_id = id;
    d->max_vcpus = 1;
    d->vcpu[0] = &d->emul_vcpu;
    d->emul_vcpu.domain = d;
    d->emul_vcpu.is_running = true;
    d->emul_evtchn_limit = EMUL_EVTCHNS - 1;
    atomic_set(&d->refcnt, 1);

    pthread_mutex_lock(&domain_mutex);
    d->emul_next = emul_domain_list;
    rcu_assign_pointer(emul_domain_list, d);
    pthread_mutex_unlock(&domain_mutex);

    return d;
}

void emul_domain_destroy(struct domain *d)
{
    write_atomic(&d->is_dying, DOMDYING_dead);
    put_domain(d);
    emul_rcu_poll();
}

static void domain_free(struct rcu_head *head)
{
    struct domain *d = container_of(head, struct domain, emul_rcu);
    unsigned int i;

    if ( emul_domain_destroy_hook )
        emul_domain_destroy_hook(d);

    for ( i = 0; i < EMUL_EVTCHNS; i++ )
        if ( d->emul_evtchn_used[i] )
            emul_abort("domain dies with a Xen event channel", "", __FILE__,
                       __LINE__);
    free(d);
}

void domain_destroy(struct domain *d)
{
    struct domain **link;

    if ( atomic_cmpxchg(&d->refcnt, 0, (int)DOMAIN_DESTROYED) )
        return;

    pthread_mutex_lock(&domain_mutex);
    for ( link = &emul_domain_list; *link && *link != d; )
        link = &(*link)->emul_next;
    ASSERT(*link);
    rcu_assign_pointer(*link, d->emul_next);
    pthread_mutex_unlock(&domain_mutex);

    call_rcu(&d->emul_rcu, domain_free);
}

bool get_domain(struct domain *d)
{
    int old, seen = atomic_read(&d->refcnt);

    do {
        old = seen;
        if ( old & (int)DOMAIN_DESTROYED )
            return false;
        seen = atomic_cmpxchg(&d->refcnt, old, old + 1);
    } while ( seen != old );

    return true;
}

void get_knownalive_domain(struct domain *d)
{
    atomic_inc(&d->refcnt);
    ASSERT(!(atomic_read(&d->refcnt) & (int)DOMAIN_DESTROYED));
}

static struct domain *domain_find(domid_t id)
{
    struct domain *d;

    for ( d = rcu_dereference(emul_domain_list); d;
          d = rcu_dereference(d->emul_next) )
        if ( d->domain_id == id )
            break;

    return d;
}

struct domain *get_domain_by_id(domid_t id)
{
    struct domain *d;

    rcu_read_lock(&domlist_read_lock);
    d = domain_find(id);
    if ( d && !get_domain(d) )
        d = NULL;
    rcu_read_unlock(&domlist_read_lock);

    return d;
}

struct domain *rcu_lock_domain(struct domain *d)
{
    if ( d != current->domain )
        rcu_read_lock(&d->rcu_lock);

    return d;
}

struct domain *rcu_lock_domain_by_id(domid_t id)
{
    struct domain *d;

    rcu_read_lock(&domlist_read_lock);
    d = domain_find(id);
    if ( d )
        rcu_lock_domain(d);
    rcu_read_unlock(&domlist_read_lock);

    return d;
}

struct domain *rcu_lock_domain_by_any_id(domid_t id)
{
    return id == DOMID_SELF ? current->domain : rcu_lock_domain_by_id(id);
}

void rcu_unlock_domain(struct domain *d)
{
    if ( d != current->domain )
        rcu_read_unlock(&d->rcu_lock);
}

/* ---- Time ---------------------------------------------------------------- */

s_time_t NOW(void)
{
    return read_atomic(&now);
}

static pthread_mutex_t timer_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct timer *timers;
static unsigned int timers_set, timers_live;

static void timer_remove(struct timer *t)
{
    struct timer **link;

    for ( link = &timers; *link != t; )
        link = &(*link)->emul_next;
    *link = t->emul_next;
    t->emul_status = EMUL_TIMER_IDLE;
    timers_set--;
}

void init_timer(struct timer *t, void (*function)(void *data), void *data,
                unsigned int cpu)
{
    ASSERT(cpu < NR_CPUS);
    memset(t, 0, sizeof(*t));
    t->function = function;
    t->data = data;
    t->cpu = cpu;
    t->emul_status = EMUL_TIMER_IDLE;
    __atomic_fetch_add(&timers_live, 1, __ATOMIC_SEQ_CST);
}

static void timer_change(struct timer *t, bool set, s_time_t expires)
{
    pthread_mutex_lock(&timer_mutex);
    ASSERT(t->emul_status != EMUL_TIMER_NEVER);
    if ( t->emul_status == EMUL_TIMER_SET )
        timer_remove(t);
    if ( set && t->emul_status == EMUL_TIMER_IDLE )
    {
        t->expires = expires;
        t->emul_status = EMUL_TIMER_SET;
        t->emul_next = timers;
        timers = t;
        timers_set++;
    }
    pthread_mutex_unlock(&timer_mutex);
}

void set_timer(struct timer *t, s_time_t expires)
{
    timer_change(t, true, expires);
}

void stop_timer(struct timer *t)
{
    timer_change(t, false, 0);
}

void kill_timer(struct timer *t)
{
    ASSERT(read_atomic(&t->emul_running) != emul_cpu + 1);
    stop_timer(t);

    pthread_mutex_lock(&timer_mutex);
    if ( t->emul_status != EMUL_TIMER_KILLED )
        __atomic_fetch_sub(&timers_live, 1, __ATOMIC_SEQ_CST);
    t->emul_status = EMUL_TIMER_KILLED;
    pthread_mutex_unlock(&timer_mutex);

    while ( read_atomic(&t->emul_running) )
        sched_yield();
}

unsigned int emul_timers_set(void)
{
    return read_atomic(&timers_set);
}

unsigned int emul_timer_cpu(void)
{
    const struct timer *t, *first = NULL;
    unsigned int cpu = NR_CPUS;

    pthread_mutex_lock(&timer_mutex);
    for ( t = timers; t; t = t->emul_next )
        if ( !first || t->expires < first->expires )
            first = t;
    if ( first )
        cpu = read_atomic(&first->cpu);
    pthread_mutex_unlock(&timer_mutex);

    return cpu;
}

/* The first timer that has expired by now, which runs on this CPU then. */
static struct timer *timer_expired(s_time_t at)
{
    struct timer *t, *first = NULL;

    pthread_mutex_lock(&timer_mutex);
    for ( t = timers; t; t = t->emul_next )
        if ( t->expires <= at && (!first || t->expires < first->expires) &&
             !read_atomic(&t->emul_running) )
            first = t;
    if ( first )
    {
        timer_remove(first);
        write_atomic(&first->emul_running, emul_cpu + 1);
    }
    pthread_mutex_unlock(&timer_mutex);

    return first;
}

void emul_advance(s_time_t ns)
{
    s_time_t end = read_atomic(&now) + ns;
    struct timer *t;

    ASSERT(!locks_held && !rcu_nesting);

    while ( (t = timer_expired(end)) != NULL )
    {
        if ( t->expires > read_atomic(&now) )
            write_atomic(&now, t->expires);
        in_softirq = true;
        t->function(t->data);
        in_softirq = false;
        ASSERT(!locks_held && !rcu_nesting);
        write_atomic(&t->emul_running, 0u);
    }
    if ( end > read_atomic(&now) )
        write_atomic(&now, end);
}

/* ---- Softirqs, and who idles --------------------------------------------- */

unsigned int emul_softirqs[NR_CPUS];
unsigned int emul_softirq_after;
bool emul_idles[NR_CPUS];
DEFINE_PER_CPU(cpumask_var_t, cpu_sibling_mask);
DEFINE_PER_CPU(cpumask_var_t, cpu_core_mask);

static void (*softirq_handlers[NR_SOFTIRQS])(void);

static void __attribute__((__constructor__)) topology_init(void)
{
    unsigned int cpu;

    for_each_possible_cpu ( cpu )
    {
        *per_cpu(cpu_sibling_mask, cpu) = (cpumask_t){ cpu & ~1u, 2 };
        *per_cpu(cpu_core_mask, cpu) = (cpumask_t){ cpu & ~7u, 8 };
    }
}

void open_softirq(int nr, void (*handler)(void))
{
    softirq_handlers[nr] = handler;
}

void cpu_raise_softirq(unsigned int cpu, unsigned int nr)
{
    __atomic_fetch_or(&emul_softirqs[emul_check_cpu(cpu)], 1u << nr,
                      __ATOMIC_SEQ_CST);
}

unsigned int softirq_pending(unsigned int cpu)
{
    if ( in_softirq && emul_softirq_after && !--emul_softirq_after )
        cpu_raise_softirq(cpu, SCHEDULE_SOFTIRQ);

    return read_atomic(&emul_softirqs[emul_check_cpu(cpu)]);
}

void emul_softirq(unsigned int cpu, struct domain *d)
{
    struct vcpu *was = emul_current;
    unsigned int nr, pending, here = emul_cpu;

    ASSERT(!locks_held && !rcu_nesting);
    emul_cpu = emul_check_cpu(cpu);
    emul_set_current(d);
    in_softirq = true;

    while ( (pending = read_atomic(&emul_softirqs[cpu])) != 0 )
    {
        nr = __builtin_ctz(pending);
        __atomic_fetch_and(&emul_softirqs[cpu], ~(1u << nr), __ATOMIC_SEQ_CST);
        if ( softirq_handlers[nr] )
            softirq_handlers[nr]();
        ASSERT(!locks_held && !rcu_nesting);
    }

    in_softirq = false;
    emul_current = was;
    emul_cpu = here;
}

/* ---- Event channels ------------------------------------------------------ */

struct evtchn emul_evtchn;

static pthread_mutex_t evtchn_mutex = PTHREAD_MUTEX_INITIALIZER;

int alloc_unbound_xen_event_channel(struct domain *ld, unsigned int lvcpu,
                                    domid_t remote_domid,
                                    xen_event_channel_notification_t fn)
{
    int port = -ENOSPC;
    unsigned int i;

    (void)remote_domid;
    (void)fn;
    ASSERT(lvcpu < ld->max_vcpus);

    pthread_mutex_lock(&evtchn_mutex);
    for ( i = 1; i < EMUL_EVTCHNS && ld->emul_evtchn_limit; i++ )
    {
        if ( ld->emul_evtchn_used[i] )
            continue;
        write_atomic(&ld->emul_evtchn_used[i], true);
        write_atomic(&ld->emul_evtchn_events[i], 0u);
        ld->emul_evtchn_limit--;
        port = i;
        break;
    }
    pthread_mutex_unlock(&evtchn_mutex);

    return port;
}

void free_xen_event_channel(struct domain *d, int port)
{
    pthread_mutex_lock(&evtchn_mutex);
    ASSERT(port > 0 && port < EMUL_EVTCHNS && d->emul_evtchn_used[port]);
    write_atomic(&d->emul_evtchn_used[port], false);
    d->emul_evtchn_limit++;
    pthread_mutex_unlock(&evtchn_mutex);
}

void (*emul_notify_hook)(struct domain *ld, int lport);

void notify_via_xen_event_channel(struct domain *ld, int lport)
{
    ASSERT(lport > 0 && lport < EMUL_EVTCHNS);
    ASSERT(read_atomic(&ld->emul_evtchn_used[lport]));
    __atomic_fetch_add(&ld->emul_evtchn_events[lport], 1, __ATOMIC_SEQ_CST);
    if ( emul_notify_hook )
        emul_notify_hook(ld, lport);
}

unsigned int emul_events(struct domain *d, unsigned int port)
{
    ASSERT(port < EMUL_EVTCHNS);
    return xchg(&d->emul_evtchn_events[port], 0u);
}

/* ---- Preemption ---------------------------------------------------------- */

static unsigned int preempt_calls;

bool hypercall_preempt_check(void)
{
    unsigned int every = read_atomic(&emul_preempt_every);
    unsigned int n = __atomic_add_fetch(&preempt_calls, 1, __ATOMIC_SEQ_CST);

    return every && !(n % every);
}

/* ---- The tests' side ----------------------------------------------------- */

void emul_reset_sched(void)
{
    now = SECONDS(1);
    emul_preempt_every = 0;
    preempt_calls = 0;
    emul_nr_cpus = 4;
    memset(emul_idles, 0, sizeof(emul_idles));
    emul_set_current(NULL);
}

void emul_check_sched(void)
{
    unsigned int cpu;

    emul_check_thread();
    rcu_barrier();
    for ( cpu = 0; cpu < NR_CPUS; cpu++ )
        if ( emul_softirqs[cpu] )
            emul_abort("softirq left", "", __FILE__, __LINE__);
    if ( timers_live )
        emul_abort("timer left that is not killed", "", __FILE__, __LINE__);
    if ( emul_domain_list )
        emul_abort("domain left, or a reference to it", "", __FILE__,
                   __LINE__);
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
