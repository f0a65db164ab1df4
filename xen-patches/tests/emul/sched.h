/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * sched.h
 *
 * Emulation for the user-space tests: CPUs, locks, RCU, domains, time, event
 * channels, preemption.
 *
 * A thread is a CPU: emul_run() starts one thread per CPU and gives each its
 * number; the main thread is CPU 0.  Locks are pthread locks that know their
 * CPU, so that taking one twice, or releasing another's, aborts.
 *
 * RCU has real grace periods: a callback runs after every reader that was
 * inside when call_rcu() was called has left, and soon after: when a CPU
 * leaves its last read section or its last lock and is in neither.  So what is
 * used after it may have been freed is found by the sanitizers, at once even
 * in tests of one thread.
 */

#ifndef EMUL_SCHED_H
#define EMUL_SCHED_H

#include <pthread.h>

/* ---- CPUs ---------------------------------------------------------------- */

#define NR_CPUS                 16
#define nr_cpu_ids              ((unsigned int)NR_CPUS)

extern __thread unsigned int emul_cpu;
extern unsigned int emul_nr_cpus;       /* online: 0 to this - 1 */

#define smp_processor_id()      emul_cpu
#define num_online_cpus()       emul_nr_cpus
#define cpu_online(cpu)         ((cpu) < emul_nr_cpus)
#define for_each_online_cpu(cpu) \
    for ( (cpu) = 0; (cpu) < emul_nr_cpus; (cpu)++ )
#define for_each_possible_cpu(cpu) \
    for ( (cpu) = 0; (cpu) < nr_cpu_ids; (cpu)++ )

/*
 * Run fn(arg, cpu) on CPUs 0 to nr - 1 at the same time and wait for all.  The
 * calling thread does nothing meanwhile and is CPU 0 again afterwards.
 */
void emul_run(unsigned int nr, void (*fn)(void *arg, unsigned int cpu),
              void *arg);

#define DECLARE_PER_CPU(type, name) \
    extern typeof(type) per_cpu__##name[NR_CPUS]
#define DEFINE_PER_CPU(type, name) \
    typeof(type) per_cpu__##name[NR_CPUS]
#define DEFINE_PER_CPU_READ_MOSTLY(type, name) DEFINE_PER_CPU(type, name)
#define per_cpu(name, cpu)      (per_cpu__##name[emul_check_cpu(cpu)])
#define this_cpu(name)          (per_cpu__##name[emul_cpu])

unsigned int emul_check_cpu(unsigned int cpu);

struct notifier_block {
    int (*notifier_call)(struct notifier_block *nfb, unsigned long action,
                         void *hcpu);
    struct notifier_block *next;
};

#define CPU_DEAD                8
#define NOTIFY_DONE             0

void register_cpu_notifier(struct notifier_block *nfb);
/* The CPU goes down; its thread does not run any more. */
void emul_cpu_down(unsigned int cpu);

#define in_irq()                false
#define local_irq_is_enabled()  true
#define local_irq_disable()     barrier()
#define local_irq_enable()      barrier()
#define local_irq_save(f)       ((void)((f) = 0))
#define local_irq_restore(f)    ((void)(f))
#define process_pending_softirqs() emul_rcu_poll()

/* ---- Locks --------------------------------------------------------------- */

typedef struct {
    pthread_mutex_t mutex;
    unsigned int owner;         /* CPU + 1, 0: free */
} spinlock_t;

#define SPIN_LOCK_UNLOCKED      { PTHREAD_MUTEX_INITIALIZER, 0 }
#define DEFINE_SPINLOCK(l)      spinlock_t l = SPIN_LOCK_UNLOCKED
#define spin_lock_init(l)       emul_spin_init(l)

void emul_spin_init(spinlock_t *l);
void spin_lock(spinlock_t *l);
void spin_unlock(spinlock_t *l);
bool spin_trylock(spinlock_t *l);
bool spin_is_locked(spinlock_t *l);
void spin_barrier(spinlock_t *l);

#ifdef EMUL_BENCH
/* As expensive as Xen's ticket lock that nobody waits for. */
static inline void emul_bench_lock(spinlock_t *l)
{
    while ( __atomic_fetch_add(&l->owner, 1, __ATOMIC_ACQUIRE) )
        __atomic_fetch_sub(&l->owner, 1, __ATOMIC_RELAXED);
}

static inline void emul_bench_unlock(spinlock_t *l)
{
    __atomic_store_n(&l->owner, 0, __ATOMIC_RELEASE);
}

static inline bool emul_bench_trylock(spinlock_t *l)
{
    return __sync_bool_compare_and_swap(&l->owner, 0, 1);
}

#define spin_lock(l)            emul_bench_lock(l)
#define spin_trylock(l)         emul_bench_trylock(l)
#define spin_unlock(l)          emul_bench_unlock(l)
#endif

#define spin_lock_irq(l)        spin_lock(l)
#define spin_unlock_irq(l)      spin_unlock(l)
#define spin_lock_irqsave(l, f) ({ (f) = 0; spin_lock(l); })
#define spin_unlock_irqrestore(l, f) ({ (void)(f); spin_unlock(l); })

