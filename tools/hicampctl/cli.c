/* SPDX-License-Identifier: GPL-2.0-only */
/* cli: see cli.h. */

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#ifndef HICAMPCTL_VERSION
#define HICAMPCTL_VERSION "unknown"
#endif

struct command
{
    const char *noun, *verb;
    int min, max;           /* arguments */
    unsigned int options;   /* OPT_*, beside OPT_JSON */
    int (*run)(struct cli *cli, struct err *err);
    const char *args;       /* usage */
    const char *help;
};

#define MATCH_HELP \
"\n" \
"MATCH is \"any\", or a list of FIELD=VALUE[/MASK] with commas between:\n" \
"  in_port=PORT  eth_src eth_dst  vlan_vid=N|none|any vlan_pcp vlan_tci\n" \
"  vlan_tpid  cvlan_...  eth_type=ip|ipv6|arp|N (or just ip, ipv6, arp,\n" \
"  tcp, udp, icmp, sctp, tcp6, udp6, icmp6, sctp6)  ip_src ip_dst ip_proto\n" \
"  ip_tos ip_ttl ip_frag=no|yes|first|later|not_later ip6_label\n" \
"  l4_src l4_dst (tp_src, tp_dst, icmp_type, icmp_code)\n" \
"  tcp_flags=+syn-ack|N  arp_op arp_spa arp_tpa arp_sha arp_tha\n"
#define ACTIONS_HELP \
"\n" \
"ACTIONS is \"drop\", or a list of output=PORT and upcall, before them\n" \
"perhaps meter=METER, push_vlan=[TPID:]TCI, pop_vlan, set(FIELD=VALUE,...).\n"

