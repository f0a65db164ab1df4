/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands on ports. */

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"

#define COUNTER_NAME(name) #name,
static const char *const counter[] = {
    HICAMP_PORT_COUNTERS(COUNTER_NAME)
};

/* Xen may know more counters than we do, or fewer. */
static unsigned int counters_of(const struct hicamp_port_info *p)
{
    return p->nr_counters < HICAMP_COUNTERS_MAX ? p->nr_counters
                                                : HICAMP_COUNTERS_MAX;
}

#define COUNTER_TEXT 32
static const char *counter_text(char buf[COUNTER_TEXT], unsigned int i)
{
    if ( i < ARRAY_SIZE(counter) )
        return counter[i];
    snprintf(buf, COUNTER_TEXT, "counter%u", i);

    return buf;
}

static uint64_t counter_of(const struct hicamp_port_info *p, unsigned int i)
{
    return i < counters_of(p) ? p->counters[i] : 0;
}

static uint64_t drops_of(const struct hicamp_port_info *p)
{
    uint64_t sum = 0;
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(counter); i++ )
        if ( !strncmp(counter[i], "drop_", 5) )
            sum += counter_of(p, i);

    return sum;
}

static struct port_name name_of(const struct hicamp_port_info *p)
{
    return (struct port_name){ .domid = p->domid, .devid = p->devid };
}

static const char *state_of(const struct hicamp_port_info *p)
{
    return p->flags & HICAMP_PORT_STOPPED  ? "stopped" :
           p->flags & HICAMP_PORT_ATTACHED ? "attached" : "idle";
}

static void port_json(struct json *j, const char *key,
                      const struct hicamp_port_info *p)
{
    char buf[MAC_TEXT], name[COUNTER_TEXT];
    unsigned int i;

    json_open(j, key, '{');
    json_num(j, "port", p->port);
    json_num(j, "domid", p->domid);
    json_num(j, "devid", p->devid);
    json_str(j, "mac", mac_text(buf, p->mac));
    json_num(j, "mtu", p->mtu);
    json_bool(j, "attached", p->flags & HICAMP_PORT_ATTACHED);
    json_bool(j, "stopped", p->flags & HICAMP_PORT_STOPPED);
    json_bool(j, "antispoof", p->flags & HICAMP_PORT_ANTISPOOF);
    json_bool(j, "copy", p->flags & HICAMP_PORT_COPY);
    json_bool(j, "fabric", p->flags & HICAMP_PORT_FABRIC);
    json_num(j, "queues", p->nr_queues);
    json_num(j, "queued", p->queued);
    json_num(j, "borrowed", p->borrowed);
    json_num(j, "runs", p->runs);
    json_num(j, "frames", p->frames);
    json_open(j, "counters", '{');
    for ( i = 0; i < counters_of(p); i++ )
        json_num(j, counter_text(name, i), p->counters[i]);
    json_close(j, '}');
    json_close(j, '}');
}

static int parse_arg(const struct cli *cli, struct port_name *name,
                     struct err *err)
{
    if ( !parse_port(cli->arg[0], name) )
        return err_set(err, EXIT_USAGE,
                       "port: '%.64s' is neither DOMID.DEVID nor a port id",
                       cli->arg[0]);

    return 0;
}

/* ---- list, show --------------------------------------------------------- */

