/* SPDX-License-Identifier: GPL-2.0-only */
/* ops: see ops.h. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hcall.h"
#include "ops.h"

/* Entries of one hypercall.  A dump leaves each room for any action list. */
#define PORT_BATCH      64
#define DOMAIN_BATCH    64
#define FLOW_BATCH      512
#define DUMP_BATCH      128

/* ---- Errors ------------------------------------------------------------- */

#define ANY UINT32_MAX

/* The sentences of public/hicamp.h; % stands for the subject. */
static const struct
{
    unsigned int cmd;
    int error;
    const char *text;
} sentences[] = {
    { HICAMP_OP_admin_set, ESRCH, "no domain %" },

    { HICAMP_OP_port_create, ESRCH,
      "port %: no such domain, or it is dying" },
    { HICAMP_OP_port_create, EEXIST, "port % exists already" },
    { HICAMP_OP_port_create, ENOSPC,
      "port %: the host, or this domain (64), has all the ports it can have" },
    { HICAMP_OP_port_destroy, ENOENT, "no port %" },
    { HICAMP_OP_port_set, ENOENT, "no port %" },
    { HICAMP_OP_port_rate, ENOENT, "no port %" },
    { HICAMP_OP_port_rate, EINVAL, "port %: a burst is 1 to 2^32 bytes" },
    { HICAMP_OP_port_addrs, ENOENT, "no port %" },
    { HICAMP_OP_port_addrs, EINVAL,
      "port %: an address has bits that are not 0 behind its prefix" },

    { HICAMP_OP_meter, ENOENT, "no meter %" },
    { HICAMP_OP_meter, ENOSPC,
      "meter %: the host has all the meters it can have (1024)" },

    { HICAMP_OP_flow_update, EEXIST,
      "a flow with this match exists (--replace replaces it)" },
    { HICAMP_OP_flow_update, EOPNOTSUPP,
      "this hypervisor does not know a field or an action of the flow" },
    { HICAMP_OP_flow_update, EINVAL,
      "the hypervisor refuses the match or the actions as malformed" },
    { HICAMP_OP_flow_update, ENOSPC,
      "the table is full: no more flows, or no more different masks "
      "(see hicampctl info)" },

    { HICAMP_OP_domain_set, ESRCH, "no domain %, or it is dying" },
    { HICAMP_OP_domain_set, ENOENT, "domain % has no port" },
    { HICAMP_OP_domain_set, EBUSY,
      "domain % has lines in use, its tenant cannot change" },
    { HICAMP_OP_param_get, ENOENT, "%: unknown to this hypervisor" },
    { HICAMP_OP_param_set, ENOENT, "%: unknown to this hypervisor" },
    { HICAMP_OP_param_get, ENODEV, "%: the port is not there any more" },
    { HICAMP_OP_param_set, ENODEV, "%: the port is not there any more" },

    { ANY, ENOSYS,
      "this hypervisor has no hicamp: built without CONFIG_HICAMP or booted "
      "without hicamp=on (or this is not a 64-bit PV domain)" },
    { ANY, EPERM,
      "%: not permitted: this domain is neither the control domain nor the "
      "switch administrator, or XSM refuses" },
    { ANY, EACCES, "%: refused by XSM" },
    { ANY, ENOMEM, "%: the hypervisor is short of memory" },
    { ANY, EFAULT,
      "%: the hypervisor cannot reach the arguments (a fault of hicampctl)" },
    { ANY, EINVAL,
      "%: the hypervisor takes a value to be out of its range" },
    { ANY, EOPNOTSUPP, "%: this hypervisor does not offer that" },
};

static int explain(unsigned int cmd, int error, const char *subject,
                   struct err *err)
{
    const char *text = NULL, *mark;
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(sentences) && !text; i++ )
        if ( (sentences[i].cmd == cmd || sentences[i].cmd == ANY) &&
             sentences[i].error == error )
            text = sentences[i].text;

    if ( !text )
        return err_set(err, EXIT_CALL, "%s: %s", subject, strerror(error));

    mark = strchr(text, '%');
    if ( !mark )
        return err_set(err, EXIT_CALL, "%s", text);

    return err_set(err, EXIT_CALL, "%.*s%s%s", (int)(mark - text), text,
                   subject, mark + 1);
}

static int no_buffer(struct err *err)
{
    return err_set(err, EXIT_CALL, "no memory for a hypercall buffer");
}

/* ---- Single operations -------------------------------------------------- */