static const struct command commands[] = {
    { "info", NULL, 0, 0, 0, cmd_info, "",
      "Print version, features, limits and use of hicamp on this host.\n" },

    { "port", "list", 0, 0, 0, cmd_port_list, "",
      "Print all ports.\n" },
    { "port", "show", 1, 1, 0, cmd_port_show, "PORT",
      "Print all that is known of a port.\n" },
    { "port", "stats", 0, 1, OPT_WATCH | OPT_COUNT, cmd_port_stats,
      "[PORT] [--watch SECONDS [--count N]]",
      "Print the counters of a port, or those of all ports that are not\n"
      "zero.  --watch prints them again and again, with rates; N times with\n"
      "--count.\n" },
    { "port", "create", 1, 1, OPT_MAC | OPT_MTU | OPT_ANTISPOOF | OPT_COPY,
      cmd_port_create,
      "DOMID.DEVID [--mac MAC] [--mtu N] [--antispoof] [--copy]",
      "Make the port of a domain's device.  --antispoof drops what its guest\n"
      "sends from another address than MAC.  --copy copies all payload\n"
      "before anything is delivered.\n" },
    { "port", "destroy", 1, 1, 0, cmd_port_destroy, "PORT",
      "Remove a port, and the flows that begin there.\n" },
    { "port", "set", 1, 1,
      OPT_MAC | OPT_MTU | OPT_ANTISPOOF | OPT_NO_ANTISPOOF | OPT_COPY |
      OPT_NO_COPY, cmd_port_set,
      "PORT [--mac MAC] [--mtu N] [--antispoof | --no-antispoof]\n"
      "       [--copy | --no-copy]",
      "Change what create set.\n" },
    { "port", "rate", 1, 3, 0, cmd_port_rate, "PORT [BYTES_PER_S [BURST]]",
      "Print, or set, how much the guest may send: bytes per second\n"
      "(0: as much as it likes), and at once after it was quiet (default: a\n"
      "tenth of a second's, at least 65536).\n" },
    { "port", "addrs", 1, 1 + HICAMP_ADDRS_MAX, 0, cmd_port_addrs,
      "PORT [any | ADDRESS[/BITS]...]",
      "Print, or set, the IP addresses from which the guest may send, up to 16:\n"
      "as sources of packets, and in ARP and neighbour discovery.\n" },

    { "uplink", "add", 1, 2, 0, cmd_uplink_add, "DEVICE [NAME]",
      "Make a port of a NIC or bond of this driver domain, and bring both up.\n"
      "NAME (hicamp-up0) is the network device that stands for it, and joins\n"
      "the bridge in place of DEVICE.\n" },
    { "uplink", "del", 1, 1, 0, cmd_uplink_del, "NAME|DEVICE",
      "Undo that.\n" },
    { "uplink", "list", 0, 0, 0, cmd_uplink_list, "",
      "Print the uplinks of this domain.\n" },

    { "flow", "add", 0, 2, OPT_COOKIE | OPT_REPLACE | OPT_BATCH, cmd_flow_add,
      "MATCH ACTIONS [--cookie N] [--replace]\n"
      "       hicampctl flow add --batch FILE [--cookie N] [--replace]",
      "Add a flow, or those in FILE (-: standard input), which has a line\n"
      "\"MATCH ACTIONS [cookie=N]\" for each; # begins a comment.  --replace\n"
      "takes the place of flows that exist with the same match.\n"
      MATCH_HELP ACTIONS_HELP },
    { "flow", "del", 1, 1, 0, cmd_flow_del, "MATCH",
      "Delete the flow that has exactly this match.\n" MATCH_HELP },
    { "flow", "dump", 0, 0, 0, cmd_flow_dump, "",
      "Print all flows, in the form that flow add --batch reads.\n" },
    { "flow", "flush", 0, 0, OPT_ORPHANS, cmd_flow_flush, "[--orphans]",
      "Delete all flows, or those that an earlier driver domain left and this\n"
      "one has not installed again.\n" },

    { "meter", "list", 0, 0, 0, cmd_meter_list, "",
      "Print all meters, and what they let pass and dropped.\n" },
    { "meter", "set", 2, 3, OPT_PACKETS, cmd_meter_set,
      "METER RATE [BURST] [--packets]",
      "Make a meter, with a number of your own (1 to 2^32 - 1), or change it:\n"
      "bytes, or with --packets packets, that all flows with the action\n"
      "meter=METER may send per second, and at once after it was quiet\n"
      "(default: a tenth of a second's; of bytes at least 65536).\n" },
    { "meter", "del", 1, 1, 0, cmd_meter_del, "METER",
      "Forget a meter.  Flows that name it drop until they are changed.\n" },

    { "domain", "list", 0, 0, 0, cmd_domain_list, "",
      "Print what the domains with ports use of the line store.\n" },
    { "domain", "set", 1, 1, OPT_QUOTA | OPT_TENANT, cmd_domain_set,
      "DOMID [--quota LINES] [--tenant N]",
      "Set how many lines a domain may use, or its tenant: domains of the\n"
      "same tenant share a quota and equal interned lines; 0: by itself.\n" },

    { "param", "list", 0, 0, OPT_PORT, cmd_param_list, "[--port PORT]",
      "Print all parameters of the host, or those that a port can have.\n" },
    { "param", "get", 1, 1, OPT_PORT, cmd_param_get, "NAME [--port PORT]",
      "Print a parameter.\n" },
    { "param", "set", 2, 2, OPT_PORT, cmd_param_set,
      "NAME VALUE\n"
      "       hicampctl param set NAME VALUE|host --port PORT",
      "Set a parameter, of the host or of one port (host: as the host has it).\n"
      "Of both: borrow-age (us that a payload may wait where it is),\n"
      "borrow-pair (packets of one sender that may, for one receiver), rx-event\n"
      "(us between events for a guest that runs; 0: none), rx-event-packets (that\n"
      "do not wait for that), offload (bytes that a sender copies by itself,\n"
      "the rest is an idle CPU's; 0: all), weight (1 to 16: a sender's share of a\n"
      "receiver whom more is sent than it takes), straight (bytes up to which a\n"
      "packet need not wait in line; 0: none), tx-poll (us: two doorbells within\n"
      "begin polling; 0: none), tx-poll-idle (us between looks by an idle CPU;\n"
      "0: none).  Of the host alone: quota (lines, of domains that get their\n"
      "first port from now on), orphan-life (s that flows are followed without a\n"
      "driver domain; 0: for ever).\n" },

    { "admin", "set", 1, 1, 0, cmd_admin_set, "DOMID",
      "Name the domain that administers the switch.\n" },
};