int cmd_port_list(struct cli *cli, struct err *err)
{
    static const char *const head[] = {
        "PORT", "ID", "MAC", "MTU", "STATE", "QUEUES", "QUEUED", "BORROWED",
        "TX-PACKETS", "TX-BYTES", "RX-PACKETS", "RX-BYTES", "DROPS",
    };
    const unsigned int left = 1u << 0 | 1u << 2 | 1u << 4;
    struct ops *ops = &cli->ops;
    struct table t;
    size_t i;

    if ( cli_connect(cli, err) || ops_read_ports(ops, err) )
        return -1;

    if ( cli->given & OPT_JSON )
    {
        struct json j;

        json_init(&j, cli->out);
        json_open(&j, NULL, '{');
        json_open(&j, "ports", '[');
        for ( i = 0; i < ops->nr_ports; i++ )
            port_json(&j, NULL, &ops->port[i]);
        json_close(&j, ']');
        json_close(&j, '}');
        json_end(&j);
        return 0;
    }

    table_init(&t, ARRAY_SIZE(head), left);
    for ( i = 0; i < ARRAY_SIZE(head); i++ )
        table_cell(&t, "%s", head[i]);
    for ( i = 0; i < ops->nr_ports; i++ )
    {
        const struct hicamp_port_info *p = &ops->port[i];
        struct port_name name = name_of(p);
        char buf[PORT_TEXT], mac[MAC_TEXT];

        table_cell(&t, "%s", port_text(buf, &name));
        table_cell(&t, "%u", p->port);
        table_cell(&t, "%s", mac_text(mac, p->mac));
        table_cell(&t, "%u", p->mtu);
        table_cell(&t, "%s", state_of(p));
        table_cell(&t, "%u", p->nr_queues);
        table_cell(&t, "%u", p->queued);
        table_cell(&t, "%u", p->borrowed);
        table_cell(&t, "%" PRIu64, counter_of(p, HICAMP_CNT_tx_packets));
        table_cell(&t, "%" PRIu64, counter_of(p, HICAMP_CNT_tx_bytes));
        table_cell(&t, "%" PRIu64, counter_of(p, HICAMP_CNT_rx_packets));
        table_cell(&t, "%" PRIu64, counter_of(p, HICAMP_CNT_rx_bytes));
        table_cell(&t, "%" PRIu64, drops_of(p));
    }
    table_print(&t, cli->out);

    return 0;
}

/* Earlier: the same port at the last report, seconds ago; or NULL. */
static void counters_table(const struct hicamp_port_info *p,
                           const struct hicamp_port_info *earlier,
                           double seconds, bool all, FILE *out)
{
    char buf[COUNTER_TEXT];
    struct table t;
    unsigned int i;

    table_init(&t, earlier ? 4 : 3, 1u << 0 | 1u << 1);
    for ( i = 0; i < counters_of(p); i++ )
    {
        uint64_t v = p->counters[i];

        if ( !v && !all )
            continue;
        table_cell(&t, " ");
        table_cell(&t, "%s", counter_text(buf, i));
        table_cell(&t, "%" PRIu64, v);
        if ( earlier )
            table_cell(&t, "%.1f/s",
                       (double)(v - counter_of(earlier, i)) / seconds);
    }
    table_print(&t, out);
}

int cmd_port_show(struct cli *cli, struct err *err)
{
    const struct hicamp_port_info *p;
    struct port_name name;
    char buf[PORT_TEXT], mac[MAC_TEXT];

    if ( parse_arg(cli, &name, err) || cli_connect(cli, err) )
        return -1;
    p = ops_find_port(&cli->ops, &name, err);
    if ( !p )
        return -1;

    if ( cli->given & OPT_JSON )
    {
        struct json j;

        json_init(&j, cli->out);
        port_json(&j, NULL, p);
        json_end(&j);
        return 0;
    }

    name = name_of(p);
    fprintf(cli->out, "port %s\n", port_text(buf, &name));
    fprintf(cli->out, "  id         %u (index %u, generation %u)\n", p->port,
            p->port & 0xffff, p->port >> 16);
    fprintf(cli->out, "  mac        %s%s\n", mac_text(mac, p->mac),
            p->flags & HICAMP_PORT_ANTISPOOF ? ", no other may send" : "");
    fprintf(cli->out, "  mtu        %u\n", p->mtu);
    fprintf(cli->out, "  state      %s\n", state_of(p));
    fprintf(cli->out, "  payload    %s\n", p->flags & HICAMP_PORT_COPY
            ? "copied before it is delivered"
            : "borrowed until it is delivered");
    fprintf(cli->out, "  queues     %u\n", p->nr_queues);
    fprintf(cli->out, "  queued     %u packets wait for it\n", p->queued);
    fprintf(cli->out, "  borrowed   %u of its packets under way\n",
            p->borrowed);
    fprintf(cli->out, "  issued     %u runs, %u frames (of the domain)\n",
            p->runs, p->frames);
    fprintf(cli->out, "  counters\n");
    counters_table(p, NULL, 0, true, cli->out);

    return 0;
}