/* What Xen answers, its output copied back also when it fails. */
static int call(struct ops *ops, unsigned int cmd, void *arg, size_t size)
{
    void *buf = NULL;
    int rc;

    if ( arg )
    {
        buf = hcall_alloc(ops->hc, size);
        if ( !buf )
            return -ENOBUFS;
        memcpy(buf, arg, size);
    }

    rc = hcall_op(ops->hc, cmd, buf);

    if ( arg )
    {
        memcpy(arg, buf, size);
        hcall_free(ops->hc, buf);
    }

    return rc;
}

int ops_call(struct ops *ops, unsigned int cmd, void *arg, size_t size,
             const char *subject, struct err *err)
{
    int rc = call(ops, cmd, arg, size);

    if ( rc == -ENOBUFS )
        return no_buffer(err);

    return rc < 0 ? explain(cmd, -rc, subject, err) : 0;
}

int ops_flush(struct ops *ops, bool orphans, struct err *err)
{
    uintptr_t what = orphans ? HICAMP_FLUSH_ORPHANS : HICAMP_FLUSH_ALL;
    int rc = hcall_op(ops->hc, HICAMP_OP_flow_flush, (void *)what);

    return rc < 0 ? explain(HICAMP_OP_flow_flush, -rc, "flow flush", err) : 0;
}

int ops_next_meter(struct ops *ops, struct hicamp_meter *m, struct err *err)
{
    int rc;

    *m = (struct hicamp_meter){ .command = HICAMP_METER_NEXT,
                                .meter = m->meter };
    rc = call(ops, HICAMP_OP_meter, m, sizeof(*m));
    if ( rc == -ENOBUFS )
        return no_buffer(err);

    return rc == -ENOENT ? 1 : rc < 0 ? explain(HICAMP_OP_meter, -rc, "meter",
                                                err) : 0;
}

int ops_open(struct ops *ops, struct err *err)
{
    int rc;

    memset(ops, 0, sizeof(*ops));
    ops->hc = hcall_open(err);
    if ( !ops->hc )
        return -1;

    ops->version.version = HICAMP_ABI_VERSION;
    rc = call(ops, HICAMP_OP_version, &ops->version, sizeof(ops->version));
    if ( rc == -EOPNOTSUPP ||
         (rc >= 0 && ops->version.version < HICAMP_ABI_VERSION) )
        err_set(err, EXIT_CALL,
                "this hypervisor speaks version %u of the hicamp interface, "
                "this tool version %u", ops->version.version,
                HICAMP_ABI_VERSION);
    else if ( rc == -ENOBUFS )
        no_buffer(err);
    else if ( rc < 0 )
        explain(HICAMP_OP_version, -rc, "version", err);
    else
        return 0;

    ops_close(ops);

    return -1;
}

void ops_close(struct ops *ops)
{
    if ( ops->hc )
        hcall_close(ops->hc);
    free(ops->port);
    memset(ops, 0, sizeof(*ops));
}

/* ---- Tables ------------------------------------------------------------- */

/*
 * Read a table: prepare() fills the entries before each call, if they have
 * input; each() takes what came.
 */
struct table_read
{
    unsigned int cmd;
    const char *subject;
    uint32_t nr;            /* entries per call */
    size_t entry_bytes;
    void (*prepare)(void *arg, void *entries, uint32_t nr);
    void (*each)(void *arg, void *entries, uint32_t nr);
    void *arg;
};

static int read_table(struct ops *ops, const struct table_read *t,
                      struct err *err)
{
    void *entries = hcall_alloc(ops->hc, t->nr * t->entry_bytes);
    struct hicamp_query q = { .cursor = 0 };
    int rc = 0;

    if ( !entries )
        return no_buffer(err);

    do {
        memset(entries, 0, t->nr * t->entry_bytes);
        if ( t->prepare )
            t->prepare(t->arg, entries, t->nr);

        q.entries = (uintptr_t)entries;
        q.nr = t->nr;
        q.pad = 0;
        rc = ops_call(ops, t->cmd, &q, sizeof(q), t->subject, err);
        if ( !rc && q.nr > t->nr )
            rc = err_set(err, EXIT_CALL, "%s: the hypervisor claims more "
                         "entries than there was room for", t->subject);
        if ( !rc )
            t->each(t->arg, entries, q.nr);
    } while ( !rc && q.nr == t->nr );

    hcall_free(ops->hc, entries);

    return rc;
}

/* ---- Ports -------------------------------------------------------------- */

static void take_ports(void *arg, void *entries, uint32_t nr)
{
    struct ops *ops = arg;

    ops->port = xrealloc(ops->port,
                         (ops->nr_ports + nr) * sizeof(*ops->port));
    memcpy(ops->port + ops->nr_ports, entries, nr * sizeof(*ops->port));
    ops->nr_ports += nr;
}

