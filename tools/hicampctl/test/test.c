/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tool as its users see it: words in; output, errors, exit code, and what
 * the (fake) hypervisor then holds.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../cli.h"
#include "fake.h"
#include "test.h"

/* Tests, and in the test that runs, checks that did not hold. */
static unsigned int passed, failed, broken;

void check(bool good, const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    if ( good )
        return;

    broken++;
    printf("%s:%d: ", file, line);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

void test(const char *name, void (*fn)(void))
{
    broken = 0;
    fn();
    if ( broken )
        failed++;
    else
        passed++;
    printf("%s %s\n", broken ? "not ok" : "ok    ", name);
}

/* What the last run() printed. */
static char *out, *errors;

/* Words after the program's name, NULL at the end. */
static int run(const char *first, ...)
{
    char *argv[32] = { (char *)"hicampctl" };
    const char *word;
    size_t size;
    FILE *o, *e;
    int argc = 1, rc;
    va_list ap;

    va_start(ap, first);
    for ( word = first; word; word = va_arg(ap, const char *) )
        argv[argc++] = (char *)word;
    va_end(ap);

    free(out);
    free(errors);
    o = open_memstream(&out, &size);
    e = open_memstream(&errors, &size);
    rc = cli_main(argc, argv, o, e);
    fclose(o);
    fclose(e);

    CHECK(!fake.opened, "%s: the hypervisor was left open", first);
    CHECK(!fake_buffers(), "%s: hypercall buffers leak", first);
    CHECK(!rc == !*errors, "%s: exit %d, but said '%s'", first, rc, errors);

    return rc;
}

#define RUN(...) run(__VA_ARGS__, NULL)
#define GOOD(...) CHECK(RUN(__VA_ARGS__) == 0, "%s", errors)
/* Fails with this code, and says this and no more. */
#define BAD(code, text, ...) \
    do { \
        int rc_ = RUN(__VA_ARGS__); \
        CHECK(rc_ == (code) && !strcmp(errors, "hicampctl: " text "\n"), \
              "exit %d: %s", rc_, errors); \
    } while ( 0 )

static void is_json(const char *what)
{
    FILE *py = popen("python3 -m json.tool >/dev/null", "w");

    fputs(out, py);
    CHECK(pclose(py) == 0, "%s is not JSON: %s", what, out);
}

static bool says(const char *text)
{
    return strstr(out, text);
}

static void wrong_words_exit_2_and_need_no_hypervisor(void)
{
    fake_reset();
    fake.open_error = "nobody may look";

    CHECK(run(NULL) == 2, "%s", errors);
    BAD(2, "'foo' is not a command (try --help)", "foo");
    BAD(2, "port: what about it? (try port --help)", "port");
    BAD(2, "'port foo' is not a command (try port --help)", "port", "foo");
    BAD(2, "info: 'x' is one argument too many", "info", "x");
    BAD(2, "port show: an argument is missing: PORT", "port", "show");
    BAD(2, "'--foo' is not an option, or takes no value", "info", "--foo");
    BAD(2, "--mac: needs a value", "port", "create", "1.0", "--mac");
    BAD(2, "--mac: '1' is not a MAC address", "port", "create", "1.0",
        "--mac", "1");
    BAD(2, "--mac: 'ff:ff:ff:ff:ff:ff' is a group address", "port", "create",
        "1.0", "--mac", "ff:ff:ff:ff:ff:ff");
    BAD(2, "--mtu: '67' is not 0 (no limit) or a number from 68 to 65521",
        "port", "create", "1.0", "--mtu", "67");
    BAD(2, "port create: --antispoof needs --mac", "port", "create", "1.0",
        "--antispoof");
    BAD(2, "port create: '65537' is not DOMID.DEVID", "port", "create",
        "65537");
    BAD(2, "port: 'x' is neither DOMID.DEVID nor a port id", "port", "show",
        "x");
    BAD(2, "port list: --mac does not belong here", "port", "list", "--mac",
        "00:16:3e:00:00:01");
    BAD(2, "port stats: --count needs --watch", "port", "stats", "--count",
        "2");
    BAD(2, "--watch: 'nan' is not a number of seconds from 0.001 to 86400",
        "port", "stats", "--watch", "nan");
    BAD(2, "port set: nothing to set: --mac, --mtu, --[no-]antispoof or "
        "--[no-]copy", "port", "set", "1.0");
    BAD(2, "port set: --copy and --no-copy", "port", "set", "1.0", "--copy",
        "--no-copy");
    BAD(2, "domain set: 'x' is not a domain id", "domain", "set", "x");
    BAD(2, "domain set: nothing to set: --quota or --tenant", "domain",
        "set", "1");
    BAD(2, "--quota: '-1' is not a number of lines", "domain", "set", "1",
        "--quota", "-1");
    BAD(2, "--tenant: '0x100000000' is not a number of 32 bits", "domain",
        "set", "1", "--tenant", "0x100000000");
    BAD(2, "param: 'x' is not a parameter (try param list)", "param", "get",
        "x");
    BAD(2, "param set: 'x' is not a number", "param", "set", "quota", "x");
    BAD(2, "admin set: 'x' is not a domain id", "admin", "set", "x");
    BAD(2, "admin set: '1.2' is not a domain id", "admin", "set", "1.2");
    BAD(2, "flow add: needs MATCH and ACTIONS, or --batch FILE", "flow",
        "add", "any");
    BAD(2, "flow: eth_dst: '00:zz' is not a MAC address", "flow", "add",
        "in_port=1.0,eth_dst=00:zz", "drop");
    BAD(2, "flow: 'forward' is not an action (output=PORT, drop, upcall, "
        "meter=N, push_vlan=[TPID:]TCI, pop_vlan, set(FIELD=VALUE,...))",
        "flow", "add", "in_port=1.0", "forward");
    BAD(2, "--cookie: '-1' is not a number of 64 bits", "flow", "add", "any",
        "drop", "--cookie", "-1");
    /* Fine words, and now the hypervisor is looked for. */
    BAD(1, "nobody may look", "flow", "add", "in_port=1.0", "drop");
}

static void every_command_has_help(void)
{
    fake_reset();
    fake.open_error = "nobody may look";

    GOOD("--help");
    CHECK(says("port create DOMID.DEVID") && says("flow dump"), "%s", out);
    GOOD("port", "create", "--help");
    CHECK(says("usage: hicampctl port create") && !says("flow"), "%s", out);
    GOOD("--help", "flow", "add");
    CHECK(says("MATCH is") && says("--batch FILE"), "%s", out);
    GOOD("port", "--help");
    CHECK(says("port destroy") && !says("flow dump"), "%s", out);
    GOOD("--version");
    CHECK(says("hicampctl ") && says("interface version 1"), "%s", out);
}

static void hypervisor_errors_exit_1_with_a_sentence(void)
{
    fake_reset();
    fake_ports(2);

    BAD(1, "no port 3.0", "port", "show", "3.0");
    BAD(1, "no port 77", "port", "show", "77");
    BAD(1, "no port 3.0", "port", "destroy", "3.0");
    BAD(1, "no port 3.0", "port", "set", "3.0", "--mtu", "0");
    BAD(1, "no port 3.0", "port", "stats", "3.0");
    BAD(1, "port 1.0 exists already", "port", "create", "1.0");
    BAD(1, "port 2000.0: no such domain, or it is dying", "port", "create",
        "2000.0");
    BAD(1, "no domain 2000", "admin", "set", "2000");
    BAD(1, "no domain 2000, or it is dying", "domain", "set", "2000",
        "--quota", "1");
    BAD(1, "domain 3 has no port", "domain", "set", "3", "--tenant", "1");
    BAD(1, "borrow-age: the hypervisor takes a value to be out of its range",
        "param", "set", "borrow-age", "1000001");
    BAD(1, "flow: output: no port 3.0", "flow", "add", "any", "output=3.0");
    BAD(1, "a port that the flow names does not exist", "flow", "add", "any",
        "output=99");
    BAD(1, "no flow with this match", "flow", "del", "ip");
    BAD(1, "no file: No such file or directory", "flow", "add", "--batch",
        "no file");

    fake.fail_error = EPERM;
    fake.fail_cmd = HICAMP_OP_info;
    BAD(1, "info: not permitted: this domain is neither the control domain "
        "nor the switch administrator, or XSM refuses", "info");
    fake.fail_cmd = HICAMP_OP_flow_dump;
    CHECK(RUN("flow", "dump", "--json") == 1, "%s", errors);
    is_json("what was dumped until an error");
    fake.fail_error = ENOMEM;
    fake.fail_cmd = HICAMP_OP_flow_flush;
    BAD(1, "flow flush: the hypervisor is short of memory", "flow", "flush");
    fake.fail_error = EIO;
    BAD(1, "flow flush: Input/output error", "flow", "flush");
    fake.fail_error = ENOSYS;
    fake.fail_cmd = HICAMP_OP_version;
    BAD(1, "this hypervisor has no hicamp: built without CONFIG_HICAMP or "
        "booted without hicamp=on (or this is not a 64-bit PV domain)",
        "info");

    fake.fail_error = 0;
    fake.version = 2;
    BAD(1, "this hypervisor speaks version 2 of the hicamp interface, this "
        "tool version 1", "info");
}

static void output_that_cannot_be_written_is_an_error(void)
{
    char *argv[] = { (char *)"hicampctl", (char *)"info" };
    FILE *full = fopen("/dev/full", "w"), *e;
    size_t size;

    fake_reset();
    free(errors);
    e = open_memstream(&errors, &size);
    CHECK(cli_main(2, argv, full, e) == 1, "exit code");
    fclose(e);
    CHECK(strstr(errors, "writing the output failed"), "%s", errors);
    fclose(full);
}

static void info_tells_limits_and_use(void)
{
    fake_reset();
    fake_ports(3);
    fake.features |= 1ull << 40;

    GOOD("info");
    CHECK(says("tx_ref tx_frame feature40") && says("0.5 MiB") &&
          says("64.0 MiB") && says("ports          3 of 4096"), "%s", out);
    GOOD("info", "--json");
    is_json("info");
    CHECK(says("\"features\":[\"tx_ref\",\"tx_frame\",\"feature40\"]") &&
          says("\"used_mib\":0.500") && says("\"ports\":3") &&
          says("\"upcalls\":5"), "%s", out);

    GOOD("admin", "set", "7");
    CHECK(fake.admin == 7, "admin");
}

static void ports_are_made_changed_and_destroyed(void)
{
    static const uint8_t mac[6] = { 0, 0x16, 0x3e, 1, 2, 3 };

    fake_reset();
    GOOD("port", "create", "5.1", "--mac", "00:16:3e:01:02:03", "--mtu",
         "1500", "--antispoof");
    CHECK(says("port 5.1 has id 65537"), "%s", out);
    CHECK(fake.port[0].mtu == 1500 && !memcmp(fake.port[0].mac, mac, 6) &&
          fake.port[0].flags == HICAMP_PORT_ANTISPOOF, "created");
    GOOD("port", "set", "5.1", "--mtu", "9000");
    CHECK(fake.port[0].mtu == 9000 && fake.port[0].flags, "mtu alone");
    GOOD("port", "set", "65537", "--no-antispoof", "--json");
    is_json("port set");
    CHECK(!fake.port[0].flags && fake.port[0].mtu == 9000, "flags alone");
    GOOD("port", "set", "5.1", "--antispoof");
    GOOD("port", "set", "5.1", "--copy");
    CHECK(fake.port[0].flags == (HICAMP_PORT_ANTISPOOF | HICAMP_PORT_COPY),
          "the other flag stays");
    GOOD("port", "show", "5.1");
    CHECK(says("copied before it is delivered"), "%s", out);
    GOOD("port", "set", "5.1", "--no-antispoof");
    CHECK(fake.port[0].flags == HICAMP_PORT_COPY, "the other flag stays");
    GOOD("port", "create", "7.0", "--copy");
    CHECK(fake.port[1].flags == HICAMP_PORT_COPY, "created to copy");
    GOOD("port", "destroy", "7.0");
    GOOD("--json", "port", "create", "6.0");
    is_json("port create");
    CHECK(says("\"port\":65538"), "%s", out);
    GOOD("port", "destroy", "65537");
    CHECK(fake.nr_ports == 1 && fake.port[0].domid == 6, "destroyed");
}

static void domains_get_quotas_and_tenants(void)
{
    fake_reset();
    GOOD("domain", "list", "--json");
    CHECK(!strcmp(out, "{\"domains\":[]}\n"), "%s", out);
    fake_ports(130);
    fake.calls[HICAMP_OP_domain_query] = 0;
    GOOD("domain", "list");
    CHECK(fake.calls[HICAMP_OP_domain_query] == 3, "calls");
    CHECK(says("REFUSED") && says("130") && says("71"), "%s", out);
    GOOD("domain", "list", "--json");
    is_json("domain list");
    CHECK(says("{\"domid\":2,\"tenant\":71,\"quota\":4096,\"used\":17"),
          "%s", out);

    GOOD("domain", "set", "7", "--quota", "0");
    CHECK(fake.domain_set.domid == 7 && !fake.domain_set.quota &&
          fake.domain_set.which == HICAMP_DOMAIN_SET_QUOTA, "quota");
    GOOD("domain", "set", "8", "--quota", "500", "--tenant", "9", "--json");
    is_json("domain set");
    CHECK(fake.domain_set.domid == 8 && fake.domain_set.quota == 500 &&
          fake.domain_set.tenant == 9 && fake.domain_set.which == 3, "both");
}

static void parameters_are_read_and_set(void)
{
    fake_reset();
    GOOD("param", "list");
    CHECK(!strcmp(out, "borrow-age        1000 us\n"
                       "borrow-pair       64 packets\n"
                       "quota             131072 lines\n"
                       "orphan-life       0 s\n"
                       "rx-event          0 us\n"
                       "rx-event-packets  0 packets\n"
                       "offload           0 bytes\n"
                       "weight            0\n"
                       "straight          0 bytes\n"
                       "tx-poll           0 us\n"
                       "tx-poll-idle      0 us\n"), "%s", out);
    GOOD("param", "set", "borrow-pair", "0");
    CHECK(!fake.param[HICAMP_PARAM_BORROW_PAIR] && !*out, "%s", out);
    GOOD("param", "get", "borrow-pair");
    CHECK(!strcmp(out, "borrow-pair       0 packets\n"), "%s", out);
    GOOD("param", "set", "borrow-age", "500", "--json");
    CHECK(!strcmp(out, "{\"borrow-age\":500}\n"), "%s", out);
    GOOD("param", "list", "--json");
    is_json("param list");
}

static void a_port_may_have_its_own_parameters(void)
{
    fake_reset();
    fake_ports(3);
    GOOD("param", "set", "weight", "5", "--port", "1.0");
    CHECK(!*out && fake.own_port == fake.port[0].port &&
          fake.own[HICAMP_PARAM_WEIGHT] == 5, "%s", out);
    GOOD("param", "get", "weight", "--port", "1.0");
    CHECK(!strcmp(out, "weight            5 (its own)\n"), "%s", out);
    GOOD("param", "list", "--port", "1.0");
    CHECK(!strcmp(out, "borrow-age        1000 us\n"
                       "borrow-pair       64 packets\n"
                       "rx-event          0 us\n"
                       "rx-event-packets  0 packets\n"
                       "offload           0 bytes\n"
                       "weight            5 (its own)\n"
                       "straight          0 bytes\n"
                       "tx-poll           0 us\n"
                       "tx-poll-idle      0 us\n"), "%s", out);
    GOOD("param", "list", "--port", "1.0", "--json");
    is_json("param list");
    CHECK(strstr(out, "\"weight\":5,\"straight\":0,\"tx-poll\":0,\"tx-poll-idle\":0,\"own\":[\"weight\"]"), "%s", out);
    GOOD("param", "get", "weight", "--port", "2.0");
    CHECK(!strcmp(out, "weight            0\n"), "%s", out);
    GOOD("param", "set", "weight", "host", "--port", "1.0");
    CHECK(fake.own[HICAMP_PARAM_WEIGHT] == HICAMP_PARAM_INHERIT, "inherits");
    BAD(2, "param: only the host has quota, no port has its own", "param",
        "set", "quota", "5", "--port", "1.0");
    BAD(2, "--port: 'x' is neither DOMID.DEVID nor a port id", "param", "list",
        "--port", "x");
    BAD(2, "param set: 'host' is not a number", "param", "set", "weight",
        "host");
    BAD(1, "no port 99.0", "param", "set", "weight", "5", "--port", "99.0");
    BAD(1, "weight: the hypervisor takes a value to be out of its range",
        "param", "set", "weight", "1000001", "--port", "1.0");
}

static void rates_are_read_and_set(void)
{
    fake_reset();
    fake_ports(3);
    GOOD("port", "rate", "1.0");
    CHECK(!strcmp(out, "no limit\n"), "%s", out);
    GOOD("port", "rate", "1.0", "1000000");
    CHECK(!*out && fake.rate.bytes_per_s == 1000000 &&
          fake.rate.burst == 100000, "%s", out);
    GOOD("port", "rate", "1.0", "1000");
    CHECK(fake.rate.burst == 65536, "burst");
    GOOD("port", "rate", "1.0", "5000", "70000", "--json");
    CHECK(!strcmp(out, "{\"bytes_per_s\":5000,\"burst\":70000}\n"), "%s", out);
    GOOD("port", "rate", "1.0");
    CHECK(!strcmp(out, "5000 bytes/s, 70000 at once\n"), "%s", out);
    GOOD("port", "rate", "1.0", "0");
    GOOD("port", "rate", "1.0");
    CHECK(!strcmp(out, "no limit\n"), "%s", out);
    BAD(2, "port rate: 'x' is not a number of bytes", "port", "rate", "1.0",
        "x");
    BAD(2, "port rate: '4294967297' is not a burst of at most 2^32 bytes",
        "port", "rate", "1.0", "1", "4294967297");
    BAD(1, "port 1.0: a burst is 1 to 2^32 bytes", "port", "rate", "1.0", "1",
        "0");
    BAD(1, "no port 9.0", "port", "rate", "9.0");
}

static void ports_are_listed_in_many_batches(void)
{
    const char *p;
    unsigned int lines = 0;

    fake_reset();
    GOOD("port", "list", "--json");
    CHECK(!strcmp(out, "{\"ports\":[]}\n"), "%s", out);

    /* Two full batches: the third must come, and be empty. */
    fake_ports(128);
    fake.port[1].flags = HICAMP_PORT_ATTACHED;
    fake.port[2].flags = HICAMP_PORT_ATTACHED | HICAMP_PORT_STOPPED;
    fake.calls[HICAMP_OP_port_query] = 0;
    GOOD("port", "list");
    CHECK(fake.calls[HICAMP_OP_port_query] == 3, "calls");
    for ( p = out; (p = strchr(p, '\n')); p++ )
        lines++;
    CHECK(lines == 129 && says("stopped") && says("128.0"), "%u: %s", lines,
          out);
    CHECK(!says(" \n"), "blanks at the end of a line");

    GOOD("port", "list", "--json");
    is_json("port list");
    CHECK(says("\"domid\":2,\"devid\":0,\"mac\":\"00:16:3e:00:00:01\","
               "\"mtu\":65521,\"attached\":true,\"stopped\":false"),
          "%s", out);

    GOOD("port", "show", "2.0");
    CHECK(says("tx_packets") && says("attached"), "%s", out);
    GOOD("port", "show", "65538", "--json");
    is_json("port show");
}

static void counters_of_other_versions_are_shown(void)
{
    char text[64];

    fake_reset();
    fake_ports(1);
    fake.nr_counters = HICAMP_NR_COUNTERS + 2;
    GOOD("port", "list", "--json");
    snprintf(text, sizeof(text), "\"counter%u\":%u,\"counter%u\":",
             HICAMP_NR_COUNTERS, 1000 + HICAMP_NR_COUNTERS,
             HICAMP_NR_COUNTERS + 1);
    CHECK(says(text) && says("\"space_revoked\":"), "%s: %s", text, out);
    fake.nr_counters = 1000;
    GOOD("port", "stats", "--json");
    is_json("port stats");
    CHECK(says("\"counter63\":") && !says("counter64"), "%s", out);
    fake.nr_counters = 3;
    GOOD("port", "show", "1.0");
    CHECK(says("rx_packets") && !says("rx_bytes"), "%s", out);
}

static void addresses_are_read_and_set(void)
{
    static const struct hicamp_addr v6 = {
        .addr = { 0xfd, 0, 0, 1 }, .family = 6, .prefix = 64,
    };

    fake_reset();
    fake_ports(1);
    GOOD("port", "addrs", "1.0");
    CHECK(!strcmp(out, "any\n"), "%s", out);
    GOOD("port", "addrs", "1.0", "10.0.0.7", "fd00:1::/64", "10.2.0.0/16");
    CHECK(!*out && fake.addrs.nr == 3 && fake.addrs.addr[0].prefix == 32 &&
          !memcmp(&fake.addrs.addr[1], &v6, sizeof(v6)), "%s", out);
    GOOD("port", "addrs", "1.0");
    CHECK(!strcmp(out, "10.0.0.7/32\nfd00:1::/64\n10.2.0.0/16\n"), "%s", out);
    GOOD("port", "addrs", "1.0", "--json");
    is_json("port addrs");
    CHECK(says("\"addrs\":[\"10.0.0.7/32\",\"fd00:1::/64\","), "%s", out);
    GOOD("port", "addrs", "1.0", "any");
    CHECK(!fake.addrs.nr && !fake.addrs.addr[0].family, "forgotten");

    BAD(2, "port addrs: 'any' is not an address, or ADDRESS/BITS",
        "port", "addrs", "1.0", "10.0.0.1", "any");
    BAD(2, "port addrs: '10.0.0.1/33' is not an address, or ADDRESS/BITS",
        "port", "addrs", "1.0", "10.0.0.1/33");
    BAD(2, "port addrs: '10.0.0.1/0' is not an address, or ADDRESS/BITS",
        "port", "addrs", "1.0", "10.0.0.1/0");
    BAD(2, "port addrs: '10.0.0/24' is not an address, or ADDRESS/BITS",
        "port", "addrs", "1.0", "10.0.0/24");
    BAD(2, "port addrs: '::1/' is not an address, or ADDRESS/BITS",
        "port", "addrs", "1.0", "::1/");
    BAD(1, "port 1.0: an address has bits that are not 0 behind its prefix",
        "port", "addrs", "1.0", "10.0.0.1/24");
    BAD(1, "no port 9.0", "port", "addrs", "9.0");

    GOOD("port", "addrs", "1.0", "::1", "::2", "::3", "::4", "::5", "::6",
         "::7", "::8", "::9", "::a", "::b", "::c", "::d", "::e", "::f", "::10");
    CHECK(fake.addrs.nr == HICAMP_ADDRS_MAX &&
          fake.addrs.addr[15].addr[15] == 0x10, "16 of them");
    BAD(2, "port addrs: '::11' is one argument too many",
        "port", "addrs", "1.0", "::1", "::2", "::3", "::4", "::5", "::6",
        "::7", "::8", "::9", "::a", "::b", "::c", "::d", "::e", "::f", "::10",
        "::11");
}

static void meters_are_made_listed_and_forgotten(void)
{
    fake_reset();
    GOOD("meter", "list", "--json");
    CHECK(!strcmp(out, "{\"meters\":[]}\n"), "%s", out);
    GOOD("meter", "set", "3", "1000000");
    CHECK(!*out && fake.meter[2].rate == 1000000 &&
          fake.meter[2].burst == 100000 && !fake.meter[2].flags, "%s", out);
    GOOD("meter", "set", "1", "1000");
    CHECK(fake.meter[0].burst == 65536, "burst");
    GOOD("meter", "set", "2", "5", "--packets");
    CHECK(fake.meter[1].burst == 1 && fake.meter[1].flags == 1, "packets");
    GOOD("meter", "set", "2", "50", "9", "--packets", "--json");
    CHECK(says("{\"meter\":2,\"unit\":\"packets\",\"rate\":50,\"burst\":9,"),
          "%s", out);
    GOOD("meter", "list");
    CHECK(says("1000000 bytes/s") && says("50 packets/s") && says("DROP-PKTS"),
          "%s", out);
    GOOD("meter", "list", "--json");
    is_json("meter list");
    CHECK(says("\"meter\":1,") && says("\"meter\":3,") &&
          says("\"drop_bytes\":420"), "%s", out);
    GOOD("meter", "del", "2");
    CHECK(!*out && !fake.meter[1].rate, "gone");
    BAD(1, "no meter 2", "meter", "del", "2");
    BAD(1, "meter 5: the host has all the meters it can have (1024)",
        "meter", "set", "5", "1");
    BAD(2, "meter set: '0' is not a number from 1 to 2^32 - 1", "meter", "set",
        "0", "1");
    BAD(2, "meter del: '4294967296' is not a number from 1 to 2^32 - 1",
        "meter", "del", "4294967296");
    BAD(2, "meter set: '0' is not a number above 0", "meter", "set", "1", "0");
    BAD(2, "meter set: '0' is not a burst from 1 to 2^32", "meter", "set", "1",
        "1", "0");
}

static void watching_gives_rates(void)
{
    fake_reset();
    fake_ports(2);
    GOOD("port", "stats");
    CHECK(says("port 1.0") && says("port 2.0") && !says("/s"), "%s", out);
    GOOD("port", "stats", "1.0", "--watch", "0.01", "--count", "2");
    CHECK(says("0.0/s") && !says("port 2.0"), "%s", out);
    GOOD("port", "stats", "--watch", "0.01", "--count", "3", "--json");
    CHECK(strchr(out, '\n') && says("\"rates\":"), "%s", out);
    *strchr(out, '\n') = '\0';
    is_json("the first report");
}

static void flows_are_added_dumped_and_deleted(void)
{
    fake_reset();
    fake_ports(3);

    GOOD("flow", "add", "in_port=1.0,tcp,ip_dst=10.0.0.0/8,l4_dst=80",
         "output=2.0,output=3.0,upcall", "--cookie", "0x17");
    GOOD("flow", "add", "any", "drop");
    fake.calls[HICAMP_OP_port_query] = 0;
    GOOD("flow", "dump");
    CHECK(!strcmp(out, "in_port=1.0,eth_type=ip,ip_dst=10.0.0.0/8,"
                  "ip_proto=tcp,l4_dst=80 output=2.0,output=3.0,upcall "
                  "cookie=0x17 # packets=0 bytes=0 used=never\n"
                  "any drop cookie=0x0 # packets=3 bytes=300 used=never\n"),
          "%s", out);
    CHECK(fake.calls[HICAMP_OP_port_query] == 1, "one port query");

    fake.used_ns = 1500000000;
    GOOD("flow", "dump", "--json");
    is_json("flow dump");
    CHECK(says("\"l4_dst\":\"80\"") && says("\"cookie\":\"0x17\"") &&
          says("\"used_ns\":1500000000"), "%s", out);

    BAD(1, "a flow with this match exists (--replace replaces it)", "flow",
        "add", "any", "upcall");
    GOOD("flow", "add", "any", "upcall", "--replace");
    CHECK(fake.nr_flows == 2 &&
          fake.flow[1].actions[0] == HICAMP_ACT_UPCALL, "replaced");
    BAD(1, "a port that the flow names does not exist", "flow", "add", "any",
        "output=99", "--replace");

    GOOD("flow", "del", "l4_dst=80,in_port=65537,tcp,ip_dst=10.0.0.0/8");
    CHECK(fake.nr_flows == 1, "deleted");
    GOOD("flow", "del", "");
    CHECK(fake.nr_flows == 0, "deleted all");
    GOOD("flow", "add", "any", "drop", "--json");
    is_json("flow add");
    fake.nr_flows = 4;
    GOOD("flow", "flush", "--orphans");
    CHECK(!*out && fake.nr_flows == 2, "orphans");
    GOOD("flow", "flush", "--json");
    is_json("flow flush");
    CHECK(fake.nr_flows == 0, "flushed");
}

/* A file of nr flows of 1.0, to 2.0 and 3.0, and more lines. */
static const char *batch_file(unsigned int nr, const char *more)
{
    static char path[] = "/tmp/hicampctl-test-XXXXXX";
    static int fd = -1;
    unsigned int i;
    FILE *f;

    if ( fd < 0 )
        fd = mkstemp(path);
    f = fopen(path, "w");
    fprintf(f, "# flows\n\n");
    for ( i = 0; i < nr; i++ )
        fprintf(f, "  in_port=1.0,tcp,l4_dst=%u\toutput=%u.0 # %u\n", i,
                2 + i % 2, i);
    fputs(more, f);
    fclose(f);

    return path;
}

static void a_batch_takes_few_calls(void)
{
    const char *path = batch_file(10000, "arp upcall cookie=5");

    fake_reset();
    fake_ports(3);
    GOOD("flow", "add", "--batch", path, "--json", "--cookie", "9");
    CHECK(!strcmp(out, "{\"added\":10001}\n"), "%s", out);
    CHECK(fake.nr_flows == 10001, "%u flows", fake.nr_flows);
    CHECK(fake.calls[HICAMP_OP_flow_update] <= 25, "%u calls",
          fake.calls[HICAMP_OP_flow_update]);
    CHECK(fake.calls[HICAMP_OP_port_query] == 1, "one port query");
    CHECK(fake.flow[0].flow.cookie == 9 && fake.flow[10000].flow.cookie == 5,
          "cookies");

    /* Again, replacing all: nearly as few. */
    fake.calls[HICAMP_OP_flow_update] = 0;
    GOOD("flow", "add", "--batch", path, "--replace");
    CHECK(fake.nr_flows == 10001, "%u flows", fake.nr_flows);
    CHECK(fake.calls[HICAMP_OP_flow_update] <= 26, "%u calls",
          fake.calls[HICAMP_OP_flow_update]);

    /* Half of them there. */
    GOOD("flow", "flush");
    GOOD("flow", "add", "in_port=1.0,tcp,l4_dst=7", "drop");
    GOOD("flow", "add", "in_port=1.0,tcp,l4_dst=700", "drop");
    GOOD("flow", "add", "--batch", path, "--replace");
    CHECK(fake.nr_flows == 10001, "%u flows", fake.nr_flows);
    CHECK(fake.flow[0].actions[0] == HICAMP_ACT_OUTPUT, "replaced");
}

static void a_dump_can_be_loaded_again(void)
{
    const char *path = batch_file(1000, "arp upcall cookie=5\nany drop\n");
    char *first;
    FILE *f;

    fake_reset();
    fake_ports(3);
    GOOD("flow", "add", "--batch", path);
    GOOD("flow", "dump");
    first = strdup(out);
    f = fopen(path, "w");
    fputs(first, f);
    fclose(f);
    GOOD("flow", "flush");
    GOOD("flow", "add", "--batch", path);
    GOOD("flow", "dump");
    CHECK(!strcmp(first, out), "another dump");
    free(first);
}

static void a_batch_with_an_error_sends_nothing(void)
{
    const char *path = batch_file(3, "ip ip_src\n");
    char text[256];

    fake_reset();
    fake_ports(3);
    CHECK(RUN("flow", "add", "--batch", path) == 2, "%s", errors);
    snprintf(text, sizeof(text), "hicampctl: %s:6: flow: 'ip_src' is not an "
             "action (output=PORT, drop, upcall, meter=N, push_vlan=[TPID:]TCI, "
             "pop_vlan, set(FIELD=VALUE,...))\n", path);
    CHECK(!strcmp(errors, text), "%s", errors);
    CHECK(!fake.nr_flows && !fake.calls[HICAMP_OP_version], "sent");

    batch_file(0, "ip\n");
    CHECK(RUN("flow", "add", "--batch", path) == 2 &&
          strstr(errors, ":3: flow: no actions"), "%s", errors);
    batch_file(0, "ip drop now\n");
    CHECK(RUN("flow", "add", "--batch", path) == 2 &&
          strstr(errors, ":3: flow: 'now': only cookie=N"), "%s", errors);
    batch_file(0, "");
    GOOD("flow", "add", "--batch", path);
    CHECK(RUN("flow", "add", "any", "drop", "--batch", path) == 2, "both");
}

static void a_batch_that_xen_refuses_says_how_far_it_came(void)
{
    const char *path = batch_file(1000, "");

    fake_reset();
    fake_ports(3);
    fake.flows_max = 700;
    CHECK(RUN("flow", "add", "--batch", path) == 1, "%s", errors);
    CHECK(strstr(errors, "700 flows were added before an error: ") &&
          strstr(errors, ":703: the table is full"), "%s", errors);
    CHECK(fake.nr_flows == 700, "flows");
    unlink(path);
}

/* An ip that says what it is told, and fails if it is about "bad". */
static void uplinks_are_made_by_ip(void)
{
    char dir[] = "/tmp/hicampctl-ip-XXXXXX", path[64], log[64], text[512] = "";
    char *old = strdup(getenv("PATH") ?: "");
    FILE *f;

    if ( !old || !mkdtemp(dir) )
        return check(false, __FILE__, __LINE__, "no folder");
    snprintf(path, sizeof(path), "%s/ip", dir);
    snprintf(log, sizeof(log), "%s/log", dir);
    f = fopen(path, "w");
    fprintf(f, "#!/bin/sh\necho \"$*\" >> %s\n"
            "case \"$*\" in *bad*) exit 2;;\n"
            "-brief*) echo 'wire@eth7 UP 52:54:00:00:00:01 <UP>';; esac\n", log);
    fclose(f);
    chmod(path, 0755);
    setenv("PATH", dir, 1);

    GOOD("uplink", "add", "eth7");
    CHECK(!strcmp(out, "hicamp-up0\n"), "%s", out);
    GOOD("--json", "uplink", "add", "eth7", "wire");
    CHECK(!strcmp(out, "{\"name\": \"wire\", \"device\": \"eth7\"}\n"), "%s",
          out);
    GOOD("uplink", "list");
    GOOD("uplink", "del", "wire");
    GOOD("uplink", "del", "eth7");
    CHECK(RUN("uplink", "del", "eth8") == 1 &&
          strstr(errors, "uplink del eth8: there is no uplink"), "%s", errors);
    f = fopen(log, "r");
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    CHECK(!strcmp(text,
        "link add name hicamp-up0 up link eth7 type hicamp_uplink\n"
        "link set dev eth7 up\n"
        "link add name wire up link eth7 type hicamp_uplink\n"
        "link set dev eth7 up\n"
        "-brief link show type hicamp_uplink\n"
        "-brief link show type hicamp_uplink\n"
        "link del dev wire type hicamp_uplink\n"
        "-brief link show type hicamp_uplink\n"
        "link del dev wire type hicamp_uplink\n"
        "-brief link show type hicamp_uplink\n"), "%s", text);

    CHECK(RUN("uplink", "add", "bad0") == 1 &&
          strstr(errors, "uplink add bad0: ip failed (is hicamp-netback"),
          "%s", errors);
    CHECK(RUN("uplink", "add", "-x/y") == 2, "%s", errors);
    CHECK(RUN("uplink", "add", "eth7", "a name") == 2, "%s", errors);
    CHECK(RUN("uplink", "del", "a-name-that-is-too-long") == 2, "%s", errors);
    unlink(path);
    CHECK(RUN("uplink", "list") == 1 && strstr(errors, "cannot run ip"), "%s",
          errors);

    setenv("PATH", old, 1);
    free(old);
    unlink(log);
    rmdir(dir);
}

int main(void)
{
    test_text();
    TEST(wrong_words_exit_2_and_need_no_hypervisor);
    TEST(every_command_has_help);
    TEST(hypervisor_errors_exit_1_with_a_sentence);
    TEST(output_that_cannot_be_written_is_an_error);
    TEST(info_tells_limits_and_use);
    TEST(ports_are_made_changed_and_destroyed);
    TEST(domains_get_quotas_and_tenants);
    TEST(parameters_are_read_and_set);
    TEST(a_port_may_have_its_own_parameters);
    TEST(rates_are_read_and_set);
    TEST(meters_are_made_listed_and_forgotten);
    TEST(addresses_are_read_and_set);
    TEST(uplinks_are_made_by_ip);
    TEST(ports_are_listed_in_many_batches);
    TEST(counters_of_other_versions_are_shown);
    TEST(watching_gives_rates);
    TEST(flows_are_added_dumped_and_deleted);
    TEST(a_batch_takes_few_calls);
    TEST(a_dump_can_be_loaded_again);
    TEST(a_batch_with_an_error_sends_nothing);
    TEST(a_batch_that_xen_refuses_says_how_far_it_came);

    free(out);
    free(errors);
    free(fake.flow);
    printf("%u passed, %u failed\n", passed, failed);

    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
