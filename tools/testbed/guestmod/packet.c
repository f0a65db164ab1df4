// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets into A's tx ring and out of rx rings, slot by slot.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <xen/page.h>

#include "hostile.h"

void make(struct packet *k, unsigned int n)
{
	memset(k, 0, sizeof(*k));
	k->h.len = k->h.inline_len = n;
	memcpy(k->bytes, port_b.mac, 6);
	memcpy(k->bytes + 6, port_a.mac, 6);
	k->bytes[12] = 0x88;	/* local experimental type */
	k->bytes[13] = 0xb5;
}

void put_slot(const void *from, unsigned int n)
{
	u8 *slot = port_a.tx[port_a.tx_prod++ % RING].bytes;

	memset(slot, 0, SLOT_BYTES);
	memcpy(slot, from, n);
}

void put(const struct packet *k)
{
	unsigned int inl = min_t(unsigned int, k->h.inline_len,
				 HICAMP_INLINE_MAX);
	unsigned int nr = min_t(unsigned int, k->h.nr_extents,
				HICAMP_EXTENTS_MAX + 1);
	unsigned int i;

	for (i = 0; i < HICAMP_HDR_SLOTS(inl); i++)
		put_slot((u8 *)k + i * SLOT_BYTES, SLOT_BYTES);
	for (i = 0; i < nr; i += 4)
		put_slot(&k->ext[i], min(nr - i, 4u) * sizeof(k->ext[0]));
}

long ring(void)
{
	smp_wmb();
	WRITE_ONCE(port_a.ctrl->tx_prod, port_a.tx_prod);
	return doorbell(&port_a, HICAMP_DOORBELL_TX);
}

long send(const struct packet *k)
{
	put(k);
	return ring();
}

void post(struct port *p, u32 ref, u32 offset, u32 len, u32 id)
{
	p->fill[p->fill_prod++ % RING] = (struct hicamp_fill){
		.ref = ref, .offset = offset, .len = len, .id = id,
	};
	smp_wmb();
	WRITE_ONCE(p->ctrl->fill_prod, p->fill_prod);
}

bool receive(struct port *p, struct packet *k)
{
	u32 left = READ_ONCE(p->ctrl->rx_prod) - p->rx_cons;
	unsigned int i, n;

	smp_rmb();
	if (!left)
		return false;
	memset(k, 0, sizeof(*k));
	memcpy(k, p->rx[p->rx_cons++ % RING].bytes, SLOT_BYTES);
	for (i = 1; i < HICAMP_HDR_SLOTS(k->h.inline_len); i++)
		memcpy((u8 *)k + i * SLOT_BYTES,
		       p->rx[p->rx_cons++ % RING].bytes, SLOT_BYTES);
	for (i = 0; i < k->h.nr_extents; i += 4) {
		n = min(k->h.nr_extents - i, 4u);
		memcpy(&k->ext[i], p->rx[p->rx_cons++ % RING].bytes,
		       n * sizeof(k->ext[0]));
	}
	smp_mb();
	WRITE_ONCE(p->ctrl->rx_cons, p->rx_cons);
	COUNT(p, rx_packets, 1);
	COUNT(p, rx_bytes, k->h.len);
	COUNT(p, rx_gso, k->h.gso_size != 0);
	COUNT(p, rx_inline, !k->h.nr_extents);
	return true;
}
