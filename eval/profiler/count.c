// SPDX-License-Identifier: GPL-2.0-only
/*
 * A TCG plugin that counts how often each translated block was executed, for
 * eval/profile.  Counting is inline code in the block: nothing is called.
 *
 *   -plugin count.so,out=FILE
 *
 * FILE gets, when QEMU ends, a record for each translation of a block: address,
 * instructions in it, executions; 64 bits each.  A block that was translated
 * again, after its code was thrown away or for another address space, has
 * several.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qemu-plugin.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* Blocks are counted where they stand, so they never move. */
#define CHUNK   65536

struct block {
    uint64_t address, instructions, executions;
};

static struct chunk {
    struct chunk *next;
    unsigned int used;
    struct block block[CHUNK];
} *chunks;

static char *path;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    struct block *b;

    if ( !chunks || chunks->used == CHUNK )
    {
        struct chunk *c = calloc(1, sizeof(*c));

        if ( !c )
            abort();
        c->next = chunks;
        chunks = c;
    }

    b = &chunks->block[chunks->used++];
    b->address = qemu_plugin_tb_vaddr(tb);
    b->instructions = qemu_plugin_tb_n_insns(tb);
    qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64,
                                             &b->executions, 1);
}

static void ended(qemu_plugin_id_t id, void *data)
{
    FILE *out = fopen(path, "wb");
    const struct chunk *c;

    if ( !out )
    {
        perror(path);
        return;
    }

    for ( c = chunks; c; c = c->next )
        if ( fwrite(c->block, sizeof(c->block[0]), c->used, out) != c->used )
            perror(path);
    if ( fclose(out) )
        perror(path);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id,
                                           const qemu_info_t *info, int argc,
                                           char **argv)
{
    if ( argc != 1 || strncmp(argv[0], "out=", 4) )
    {
        fprintf(stderr, "usage: -plugin count.so,out=FILE\n");
        return -1;
    }

    path = strdup(argv[0] + 4);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);

    return 0;
}