static const struct option options[] = {
    { "json",         no_argument,       NULL, 'j' },
    { "help",         no_argument,       NULL, 'h' },
    { "version",      no_argument,       NULL, 'V' },
    { "mac",          required_argument, NULL, 'm' },
    { "mtu",          required_argument, NULL, 'M' },
    { "antispoof",    no_argument,       NULL, 'a' },
    { "no-antispoof", no_argument,       NULL, 'A' },
    { "watch",        required_argument, NULL, 'w' },
    { "count",        required_argument, NULL, 'n' },
    { "cookie",       required_argument, NULL, 'c' },
    { "replace",      no_argument,       NULL, 'r' },
    { "batch",        required_argument, NULL, 'b' },
    { "copy",         no_argument,       NULL, 'p' },
    { "no-copy",      no_argument,       NULL, 'P' },
    { "quota",        required_argument, NULL, 'q' },
    { "tenant",       required_argument, NULL, 't' },
    { "packets",      no_argument,       NULL, 'k' },
    { "orphans",      no_argument,       NULL, 'o' },
    { "port",         required_argument, NULL, 'i' },
    { NULL, 0, NULL, 0 },
};

/* Bits of OPT_*, by position. */
static const char *const option_name[] = {
    "json", "mac", "mtu", "antispoof", "no-antispoof", "watch", "count",
    "cookie", "replace", "batch", "copy", "no-copy", "quota", "tenant",
    "packets", "orphans", "port",
};

static void usage_line(const struct command *c, const char *lead, FILE *out)
{
    fprintf(out, "%shicampctl %s%s%s%s%s\n", lead, c->noun,
            c->verb ? " " : "", c->verb ? c->verb : "", *c->args ? " " : "",
            c->args);
}

static void help(const struct cli *cli, FILE *out)
{
    const char *noun = cli->nr_args > 0 ? cli->arg[0] : NULL;
    const char *verb = cli->nr_args > 1 ? cli->arg[1] : NULL;
    bool known = false;
    unsigned int i;

    /* One command: all about it. */
    for ( i = 0; noun && i < ARRAY_SIZE(commands); i++ )
    {
        const struct command *c = &commands[i];

        if ( strcmp(c->noun, noun) )
            continue;
        known = true;
        if ( c->verb && (!verb || strcmp(c->verb, verb)) )
            continue;
        usage_line(c, "usage: ", out);
        fprintf(out, "\n%s", c->help);
        return;
    }

    /* A noun, or nothing: the list. */
    fprintf(out, "usage: hicampctl [--json] COMMAND ...\n\n");
    for ( i = 0; i < ARRAY_SIZE(commands); i++ )
        if ( !known || !strcmp(commands[i].noun, noun) )
            usage_line(&commands[i], "       ", out);
    fprintf(out, "\n"
            "PORT is DOMID.DEVID or a port id.  --json prints one JSON "
            "document.\n"
            "hicampctl COMMAND --help says more; so does hicampctl(8).\n");
}