/* ---- stats -------------------------------------------------------------- */

struct report
{
    double when;
    struct hicamp_port_info *port;
    size_t nr;
};

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Ids are never used twice, so an equal id is the same port. */
static const struct hicamp_port_info *find_id(const struct report *r,
                                              uint32_t id)
{
    size_t i;

    for ( i = 0; i < r->nr; i++ )
        if ( r->port[i].port == id )
            return &r->port[i];

    return NULL;
}

static void stats_json(const struct cli *cli, const struct report *r,
                       const struct report *last)
{
    const struct hicamp_port_info *p, *earlier;
    char buf[COUNTER_TEXT];
    unsigned int c;
    struct json j;
    size_t i;

    json_init(&j, cli->out);
    json_open(&j, NULL, '{');
    if ( last->port )
        json_real(&j, "seconds", r->when - last->when);
    json_open(&j, "ports", '[');
    for ( i = 0; i < r->nr; i++ )
    {
        p = &r->port[i];
        earlier = find_id(last, p->port);

        json_open(&j, NULL, '{');
        json_num(&j, "port", p->port);
        json_num(&j, "domid", p->domid);
        json_num(&j, "devid", p->devid);
        json_open(&j, "counters", '{');
        for ( c = 0; c < counters_of(p); c++ )
            json_num(&j, counter_text(buf, c), p->counters[c]);
        json_close(&j, '}');
        if ( earlier )
        {
            json_open(&j, "rates", '{');
            for ( c = 0; c < counters_of(p); c++ )
                json_real(&j, counter_text(buf, c),
                          (double)(p->counters[c] - counter_of(earlier, c)) /
                          (r->when - last->when));
            json_close(&j, '}');
        }
        json_close(&j, '}');
    }
    json_close(&j, ']');
    json_close(&j, '}');
    json_end(&j);
}

static void stats_text(const struct cli *cli, const struct report *r,
                       const struct report *last)
{
    char buf[PORT_TEXT];
    size_t i;

    for ( i = 0; i < r->nr; i++ )
    {
        struct port_name name = name_of(&r->port[i]);

        fprintf(cli->out, "port %s\n", port_text(buf, &name));
        counters_table(&r->port[i], find_id(last, r->port[i].port),
                       r->when - last->when, cli->nr_args, cli->out);
    }
}

/* The ports that were asked for, as they are now. */
static int take_report(struct cli *cli, const struct port_name *name,
                       struct report *r, struct err *err)
{
    const struct hicamp_port_info *p;
    size_t bytes;

    if ( ops_read_ports(&cli->ops, err) )
        return -1;
    r->when = now();
    r->nr = cli->ops.nr_ports;
    p = cli->ops.port;

    if ( cli->nr_args )
    {
        p = ops_find_port(&cli->ops, name, err);
        if ( !p )
            return -1;
        r->nr = 1;
    }

    bytes = r->nr * sizeof(*p);
    r->port = xrealloc(NULL, bytes);
    if ( bytes )
        memcpy(r->port, p, bytes);

    return 0;
}

int cmd_port_stats(struct cli *cli, struct err *err)
{
    struct report last = { .port = NULL };
    struct port_name name;
    uint64_t round;
    int rc = 0;

    if ( (cli->given & OPT_COUNT) && !(cli->given & OPT_WATCH) )
        return err_set(err, EXIT_USAGE,
                       "port stats: --count needs --watch");
    if ( (cli->nr_args && parse_arg(cli, &name, err)) ||
         cli_connect(cli, err) )
        return -1;

    for ( round = 0; ; )
    {
        struct report r;
        double fraction;
        struct timespec ts;

        rc = take_report(cli, &name, &r, err);
        if ( rc )
            break;

        if ( cli->given & OPT_JSON )
            stats_json(cli, &r, &last);
        else
        {
            if ( round )
                fputc('\n', cli->out);
            stats_text(cli, &r, &last);
        }
        free(last.port);
        last = r;

        if ( fflush(cli->out) || !(cli->given & OPT_WATCH) ||
             ++round == cli->count )
            break;

        ts.tv_sec = cli->watch;
        fraction = cli->watch - ts.tv_sec;
        ts.tv_nsec = fraction * 1e9;
        nanosleep(&ts, NULL);
    }
    free(last.port);

    return rc;
}

