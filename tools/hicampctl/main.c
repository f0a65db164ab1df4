/* SPDX-License-Identifier: GPL-2.0-only */
/* hicampctl: look at and configure the hicamp switch of a Xen host. */

#include "cli.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv, stdout, stderr);
}
