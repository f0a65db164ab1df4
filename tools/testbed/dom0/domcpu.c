/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * domcpu: CPU time of every domain, in nanoseconds.
 *
 * xl prints tenths of a second, too coarse for the few seconds of a run. One
 * line per domain, "ID NANOSECONDS", one line "idle NANOSECONDS" with the idle
 * time of all physical CPUs together, and "clock NANOSECONDS".
 *
 *   domcpu                         print the times now
 *   domcpu FILE LEAD WINDOW TAIL   wait until FILE exists, and LEAD ms more;
 *                                  print what was used in WINDOW ms; end
 *                                  TAIL ms later
 *
 * The second form starts no process near the window, so dom0's own work for
 * measuring does not fall into it.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <xenctrl.h>

#define MAX_DOMAINS 256
#define MAX_CPUS    256
#define WAIT_MS     60000

struct sample {
    xc_domaininfo_t info[MAX_DOMAINS];
    int domains;
    uint64_t idle, clock;
};

static struct sample before, after;

static void sleep_ms(long ms)
{
    struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

    nanosleep(&ts, NULL);
}

static int take(xc_interface *xch, struct sample *s)
{
    static xc_cpuinfo_t cpu[MAX_CPUS];
    struct timespec now;
    int i, cpus;

    s->domains = xc_domain_getinfolist(xch, 0, MAX_DOMAINS, s->info);
    if ( s->domains < 0 || xc_getcpuinfo(xch, MAX_CPUS, cpu, &cpus) )
        return -1;

    s->idle = 0;
    for ( i = 0; i < cpus; i++ )
        s->idle += cpu[i].idletime;

    clock_gettime(CLOCK_MONOTONIC, &now);
    s->clock = now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;

    return 0;
}

static uint64_t earlier(unsigned int domain)
{
    int i;

    for ( i = 0; i < before.domains; i++ )
        if ( before.info[i].domain == domain )
            return before.info[i].cpu_time;

    return 0;
}

int main(int argc, char **argv)
{
    xc_interface *xch;
    int i, rc = 0;

    if ( argc != 1 && argc != 5 )
    {
        fprintf(stderr, "usage: domcpu [FILE LEAD_MS WINDOW_MS TAIL_MS]\n");
        return EXIT_FAILURE;
    }

    xch = xc_interface_open(NULL, NULL, 0);
    if ( !xch )
        return EXIT_FAILURE;

    if ( argc == 5 )
    {
        for ( i = 0; access(argv[1], F_OK) && i < WAIT_MS; i += 10 )
            sleep_ms(10);
        sleep_ms(atol(argv[2]));
        rc = take(xch, &before);
        sleep_ms(atol(argv[3]));
    }

    if ( rc || take(xch, &after) )
    {
        perror("domcpu");
        xc_interface_close(xch);
        return EXIT_FAILURE;
    }

    if ( argc == 5 )
        sleep_ms(atol(argv[4]));

    for ( i = 0; i < after.domains; i++ )
        printf("%u %"PRIu64"\n", after.info[i].domain,
               after.info[i].cpu_time - earlier(after.info[i].domain));
    printf("idle %"PRIu64"\n", after.idle - before.idle);
    printf("clock %"PRIu64"\n", after.clock - before.clock);

    xc_interface_close(xch);
    return EXIT_SUCCESS;
}