/* ---- create, destroy, set ----------------------------------------------- */

/* An id becomes the pair that the operations take. */
static int parse_pair(struct cli *cli, struct port_name *name,
                      struct err *err)
{
    const struct hicamp_port_info *p;

    if ( parse_arg(cli, name, err) || cli_connect(cli, err) )
        return -1;

    if ( name->by_id )
    {
        p = ops_find_port(&cli->ops, name, err);
        if ( !p )
            return -1;
        *name = name_of(p);
    }

    return 0;
}

int cmd_port_create(struct cli *cli, struct err *err)
{
    struct hicamp_port_create create = { .mtu = cli->mtu };
    struct port_name name;
    char buf[PORT_TEXT];

    if ( parse_arg(cli, &name, err) )
        return -1;
    if ( name.by_id )
        return err_set(err, EXIT_USAGE,
                       "port create: '%.64s' is not DOMID.DEVID",
                       cli->arg[0]);
    if ( (cli->given & OPT_ANTISPOOF) && !(cli->given & OPT_MAC) )
        return err_set(err, EXIT_USAGE,
                       "port create: --antispoof needs --mac");

    create.domid = name.domid;
    create.devid = name.devid;
    memcpy(create.mac, cli->mac, sizeof(create.mac));
    if ( cli->given & OPT_ANTISPOOF )
        create.flags |= HICAMP_PORT_ANTISPOOF;
    if ( cli->given & OPT_COPY )
        create.flags |= HICAMP_PORT_COPY;

    port_text(buf, &name);
    if ( cli_connect(cli, err) ||
         ops_call(&cli->ops, HICAMP_OP_port_create, &create, sizeof(create),
                  buf, err) )
        return -1;

    if ( cli->given & OPT_JSON )
    {
        struct json j;

        json_init(&j, cli->out);
        json_open(&j, NULL, '{');
        json_num(&j, "port", create.port);
        json_num(&j, "domid", create.domid);
        json_num(&j, "devid", create.devid);
        json_close(&j, '}');
        json_end(&j);
    }
    else
        fprintf(cli->out, "port %s has id %u\n", buf, create.port);

    return 0;
}

/* Nothing to tell but that it was done. */
static void done_json(const struct cli *cli, const struct port_name *name)
{
    struct json j;

    if ( !(cli->given & OPT_JSON) )
        return;

    json_init(&j, cli->out);
    json_open(&j, NULL, '{');
    json_num(&j, "domid", name->domid);
    json_num(&j, "devid", name->devid);
    json_close(&j, '}');
    json_end(&j);
}

int cmd_port_destroy(struct cli *cli, struct err *err)
{
    struct hicamp_port_id id = { .pad = 0 };
    struct port_name name;
    char buf[PORT_TEXT];

    if ( parse_pair(cli, &name, err) )
        return -1;

    id.domid = name.domid;
    id.devid = name.devid;
    if ( ops_call(&cli->ops, HICAMP_OP_port_destroy, &id, sizeof(id),
                  port_text(buf, &name), err) )
        return -1;
    done_json(cli, &name);

    return 0;
}

/* The options that set and clear a flag of a port. */
static const struct
{
    uint32_t flag;
    unsigned int on, off;
} switches[] = {
    { HICAMP_PORT_ANTISPOOF, OPT_ANTISPOOF, OPT_NO_ANTISPOOF },
    { HICAMP_PORT_COPY, OPT_COPY, OPT_NO_COPY },
};

/* The operation sets all flags: those that are not named stay as they are. */
static int set_flags(struct cli *cli, const struct port_name *name,
                     struct hicamp_port_set *set, struct err *err)
{
    const struct hicamp_port_info *p;
    unsigned int i, given = 0;