static int compare_ports(const void *a, const void *b)
{
    const struct hicamp_port_info *p = a, *q = b;

    if ( p->domid != q->domid )
        return p->domid < q->domid ? -1 : 1;

    return (p->devid > q->devid) - (p->devid < q->devid);
}

int ops_read_ports(struct ops *ops, struct err *err)
{
    const struct table_read t = {
        .cmd = HICAMP_OP_port_query,
        .subject = "port query",
        .nr = PORT_BATCH,
        .entry_bytes = sizeof(struct hicamp_port_info),
        .each = take_ports,
        .arg = ops,
    };

    ops->nr_ports = 0;
    if ( read_table(ops, &t, err) )
        return -1;

    if ( ops->nr_ports )
        qsort(ops->port, ops->nr_ports, sizeof(*ops->port), compare_ports);
    ops->have_ports = true;

    return 0;
}

const struct hicamp_port_info *ops_find_port(struct ops *ops,
                                             const struct port_name *name,
                                             struct err *err)
{
    char buf[PORT_TEXT];
    size_t i;

    if ( !ops->have_ports && ops_read_ports(ops, err) )
        return NULL;

    for ( i = 0; i < ops->nr_ports; i++ )
    {
        const struct hicamp_port_info *p = &ops->port[i];

        if ( name->by_id ? p->port == name->id
                         : p->domid == name->domid && p->devid == name->devid )
            return p;
    }

    err_set(err, EXIT_CALL, "no port %s", port_text(buf, name));

    return NULL;
}

/* An id may be that of a port that is gone: flows that name it still exist. */
static int name_to_id(void *arg, const struct port_name *name, uint32_t *id,
                      struct err *err)
{
    const struct hicamp_port_info *p;

    if ( name->by_id )
    {
        *id = name->id;
        return 0;
    }

    p = ops_find_port(arg, name, err);
    if ( !p )
        return -1;
    *id = p->port;

    return 0;
}

static void id_to_name(void *arg, uint32_t id, char buf[PORT_TEXT])
{
    struct port_name name = { .by_id = true, .id = id };
    const struct hicamp_port_info *p;
    struct err err;

    p = ops_find_port(arg, &name, &err);
    if ( p )
        name = (struct port_name){ .domid = p->domid, .devid = p->devid };
    port_text(buf, &name);
}

void ops_names(struct ops *ops, struct names *names)
{
    names->id = name_to_id;
    names->name = id_to_name;
    names->arg = ops;
}

/* ---- Domains ------------------------------------------------------------ */

struct domain_reader
{
    void (*each)(void *arg, const struct hicamp_domain_info *d);
    void *arg;
};

static void take_domains(void *arg, void *entries, uint32_t nr)
{
    const struct domain_reader *r = arg;
    const struct hicamp_domain_info *d = entries;

    while ( nr-- )
        r->each(r->arg, d++);
}

int ops_read_domains(struct ops *ops,
                     void (*each)(void *arg,
                                  const struct hicamp_domain_info *d),
                     void *arg, struct err *err)
{
    struct domain_reader r = { .each = each, .arg = arg };
    const struct table_read t = {
        .cmd = HICAMP_OP_domain_query,
        .subject = "domain query",
        .nr = DOMAIN_BATCH,
        .entry_bytes = sizeof(struct hicamp_domain_info),
        .each = take_domains,
        .arg = &r,
    };

    return read_table(ops, &t, err);
}

/* ---- Flows -------------------------------------------------------------- */

/*
 * Commands of a batch that replaces: all ADD, until one exists; from there
 * MODIFY, until one does not; so that a table that is loaded anew, or again,
 * takes one call per batch, and a mixture two calls per change.
 */
static void set_commands(struct hicamp_flow *f, size_t from, size_t nr,
                         uint32_t command)
{
    for ( ; from < nr; from++ )
        f[from].command = command;
}

static int explain_update(uint32_t command, int error, struct err *err)
{
    if ( error == ENOENT )
        return err_set(err, EXIT_CALL, "%s",
                       command == HICAMP_FLOW_DELETE
                       ? "no flow with this match"
                       : "a port that the flow names does not exist");

    return explain(HICAMP_OP_flow_update, error,
                   command == HICAMP_FLOW_DELETE ? "flow del" : "flow add",
                   err);
}

/* One buffer full. */
static int update_some(struct ops *ops, enum update how, uint32_t *command,
                       const struct flow *flows, size_t nr, size_t *done,
                       struct err *err)
{
    struct hicamp_flow *f = hcall_alloc(ops->hc, nr * sizeof(*f));
    size_t i, bytes = 0, at = 0;
    unsigned int turns = 0;
    uint8_t *lists;
    int rc = 0;