static int parse_option(struct cli *cli, int c, struct err *err)
{
    uint64_t v;
    char *end;

    switch ( c )
    {
    case 'j':
        cli->given |= OPT_JSON;
        return 0;

    case 'm':
        cli->given |= OPT_MAC;
        if ( !parse_mac(optarg, cli->mac) )
            return err_set(err, EXIT_USAGE,
                           "--mac: '%.64s' is not a MAC address", optarg);
        if ( cli->mac[0] & 1 )
            return err_set(err, EXIT_USAGE,
                           "--mac: '%s' is a group address", optarg);
        return 0;

    case 'M':
        cli->given |= OPT_MTU;
        if ( !parse_num(optarg, HICAMP_LEN_MAX - 14, &v) || (v && v < 68) )
            return err_set(err, EXIT_USAGE,
                           "--mtu: '%.64s' is not 0 (no limit) or a number "
                           "from 68 to %u", optarg, HICAMP_LEN_MAX - 14);
        cli->mtu = v;
        return 0;

    case 'a':
        cli->given |= OPT_ANTISPOOF;
        return 0;

    case 'A':
        cli->given |= OPT_NO_ANTISPOOF;
        return 0;

    case 'k':
        cli->given |= OPT_PACKETS;
        return 0;

    case 'o':
        cli->given |= OPT_ORPHANS;
        return 0;

    case 'i':
        cli->given |= OPT_PORT;
        if ( !parse_port(optarg, &cli->port) )
            return err_set(err, EXIT_USAGE,
                           "--port: '%.64s' is neither DOMID.DEVID nor a port "
                           "id", optarg);
        return 0;

    case 'w':
        cli->given |= OPT_WATCH;
        errno = 0;
        cli->watch = strtod(optarg, &end);
        if ( errno || end == optarg || *end || !isfinite(cli->watch) ||
             cli->watch < 0.001 || cli->watch > 86400 )
            return err_set(err, EXIT_USAGE,
                           "--watch: '%.64s' is not a number of seconds from "
                           "0.001 to 86400", optarg);
        return 0;

    case 'n':
        cli->given |= OPT_COUNT;
        if ( !parse_num(optarg, UINT64_MAX, &cli->count) || !cli->count )
            return err_set(err, EXIT_USAGE,
                           "--count: '%.64s' is not a number above 0",
                           optarg);
        return 0;

    case 'c':
        cli->given |= OPT_COOKIE;
        if ( !parse_num(optarg, UINT64_MAX, &cli->cookie) )
            return err_set(err, EXIT_USAGE,
                           "--cookie: '%.64s' is not a number of 64 bits",
                           optarg);
        return 0;

    case 'r':
        cli->given |= OPT_REPLACE;
        return 0;

    case 'b':
        cli->given |= OPT_BATCH;
        cli->batch = optarg;
        return 0;

    case 'p':
        cli->given |= OPT_COPY;
        return 0;

    case 'P':
        cli->given |= OPT_NO_COPY;
        return 0;

    case 'q':
        cli->given |= OPT_QUOTA;
        if ( !parse_num(optarg, UINT64_MAX, &cli->quota) )
            return err_set(err, EXIT_USAGE,
                           "--quota: '%.64s' is not a number of lines",
                           optarg);
        return 0;

    case 't':
        cli->given |= OPT_TENANT;
        if ( !parse_num(optarg, UINT32_MAX, &v) )
            return err_set(err, EXIT_USAGE,
                           "--tenant: '%.64s' is not a number of 32 bits",
                           optarg);
        cli->tenant = v;
        return 0;
    }

    return 0;
}

static int unknown_command(const struct cli *cli, struct err *err)
{
    unsigned int i;

    if ( !cli->nr_args )
        return err_set(err, EXIT_USAGE, "no command (try --help)");

    for ( i = 0; i < ARRAY_SIZE(commands); i++ )
        if ( !strcmp(commands[i].noun, cli->arg[0]) )
        {
            if ( cli->nr_args < 2 )
                return err_set(err, EXIT_USAGE,
                               "%s: what about it? (try %s --help)",
                               cli->arg[0], cli->arg[0]);
            return err_set(err, EXIT_USAGE,
                           "'%.64s %.64s' is not a command (try %s --help)",
                           cli->arg[0], cli->arg[1], cli->arg[0]);
        }

    return err_set(err, EXIT_USAGE, "'%.64s' is not a command (try --help)",
                   cli->arg[0]);
}