typedef struct {
    pthread_rwlock_t lock;
} rwlock_t;

#define RW_LOCK_UNLOCKED        { PTHREAD_RWLOCK_INITIALIZER }
#define DEFINE_RWLOCK(l)        rwlock_t l = RW_LOCK_UNLOCKED

void rwlock_init(rwlock_t *l);
void read_lock(rwlock_t *l);
void read_unlock(rwlock_t *l);
void write_lock(rwlock_t *l);
void write_unlock(rwlock_t *l);

/* ---- RCU ----------------------------------------------------------------- */

struct rcu_head {
    struct rcu_head *next;
    void (*func)(struct rcu_head *head);
};

typedef struct { int unused; } rcu_read_lock_t;

#define DEFINE_RCU_READ_LOCK(x) rcu_read_lock_t x
#define RCU_READ_LOCK_INIT(x)   ((void)(x))
#define INIT_RCU_HEAD(p)        ((p)->next = NULL, (p)->func = NULL)

#define rcu_dereference(p)      __atomic_load_n(&(p), __ATOMIC_ACQUIRE)
#define rcu_assign_pointer(p, v) __atomic_store_n(&(p), v, __ATOMIC_RELEASE)
#define rcu_read_lock(l)        ({ (void)(l); emul_rcu_enter(); })
#define rcu_read_unlock(l)      ({ (void)(l); emul_rcu_leave(); })

void emul_rcu_enter(void);
void emul_rcu_leave(void);
bool emul_rcu_inside(void);
#define rcu_quiesce_allowed()   (!emul_rcu_inside())
void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));

/* Run the callbacks whose grace period is over; in no lock, in no section. */
void emul_rcu_poll(void);

/* Wait until every callback so far has run; in no lock, in no section. */
void rcu_barrier(void);

/* ---- Domains ------------------------------------------------------------- */

struct hicamp_domain;
struct domain;

struct vcpu {
    int vcpu_id;
    unsigned int processor;
    struct domain *domain;
    bool is_running;
};

enum domain_dying { DOMDYING_alive, DOMDYING_dying, DOMDYING_dead };

#define EMUL_EVTCHNS            256

struct domain {
    domid_t domain_id;
    unsigned int max_vcpus;
    struct vcpu *vcpu[1];
    enum domain_dying is_dying;
    bool is_control;
    bool is_hvm;
    bool is_32bit;
    bool is_shut_down;
    atomic_t refcnt;
    rcu_read_lock_t rcu_lock;
    struct hicamp_domain *hicamp;

    /* The emulation's own. */
    struct vcpu emul_vcpu;
    struct rcu_head emul_rcu;
    struct domain *emul_next;
    bool emul_log_dirty;
    bool emul_iommu;                    /* its devices have own tables */
    unsigned int emul_evtchn_limit;     /* free channels that remain */
    bool emul_evtchn_used[EMUL_EVTCHNS];
    unsigned int emul_evtchn_events[EMUL_EVTCHNS];
};

#define DOMAIN_DESTROYED        (1u << 31)

/* The caller's vCPU: of the domain that emul_set_current() named, by CPU. */
extern __thread struct vcpu *emul_current;
#define current                 emul_current

/* NULL: the idle domain. */
void emul_set_current(struct domain *d);

/* Domain with one vCPU, alive, known by its id; -1: pages of nobody. */
struct domain *emul_domain_create(domid_t id);

/*
 * Drop the reference that the domain list holds and forget the id.  Further
 * references keep the structure; emul_check_clean() says when one is left.
 */
void emul_domain_destroy(struct domain *d);

/*
 * As domain_destroy(): last reference gone.  Calls emul_domain_destroy_hook,
 * where tests name hicamp_domain_destroy(), after a grace period, then frees.
 */
void domain_destroy(struct domain *d);
extern void (*emul_domain_destroy_hook)(struct domain *d);

extern rcu_read_lock_t domlist_read_lock;
extern struct domain *emul_domain_list;
#define for_each_domain(d) \
    for ( (d) = rcu_dereference(emul_domain_list); (d); \
          (d) = rcu_dereference((d)->emul_next) )

bool get_domain(struct domain *d);
void get_knownalive_domain(struct domain *d);
#define put_domain(d) \
    do { if ( atomic_dec_and_test(&(d)->refcnt) ) domain_destroy(d); } while (0)

struct domain *get_domain_by_id(domid_t id);
struct domain *rcu_lock_domain_by_id(domid_t id);
struct domain *rcu_lock_domain_by_any_id(domid_t id);
struct domain *rcu_lock_domain(struct domain *d);
#define rcu_lock_current_domain() (current->domain)
void rcu_unlock_domain(struct domain *d);