    for ( i = 0; i < ARRAY_SIZE(switches); i++ )
        given |= switches[i].on | switches[i].off;
    if ( !(cli->given & given) )
        return 0;

    p = ops_find_port(&cli->ops, name, err);
    if ( !p )
        return -1;

    set->which |= HICAMP_PORT_SET_FLAGS;
    for ( i = 0; i < ARRAY_SIZE(switches); i++ )
        if ( (cli->given & switches[i].on) ||
             (!(cli->given & switches[i].off) &&
              (p->flags & switches[i].flag)) )
            set->flags |= switches[i].flag;

    return 0;
}

int cmd_port_set(struct cli *cli, struct err *err)
{
    struct hicamp_port_set set = { .mtu = cli->mtu };
    struct port_name name;
    char buf[PORT_TEXT];
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(switches); i++ )
        if ( (cli->given & switches[i].on) && (cli->given & switches[i].off) )
            return err_set(err, EXIT_USAGE, i ?
                           "port set: --copy and --no-copy" :
                           "port set: --antispoof and --no-antispoof");
    if ( cli->given & OPT_MAC )
        set.which |= HICAMP_PORT_SET_MAC;
    if ( cli->given & OPT_MTU )
        set.which |= HICAMP_PORT_SET_MTU;
    if ( !(cli->given & ~OPT_JSON) )
        return err_set(err, EXIT_USAGE,
                       "port set: nothing to set: --mac, --mtu, "
                       "--[no-]antispoof or --[no-]copy");
    if ( parse_pair(cli, &name, err) || set_flags(cli, &name, &set, err) )
        return -1;

    set.domid = name.domid;
    set.devid = name.devid;
    memcpy(set.mac, cli->mac, sizeof(set.mac));
    if ( ops_call(&cli->ops, HICAMP_OP_port_set, &set, sizeof(set),
                  port_text(buf, &name), err) )
        return -1;
    done_json(cli, &name);

    return 0;
}

/* ---- rate --------------------------------------------------------------- */

#define BURST_MIN       65536u
#define BURST_MAX       (UINT64_C(1) << 32)

static int parse_rate(const struct cli *cli, struct hicamp_port_rate *rate,
                      struct err *err)
{
    rate->bytes_per_s = HICAMP_RATE_KEEP;
    if ( cli->nr_args < 2 )
        return 0;
    if ( !parse_num(cli->arg[1], UINT64_MAX - 1, &rate->bytes_per_s) )
        return err_set(err, EXIT_USAGE,
                       "port rate: '%.64s' is not a number of bytes",
                       cli->arg[1]);

    rate->burst = rate->bytes_per_s / 10;
    if ( rate->burst < BURST_MIN )
        rate->burst = BURST_MIN;
    if ( rate->burst > BURST_MAX )
        rate->burst = BURST_MAX;
    if ( cli->nr_args > 2 && !parse_num(cli->arg[2], BURST_MAX, &rate->burst) )
        return err_set(err, EXIT_USAGE,
                       "port rate: '%.64s' is not a burst of at most 2^32 "
                       "bytes", cli->arg[2]);

    return 0;
}

int cmd_port_rate(struct cli *cli, struct err *err)
{
    struct hicamp_port_rate rate = { .pad = 0 };
    struct port_name name;
    char buf[PORT_TEXT];
    struct json j;

    if ( parse_rate(cli, &rate, err) || parse_pair(cli, &name, err) )
        return -1;

    rate.domid = name.domid;
    rate.devid = name.devid;
    if ( ops_call(&cli->ops, HICAMP_OP_port_rate, &rate, sizeof(rate),
                  port_text(buf, &name), err) )
        return -1;

    if ( cli->given & OPT_JSON )
    {
        json_init(&j, cli->out);
        json_open(&j, NULL, '{');
        json_num(&j, "bytes_per_s", rate.bytes_per_s);
        json_num(&j, "burst", rate.burst);
        json_close(&j, '}');
        json_end(&j);
    }
    else if ( cli->nr_args < 2 && rate.bytes_per_s )
        fprintf(cli->out, "%" PRIu64 " bytes/s, %" PRIu64 " at once\n",
                rate.bytes_per_s, rate.burst);
    else if ( cli->nr_args < 2 )
        fprintf(cli->out, "no limit\n");

    return 0;
}

