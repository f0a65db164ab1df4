/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-abi.c
 *
 * The public header alone: compiled by the Makefile as C90, C99 and C++ with
 * all warnings, never linked.  Sizes and offsets that guests rely on.
 */

#include <stdint.h>
#include <stddef.h>
#include <public/hicamp.h>

#define IS(expr) (sizeof(char [(expr) ? 1 : -1]))

size_t hicamp_abi_test(void);

size_t hicamp_abi_test(void)
{
    return IS(sizeof(struct hicamp_version) == 32) +
           IS(sizeof(struct hicamp_info) == 88) +
           IS(sizeof(struct hicamp_admin) == 8) +
           IS(sizeof(struct hicamp_ring_ctrl) == 512) +
           IS(sizeof(struct hicamp_pkt) == 32) +
           IS(sizeof(struct hicamp_extent) == 16) +
           IS(sizeof(struct hicamp_slot) == HICAMP_SLOT_BYTES) +
           IS(sizeof(struct hicamp_fill) == 16) +
           IS(sizeof(struct hicamp_comp) == 8) +
           IS(sizeof(struct hicamp_queue) == 32) +
           IS(sizeof(struct hicamp_port_attach) == 24) +
           IS(sizeof(struct hicamp_port_detach) == 8) +
           IS(sizeof(struct hicamp_run) == 16) +
           IS(sizeof(struct hicamp_space_op) == 16) +
           IS(sizeof(struct hicamp_port_create) == 24) +
           IS(sizeof(struct hicamp_port_id) == 8) +
           IS(sizeof(struct hicamp_port_set) == 24) +
           IS(sizeof(struct hicamp_addr) == 24) +
           IS(sizeof(struct hicamp_port_addrs) == 8 + 24 * HICAMP_ADDRS_MAX) +
           IS(sizeof(struct hicamp_query) == 24) +
           IS(sizeof(struct hicamp_port_info) ==
              48 + 8 * HICAMP_COUNTERS_MAX) +
           IS(sizeof(struct hicamp_flow_key) == 104) +
           IS(sizeof(struct hicamp_action) == 8) +
           IS(sizeof(struct hicamp_flow) == 256) +
           IS(sizeof(struct hicamp_flow_batch) == 16) +
           IS(sizeof(struct hicamp_flow_stats) == 32) +
           IS(HICAMP_NR_COUNTERS <= HICAMP_COUNTERS_MAX) +
           /* The two sides of a ring share no cache line. */
           IS(offsetof(struct hicamp_ring_ctrl, tx_cons) == 64) +
           IS(offsetof(struct hicamp_ring_ctrl, comp_prod) == 128) +
           IS(offsetof(struct hicamp_ring_ctrl, fill_prod) == 256) +
           IS(offsetof(struct hicamp_ring_ctrl, rx_prod) == 384) +
           /* The biggest packet fits the smallest ring. */
           IS(HICAMP_PKT_SLOTS_MAX < HICAMP_RING_MIN) +
           IS(HICAMP_PKT_SLOTS(32, 0) == 1) +
           IS(HICAMP_PKT_SLOTS(33, 1) == 3) +
           /* Flow keys are compared by 8-byte words. */
           IS(sizeof(struct hicamp_flow_key) % 8 == 0) +
           IS(offsetof(struct hicamp_flow_key, ip_src) % 4 == 0);
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
