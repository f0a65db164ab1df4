/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * uplink: commands about NICs that are ports of the switch.  They are network
 * devices of Linux, so ip(8) makes and shows them.
 */

#include <errno.h>
#include <net/if.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"

#define UPLINK_KIND "hicamp_uplink"
#define UPLINK_NAME "hicamp-up"
#define UPLINKS_MAX 16

extern char **environ;

/* Run ip; it says itself what went wrong. */
static int ip(struct err *err, const char *const argv[])
{
    int status, rc;
    pid_t pid;

    rc = posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)argv, environ);
    if ( rc )
        return err_set(err, EXIT_CALL, "cannot run ip: %s", strerror(rc));
    while ( waitpid(pid, &status, 0) < 0 )
        if ( errno != EINTR )
            return err_set(err, EXIT_CALL, "ip: %s", strerror(errno));
    if ( !WIFEXITED(status) || WEXITSTATUS(status) )
        return err_set(err, EXIT_CALL, "ip failed%s",
                       WIFEXITED(status) && WEXITSTATUS(status) == 2
                       ? " (is hicamp-netback loaded?)" : "");

    return 0;
}

/* Is it what a network device may be called?  Else an error. */
static int check_name(const char *name, struct err *err)
{
    size_t len = strlen(name);

    if ( !len || len >= IFNAMSIZ || strpbrk(name, "/ :%") || name[0] == '.' ||
         name[0] == '-' )
        return err_set(err, EXIT_USAGE, "uplink: '%.64s' is no network device",
                       name);

    return 0;
}

/* The first name that is free. */
static int choose_name(char name[IFNAMSIZ], struct err *err)
{
    unsigned int i;

    for ( i = 0; i < UPLINKS_MAX; i++ )
    {
        snprintf(name, IFNAMSIZ, UPLINK_NAME "%u", i);
        if ( !if_nametoindex(name) )
            return 0;
    }

    return err_set(err, EXIT_CALL, "uplink add: there are %u uplinks",
                   UPLINKS_MAX);
}

int cmd_uplink_add(struct cli *cli, struct err *err)
{
    const char *nic = cli->arg[0];
    char name[IFNAMSIZ];
    const char *const argv[] = {
        "ip", "link", "add", "name", name, "up", "link", nic,
        "type", UPLINK_KIND, NULL,
    };
    const char *const up[] = { "ip", "link", "set", "dev", nic, "up", NULL };

    if ( check_name(nic, err) )
        return -1;
    if ( cli->nr_args > 1 )
    {
        if ( check_name(cli->arg[1], err) )
            return -1;
        strcpy(name, cli->arg[1]);
    }
    else if ( choose_name(name, err) )
        return -1;

    if ( ip(err, argv) || ip(err, up) )
        return err_prefix(err, "uplink add %s", nic);

    fprintf(cli->out, cli->given & OPT_JSON ? "{\"name\": \"%s\", \"device\": \"%s\"}\n"
                                : "%s\n", name, nic);

    return 0;
}

/*
 * The name of the uplink that is called so, or is by that NIC.  The kernel
 * deletes whatever it is told to, of any type, so it must be one.
 */
static int find_uplink(const char *which, char name[IFNAMSIZ], struct err *err)
{
    FILE *list = popen("ip -brief link show type " UPLINK_KIND, "r");
    char line[256], up[IFNAMSIZ], nic[IFNAMSIZ];
    bool found = false;

    if ( !list )
        return err_set(err, EXIT_CALL, "cannot run ip: %s", strerror(errno));
    while ( fgets(line, sizeof(line), list) )
    {
        /* "hicamp-up0@eth0 ..." */
        if ( sscanf(line, "%15[^@ ]@%15s", up, nic) != 2 ||
             (strcmp(which, up) && strcmp(which, nic)) )
            continue;
        strcpy(name, up);
        found = true;
    }
    pclose(list);

    return found ? 0 : err_set(err, EXIT_CALL,
                               "there is no uplink of that name or device");
}

int cmd_uplink_del(struct cli *cli, struct err *err)
{
    char name[IFNAMSIZ];
    const char *const argv[] = {
        "ip", "link", "del", "dev", name, "type", UPLINK_KIND, NULL,
    };

    if ( check_name(cli->arg[0], err) )
        return -1;

    return find_uplink(cli->arg[0], name, err) || ip(err, argv)
           ? err_prefix(err, "uplink del %s", cli->arg[0]) : 0;
}

int cmd_uplink_list(struct cli *cli, struct err *err)
{
    const char *const argv[] = {
        "ip", cli->given & OPT_JSON ? "-json" : "-brief", "link", "show", "type",
        UPLINK_KIND, NULL,
    };

    fflush(cli->out);

    return ip(err, argv) ? err_prefix(err, "uplink list") : 0;
}