/* ---- addrs -------------------------------------------------------------- */

/* ADDRESS or ADDRESS/BITS */
static bool parse_addr(const char *word, struct hicamp_addr *addr)
{
    const char *slash = strchr(word, '/');
    size_t len = slash ? (size_t)(slash - word) : strlen(word);
    char text[INET6_ADDRSTRLEN];
    uint64_t bits;

    if ( len >= sizeof(text) )
        return false;
    memcpy(text, word, len);
    text[len] = '\0';

    memset(addr, 0, sizeof(*addr));
    if ( inet_pton(AF_INET, text, addr->addr) == 1 )
    {
        addr->family = 4;
        addr->prefix = 32;
    }
    else if ( inet_pton(AF_INET6, text, addr->addr) == 1 )
    {
        addr->family = 6;
        addr->prefix = 128;
    }
    else
        return false;

    if ( slash )
    {
        if ( !parse_num(slash + 1, addr->prefix, &bits) || !bits )
            return false;
        addr->prefix = bits;
    }

    return true;
}

#define ADDR_TEXT (INET6_ADDRSTRLEN + 4)
static const char *addr_text(char buf[ADDR_TEXT],
                             const struct hicamp_addr *addr)
{
    size_t len;

    inet_ntop(addr->family == 4 ? AF_INET : AF_INET6, addr->addr, buf,
              INET6_ADDRSTRLEN);
    len = strlen(buf);
    snprintf(buf + len, ADDR_TEXT - len, "/%u", addr->prefix);

    return buf;
}

static int parse_addrs(const struct cli *cli, struct hicamp_port_addrs *addrs,
                       struct err *err)
{
    int i;

    addrs->nr = HICAMP_ADDRS_KEEP;
    if ( cli->nr_args < 2 )
        return 0;

    addrs->nr = 0;
    if ( cli->nr_args == 2 && !strcmp(cli->arg[1], "any") )
        return 0;

    for ( i = 1; i < cli->nr_args; i++ )
        if ( !parse_addr(cli->arg[i], &addrs->addr[addrs->nr++]) )
            return err_set(err, EXIT_USAGE,
                           "port addrs: '%.64s' is not an address, or "
                           "ADDRESS/BITS", cli->arg[i]);

    return 0;
}

int cmd_port_addrs(struct cli *cli, struct err *err)
{
    struct hicamp_port_addrs addrs = { .nr = 0 };
    struct port_name name;
    char buf[PORT_TEXT], text[ADDR_TEXT];
    struct json j;
    unsigned int i;

    if ( parse_addrs(cli, &addrs, err) || parse_pair(cli, &name, err) )
        return -1;

    addrs.domid = name.domid;
    addrs.devid = name.devid;
    if ( ops_call(&cli->ops, HICAMP_OP_port_addrs, &addrs, sizeof(addrs),
                  port_text(buf, &name), err) )
        return -1;
    if ( addrs.nr > HICAMP_ADDRS_MAX )
        addrs.nr = HICAMP_ADDRS_MAX;

    if ( cli->given & OPT_JSON )
    {
        json_init(&j, cli->out);
        json_open(&j, NULL, '{');
        json_open(&j, "addrs", '[');
        for ( i = 0; i < addrs.nr; i++ )
            json_str(&j, NULL, addr_text(text, &addrs.addr[i]));
        json_close(&j, ']');
        json_close(&j, '}');
        json_end(&j);
    }
    else if ( cli->nr_args < 2 )
    {
        for ( i = 0; i < addrs.nr; i++ )
            fprintf(cli->out, "%s\n", addr_text(text, &addrs.addr[i]));
        if ( !addrs.nr )
            fprintf(cli->out, "any\n");
    }

    return 0;
}
