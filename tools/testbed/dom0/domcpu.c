/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * domcpu: CPU time of every domain, in nanoseconds.
 *
 * xl prints tenths of a second, too coarse for the few seconds of a run. One
 * line per domain, "ID NANOSECONDS", and one line "idle NANOSECONDS" with the
 * idle time of all physical CPUs together.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <xenctrl.h>

#define MAX_DOMAINS 256
#define MAX_CPUS    256

int main(void)
{
    static xc_domaininfo_t info[MAX_DOMAINS];
    static xc_cpuinfo_t cpu[MAX_CPUS];
    xc_interface *xch = xc_interface_open(NULL, NULL, 0);
    uint64_t idle = 0;
    int i, domains, cpus;

    if ( !xch )
        return EXIT_FAILURE;

    domains = xc_domain_getinfolist(xch, 0, MAX_DOMAINS, info);
    if ( domains < 0 || xc_getcpuinfo(xch, MAX_CPUS, cpu, &cpus) )
    {
        perror("domcpu");
        xc_interface_close(xch);
        return EXIT_FAILURE;
    }

    for ( i = 0; i < domains; i++ )
        printf("%u %"PRIu64"\n", info[i].domain, info[i].cpu_time);

    for ( i = 0; i < cpus; i++ )
        idle += cpu[i].idletime;
    printf("idle %"PRIu64"\n", idle);

    xc_interface_close(xch);
    return EXIT_SUCCESS;
}