static const struct command *find_command(struct cli *cli, struct err *err)
{
    const struct command *c;
    unsigned int i;
    int words;

    for ( i = 0; i < ARRAY_SIZE(commands); i++ )
    {
        c = &commands[i];
        words = c->verb ? 2 : 1;
        if ( cli->nr_args >= words && !strcmp(cli->arg[0], c->noun) &&
             (!c->verb || !strcmp(cli->arg[1], c->verb)) )
            break;
    }
    if ( i == ARRAY_SIZE(commands) )
    {
        unknown_command(cli, err);
        return NULL;
    }

    cli->arg += words;
    cli->nr_args -= words;

    if ( cli->nr_args < c->min )
        err_set(err, EXIT_USAGE, "an argument is missing: %s", c->args);
    else if ( cli->nr_args > c->max )
        err_set(err, EXIT_USAGE, "'%.64s' is one argument too many",
                cli->arg[c->max]);
    else
        return c;

    err_prefix(err, "%s%s%s", c->noun, c->verb ? " " : "",
               c->verb ? c->verb : "");

    return NULL;
}

static int run(struct cli *cli, struct err *err)
{
    const struct command *c = find_command(cli, err);
    unsigned int i, wrong;

    if ( !c )
        return -1;

    wrong = cli->given & ~(c->options | OPT_JSON);
    for ( i = 0; i < ARRAY_SIZE(option_name); i++ )
        if ( wrong & (1u << i) )
            return err_set(err, EXIT_USAGE,
                           "%s%s%s: --%s does not belong here", c->noun,
                           c->verb ? " " : "", c->verb ? c->verb : "",
                           option_name[i]);

    return c->run(cli, err);
}

int cli_domid(const char *who, const char *word, uint16_t *domid,
              struct err *err)
{
    struct port_name name;
    char port[32];

    /* A domain id is the first half of a port's name. */
    snprintf(port, sizeof(port), "%s.0", word);
    if ( !parse_port(port, &name) || name.by_id )
        return err_set(err, EXIT_USAGE, "%s: '%.64s' is not a domain id", who,
                       word);
    *domid = name.domid;

    return 0;
}

int cli_connect(struct cli *cli, struct err *err)
{
    if ( cli->connected )
        return 0;
    if ( ops_open(&cli->ops, err) )
        return -1;
    cli->connected = true;

    return 0;
}

int cli_main(int argc, char **argv, FILE *out, FILE *errors)
{
    struct cli cli = { .out = out };
    struct err err = { .status = 0 };
    bool want_help = false, want_version = false;
    int c, rc = 0;

    opterr = 0;
    optind = 0;     /* start anew: the tests call more than once */
    while ( !rc && (c = getopt_long(argc, argv, ":hV", options, NULL)) != -1 )
    {
        if ( c == 'h' )
            want_help = true;
        else if ( c == 'V' )
            want_version = true;
        else if ( c == ':' )
            rc = err_set(&err, EXIT_USAGE, "%s: needs a value",
                         argv[optind - 1]);
        else if ( c == '?' )
            rc = err_set(&err, EXIT_USAGE,
                         "'%.64s' is not an option, or takes no value",
                         argv[optind - 1]);
        else
            rc = parse_option(&cli, c, &err);
    }
    cli.arg = argv + optind;
    cli.nr_args = argc - optind;

    if ( !rc && want_help )
        help(&cli, out);
    else if ( !rc && want_version )
        fprintf(out, "hicampctl %s, hicamp interface version %u\n",
                HICAMPCTL_VERSION, HICAMP_ABI_VERSION);
    else if ( !rc )
        rc = run(&cli, &err);

    if ( cli.connected )
        ops_close(&cli.ops);

    /* What was asked for and could not be written is an error, too. */
    if ( !rc && (fflush(out) || ferror(out)) )
        rc = err_set(&err, EXIT_CALL, "writing the output failed");
    if ( !rc )
        return 0;

    fflush(out);
    fprintf(errors, "hicampctl: %s\n", err.text);

    return err.status;
}