#define domain_vcpu(d, id)      ((id) < (d)->max_vcpus ? (d)->vcpu[id] : NULL)
#define is_idle_domain(d)       ((d)->domain_id == DOMID_IDLE)
#define is_idle_vcpu(v)         is_idle_domain((v)->domain)
#define is_control_domain(d)    ((d)->is_control)
#define is_hardware_domain(d)   ((d)->domain_id == 0)
#define is_hvm_domain(d)        ((d)->is_hvm)
#define is_pv_domain(d)         (!(d)->is_hvm)
#define is_pv_32bit_domain(d)   (!(d)->is_hvm && (d)->is_32bit)
#define is_pv_64bit_domain(d)   (!(d)->is_hvm && !(d)->is_32bit)
#define domain_pause(d)         ((void)(d))
#define domain_unpause(d)       ((void)(d))
#define domain_crash(d)         ((d)->is_shut_down = true)

/* ---- Time ---------------------------------------------------------------- */

/*
 * Starts at one second; stands still but for emul_advance(), and goes on by a
 * microsecond for each cpu_relax() in a softirq.
 */
s_time_t NOW(void);

/*
 * Time goes on by ns; timers that expire run on the calling CPU, in order, as
 * in the timer softirq: in no lock and no read section.
 */
void emul_advance(s_time_t ns);

/* As in Xen; a timer that is not killed before its memory goes aborts. */
struct timer {
    void (*function)(void *data);
    void *data;
    s_time_t expires;
    unsigned int cpu;                   /* where it is to run; a note only */
    struct timer *emul_next;            /* of those that are set */
    enum { EMUL_TIMER_NEVER, EMUL_TIMER_IDLE, EMUL_TIMER_SET,
           EMUL_TIMER_KILLED } emul_status;
    unsigned int emul_running;          /* CPU + 1 */
};

void init_timer(struct timer *t, void (*function)(void *data), void *data,
                unsigned int cpu);
void set_timer(struct timer *t, s_time_t expires);
void stop_timer(struct timer *t);
void kill_timer(struct timer *t);
#define timer_is_active(t)      (read_atomic(&(t)->emul_status) == EMUL_TIMER_SET)
#define migrate_timer(t, to)    write_atomic(&(t)->cpu, emul_check_cpu(to))

/* Timers that are set, or not killed yet. */
unsigned int emul_timers_set(void);
/* Where the next of those runs; NR_CPUS: none is set. */
unsigned int emul_timer_cpu(void);

/* ---- Softirqs, and who idles --------------------------------------------- */

enum { SCHEDULE_SOFTIRQ, HICAMP_SOFTIRQ, NR_SOFTIRQS };

extern unsigned int emul_softirqs[NR_CPUS];
unsigned int softirq_pending(unsigned int cpu);
/* The so many-th look at that in a softirq finds SCHEDULE_SOFTIRQ; 0: none. */
extern unsigned int emul_softirq_after;

void open_softirq(int nr, void (*handler)(void));
void cpu_raise_softirq(unsigned int cpu, unsigned int nr);

/*
 * Run what pends on a CPU, which this thread is meanwhile, as Xen would before
 * going on with d's vCPU, or idling (NULL).  SCHEDULE_SOFTIRQ does nothing.
 */
void emul_softirq(unsigned int cpu, struct domain *d);

/* CPUs 0 and 1 are a core, 2 and 3 the next; 8 CPUs are a package. */
typedef struct { unsigned int first, nr; } cpumask_t;
typedef cpumask_t cpumask_var_t[1];
DECLARE_PER_CPU(cpumask_var_t, cpu_sibling_mask);
DECLARE_PER_CPU(cpumask_var_t, cpu_core_mask);
#define cpumask_test_cpu(cpu, m) ((cpu) - (m)->first < (m)->nr)
#define for_each_cpu(cpu, m) \
    for ( (cpu) = (m)->first; cpumask_test_cpu(cpu, m); (cpu)++ )

/* Whoever idles does so for every domain; nobody does, at first. */
extern bool emul_idles[NR_CPUS];
#define sched_cpu_idles(cpu, d) \
    ((void)(d), read_atomic(&emul_idles[emul_check_cpu(cpu)]))

/* ---- Event channels ------------------------------------------------------ */

struct evtchn {
    unsigned short notify_vcpu_id;
};
extern struct evtchn emul_evtchn;
#define evtchn_from_port(d, port)   ((void)(d), (void)(port), &emul_evtchn)

typedef void (*xen_event_channel_notification_t)(struct vcpu *v,
                                                 unsigned int port);

/* Returns a port above 0, or -ENOSPC when emul_evtchn_limit is used up. */
int alloc_unbound_xen_event_channel(struct domain *ld, unsigned int lvcpu,
                                    domid_t remote_domid,
                                    xen_event_channel_notification_t fn);
void free_xen_event_channel(struct domain *d, int port);

/* What happens elsewhere while an event is being raised.  NULL: nothing. */
extern void (*emul_notify_hook)(struct domain *ld, int lport);

/* Aborts unless port is allocated.  Takes no lock. */
void notify_via_xen_event_channel(struct domain *ld, int lport);

/* Events raised on port since the last call. */
unsigned int emul_events(struct domain *d, unsigned int port);

/* ---- Preemption ---------------------------------------------------------- */

/* True once every emul_preempt_every calls; 0 (the default): never. */
bool hypercall_preempt_check(void);
extern unsigned int emul_preempt_every;
#define general_preempt_check() hypercall_preempt_check()

#endif /* EMUL_SCHED_H */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