    for ( i = 0; i < nr; i++ )
        bytes += flows[i].actions_bytes;
    lists = hcall_alloc(ops->hc, bytes ? bytes : 1);
    if ( !f || !lists )
    {
        rc = no_buffer(err);
        goto out;
    }

    for ( i = bytes = 0; i < nr; i++ )
    {
        f[i].key = flows[i].match.key;
        f[i].mask = flows[i].match.mask;
        f[i].cookie = flows[i].cookie;
        f[i].command = *command;
        if ( !flows[i].actions_bytes )
            continue;
        f[i].actions = (uintptr_t)(lists + bytes);
        f[i].actions_bytes = flows[i].actions_bytes;
        memcpy(lists + bytes, flows[i].actions, flows[i].actions_bytes);
        bytes += flows[i].actions_bytes;
    }

    while ( at < nr )
    {
        struct hicamp_flow_batch b = {
            .flows = (uintptr_t)(f + at),
            .nr = nr - at,
        };
        int error = -call(ops, HICAMP_OP_flow_update, &b, sizeof(b));
        uint32_t tried;

        if ( b.done > nr - at )
            b.done = nr - at;
        if ( error <= 0 )
            b.done = nr - at;
        if ( b.done )
            turns = 0;
        at += b.done;
        *done += b.done;
        if ( error <= 0 )
            continue;
        if ( at == nr )
            at--;   /* an error behind the last entry: Xen's, but say it */

        tried = f[at].command;
        if ( how == UPDATE_REPLACE && !turns &&
             ((error == EEXIST && tried == HICAMP_FLOW_ADD) ||
              (error == ENOENT && tried == HICAMP_FLOW_MODIFY)) )
        {
            turns++;
            *command = tried == HICAMP_FLOW_ADD ? HICAMP_FLOW_MODIFY
                                                : HICAMP_FLOW_ADD;
            set_commands(f, at, nr, *command);
            continue;
        }

        rc = error == ENOBUFS ? no_buffer(err)
                              : explain_update(tried, error, err);
        break;
    }

 out:
    hcall_free(ops->hc, lists);
    hcall_free(ops->hc, f);

    return rc;
}

int ops_update_flows(struct ops *ops, enum update how,
                     const struct flow *flows, size_t nr, size_t *done,
                     struct err *err)
{
    uint32_t command = how == UPDATE_DELETE ? HICAMP_FLOW_DELETE
                                            : HICAMP_FLOW_ADD;

    *done = 0;
    while ( *done < nr )
    {
        size_t some = nr - *done < FLOW_BATCH ? nr - *done : FLOW_BATCH;

        if ( update_some(ops, how, &command, flows + *done, some, done, err) )
            return -1;
    }

    return 0;
}

struct dump
{
    uint8_t *lists;         /* HICAMP_ACTIONS_MAX bytes per entry */
    void (*each)(void *arg, const struct hicamp_flow *flow,
                 const void *actions);
    void *arg;
};

static void offer_lists(void *arg, void *entries, uint32_t nr)
{
    struct hicamp_flow *f = entries;
    struct dump *d = arg;
    uint32_t i;

    for ( i = 0; i < nr; i++ )
    {
        f[i].actions = (uintptr_t)(d->lists + i * HICAMP_ACTIONS_MAX);
        f[i].actions_bytes = HICAMP_ACTIONS_MAX;
    }
}

static void take_flows(void *arg, void *entries, uint32_t nr)
{
    const struct hicamp_flow *f = entries;
    struct dump *d = arg;
    uint32_t i;

    for ( i = 0; i < nr; i++ )
        d->each(d->arg, &f[i],
                f[i].actions_bytes <= HICAMP_ACTIONS_MAX
                ? d->lists + i * HICAMP_ACTIONS_MAX : NULL);
}

int ops_dump_flows(struct ops *ops,
                   void (*each)(void *arg, const struct hicamp_flow *flow,
                                const void *actions),
                   void *arg, struct err *err)
{
    struct dump d = { .each = each, .arg = arg };
    const struct table_read t = {
        .cmd = HICAMP_OP_flow_dump,
        .subject = "flow dump",
        .nr = DUMP_BATCH,
        .entry_bytes = sizeof(struct hicamp_flow),
        .prepare = offer_lists,
        .each = take_flows,
        .arg = &d,
    };
    int rc;

    d.lists = hcall_alloc(ops->hc, DUMP_BATCH * HICAMP_ACTIONS_MAX);
    if ( !d.lists )
        return no_buffer(err);

    rc = read_table(ops, &t, err);
    hcall_free(ops->hc, d.lists);

    return rc;
}
