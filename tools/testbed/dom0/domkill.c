/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * domkill DOMID: destroy a domain at once, and say so when it is dead.
 *
 * xl pauses the domain first and takes its devices apart, for longer than a
 * guest may lend its memory; here there is nothing between its last instruction
 * and its end. "xl destroy" cleans up afterwards what is not Xen's.
 */

#include <stdio.h>
#include <stdlib.h>

#include <xenctrl.h>

int main(int argc, char **argv)
{
    unsigned long domid;
    xc_interface *xch;
    char *end;
    int rc;

    if ( argc != 2 || (domid = strtoul(argv[1], &end, 10)) == 0 || *end ||
         domid >= DOMID_FIRST_RESERVED )
    {
        fprintf(stderr, "usage: domkill DOMID\n");
        return EXIT_FAILURE;
    }

    xch = xc_interface_open(NULL, NULL, 0);
    if ( !xch )
        return EXIT_FAILURE;

    rc = xc_domain_destroy(xch, domid);
    if ( rc )
        perror("domkill");
    xc_interface_close(xch);

    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
