// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets that lie, rings that jump, buffers that are none.  Ports A and B
 * exist, detached; A takes only packets with its own source address; a flow
 * leads from A, for B's address, to B.  What A and B should have counted is
 * predicted, but for the copies, as it depends on A's port what is copied when.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <xen/page.h>

#include "hostile.h"

static u8 *payload, *buffer;	/* a page each */

/* ---- Sending ------------------------------------------------------------ */

/* A packet for B with one extent of bytes of the payload page. */
static void make_ext(struct packet *k, unsigned int bytes)
{
	make(k, 60);
	k->h.len += bytes;
	k->h.nr_extents = 1;
	k->h.id = 0x1d;
	k->ext[0] = (struct hicamp_extent){
		.name = virt_to_gfn(payload), .len = bytes,
		.type = HICAMP_EXT_FRAME,
	};
}

/* A TCP/IPv4 packet: 54 bytes of headers inline, then payload in an extent. */
static void make_tcp(struct packet *k, unsigned int bytes)
{
	static const u8 ip[] = {
		0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 6, 0, 0,
		10, 9, 9, 1, 10, 9, 9, 2,
		0x12, 0x34, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 1, 0,
	};

	make_ext(k, bytes);
	k->bytes[12] = 0x08;
	k->bytes[13] = 0x00;
	memcpy(k->bytes + 14, ip, sizeof(ip));
	k->bytes[16] = (40 + bytes) >> 8;
	k->bytes[17] = 40 + bytes;
	k->h.inline_len = 54;
	k->h.len = 54 + bytes;
	k->h.flags = HICAMP_PKT_CSUM_PARTIAL;
	k->h.csum_start = 34;
	k->h.csum_offset = 16;
}

static void make_gso(struct packet *k)
{
	make_tcp(k, 4000);
	k->h.gso_type = HICAMP_GSO_TCPV4;
	k->h.gso_size = 1400;
}

/* Has Xen taken everything, and was there exactly this completion? */
static bool completed(const struct packet *k, u32 status)
{
	const struct hicamp_comp *c =
		&port_a.comp[port_a.comp_cons % RING];

	if (READ_ONCE(port_a.ctrl->comp_prod) != port_a.comp_cons + 1 ||
	    c->id != k->h.id || c->status != status)
		return false;
	port_a.ctrl->comp_cons = ++port_a.comp_cons;
	return true;
}

static bool taken(void)
{
	return READ_ONCE(port_a.ctrl->tx_cons) == port_a.tx_prod;
}

/* The packet is dropped, as counter says; with extents it is told. */
static void drop(const struct packet *k, unsigned int counter,
		 const char *name)
{
	bool bare = !k->h.nr_extents ||
		    k->h.nr_extents > HICAMP_EXTENTS_MAX ||
		    k->h.inline_len > HICAMP_INLINE_MAX;

	port_a.want[counter]++;
	expect(send(k), 0, "%s_is_no_error", name);
	expect_true(taken() && (bare ? READ_ONCE(port_a.ctrl->comp_prod) ==
				port_a.comp_cons
				: completed(k, HICAMP_COMP_BAD)),
		    "%s_is_dropped", name);
}

#define DROP(k, counter, name)	drop(k, HICAMP_CNT_drop_ ## counter, name)

static void count_tx(const struct packet *k)
{
	COUNT(&port_a, tx_packets, 1);
	COUNT(&port_a, tx_bytes, k->h.len);
	COUNT(&port_a, tx_gso, k->h.gso_size != 0);
	COUNT(&port_a, tx_inline, !k->h.nr_extents);
}

/* ---- What a packet says of itself --------------------------------------- */

static void malformed(void)
{
	struct packet k;

	make(&k, 60);
	k.h.len = 13;
	k.h.inline_len = 13;
	DROP(&k, malformed, "frame_of_13_bytes");
	make(&k, 60);
	k.h.len = k.h.inline_len = 0;
	DROP(&k, malformed, "frame_of_0_bytes");
	make(&k, 60);
	k.h.len = 61;
	DROP(&k, malformed, "len_above_sum");
	make(&k, 60);
	k.h.len = 59;
	DROP(&k, malformed, "len_below_sum");
	make(&k, 60);
	k.h.len = ~0u;
	DROP(&k, malformed, "len_4g");
	make_ext(&k, 100);
	k.h.len = 60;
	DROP(&k, malformed, "len_without_extents");
	make_ext(&k, 100);
	k.h.inline_len = 10;
	k.h.len = 110;
	DROP(&k, malformed, "ethernet_header_not_inline");
	make(&k, 60);
	k.h.inline_len = HICAMP_INLINE_MAX + 1;
	DROP(&k, malformed, "inline_161");
	make(&k, 60);
	k.h.inline_len = 0xffff;
	DROP(&k, malformed, "inline_65535");
	make_ext(&k, 100);
	k.h.nr_extents = HICAMP_EXTENTS_MAX + 1;
	DROP(&k, malformed, "extents_37");
	make(&k, 60);
	k.h.nr_extents = 0xffff;
	DROP(&k, malformed, "extents_65535");
	make(&k, 60);
	k.h.flags = 1 << 3;
	DROP(&k, malformed, "unknown_flag");
	make(&k, 60);
	k.h.flags = 0x8000;
	DROP(&k, malformed, "last_flag");
	make(&k, 60);
	k.h.pad = 1;
	DROP(&k, malformed, "padding");
	make(&k, 60);
	k.h.port = port_b.id;
	DROP(&k, malformed, "port_named_by_guest");
	make(&k, 60);
	k.h.reason = HICAMP_REASON_MISS;
	DROP(&k, malformed, "reason_named_by_guest");
	make_tcp(&k, 100);
	k.h.csum_start = 13;
	DROP(&k, malformed, "checksum_in_ethernet_header");
	make_tcp(&k, 100);
	k.h.csum_start = 54;
	DROP(&k, malformed, "checksum_behind_headers");
	make_tcp(&k, 100);
	k.h.csum_start = k.h.csum_offset = 0xffff;
	DROP(&k, malformed, "checksum_sum_wraps");
	make_tcp(&k, 100);
	k.h.csum_offset = 19;
	DROP(&k, malformed, "checksum_half_inline");
	make_gso(&k);
	k.h.gso_size = 0;
	DROP(&k, malformed, "gso_of_no_size");
	make_gso(&k);
	k.h.gso_type = HICAMP_GSO_NONE;
	DROP(&k, malformed, "gso_of_no_type");
	make_gso(&k);
	k.h.flags = 0;
	DROP(&k, malformed, "gso_without_checksum");

	/* Fewer slots than the packet says it takes; then all is lost. */
	make_ext(&k, 100);
	k.h.inline_len = 33;
	k.h.len = 133;
	put_slot(&k, SLOT_BYTES);
	COUNT(&port_a, drop_malformed, 1);
	expect(ring(), 0, "packet_cut_short_is_no_error");
	expect_true(taken(), "packet_cut_short_is_dropped");
}

static void headers(void)
{
	struct packet k;

	make_tcp(&k, 100);
	k.h.inline_len = 33;
	k.h.len = 133;
	k.h.flags = k.h.csum_start = k.h.csum_offset = 0;
	DROP(&k, header, "ip_header_half_inline");
	make_tcp(&k, 100);
	k.h.inline_len = 14;
	k.h.len = 114;
	k.h.flags = k.h.csum_start = k.h.csum_offset = 0;
	DROP(&k, header, "ip_header_not_inline");
	make_tcp(&k, 100);
	k.h.inline_len = 40;
	k.ext[0].len = 114;
	k.h.flags = k.h.csum_start = k.h.csum_offset = 0;
	DROP(&k, header, "tcp_header_half_inline");
	make_tcp(&k, 100);
	k.bytes[14] = 0x4f;
	k.h.flags = 0;
	DROP(&k, header, "ip_options_not_inline");
	make_tcp(&k, 100);
	k.bytes[46] = 0xf0;
	DROP(&k, header, "tcp_options_not_inline");
	make_ext(&k, 100);
	k.bytes[12] = 0x81;
	k.bytes[13] = 0x00;
	k.h.inline_len = 16;
	k.h.len = 116;
	DROP(&k, header, "vlan_tag_not_inline");
	make_ext(&k, 100);
	k.bytes[12] = 0x86;
	k.bytes[13] = 0xdd;
	k.h.inline_len = 53;
	k.h.len = 153;
	DROP(&k, header, "ipv6_header_not_inline");

	make_gso(&k);
	k.h.gso_type = 3;
	DROP(&k, header, "gso_type_3");
	make_gso(&k);
	k.h.gso_type = 0xff;
	DROP(&k, header, "gso_type_255");
	make_gso(&k);
	k.h.gso_type = HICAMP_GSO_TCPV6;
	DROP(&k, header, "gso_v6_of_v4_packet");
	make_gso(&k);
	k.bytes[23] = 17;
	DROP(&k, header, "gso_of_udp");
	make_gso(&k);
	k.bytes[20] |= 0x20;
	DROP(&k, header, "gso_of_fragment");
	make_gso(&k);
	k.bytes[12] = 0x88;
	DROP(&k, header, "gso_of_no_ip");
	make_gso(&k);
	k.bytes[16] = k.bytes[17] = 0xff;
	DROP(&k, header, "gso_ip_length_lies");
	make_gso(&k);
	k.h.csum_start = 30;
	DROP(&k, header, "gso_checksum_elsewhere");
	make_gso(&k);
	k.h.csum_offset = 6;
	DROP(&k, header, "gso_checksum_of_udp");

	make(&k, 60);
	k.bytes[11] ^= 1;
	DROP(&k, spoof, "source_of_another");
	make(&k, 60);
	memcpy(k.bytes + 6, port_b.mac, 6);
	DROP(&k, spoof, "source_of_b");
	make(&k, 60);
	memset(k.bytes + 6, 0xff, 6);
	DROP(&k, spoof, "source_broadcast");
}

/* ---- Where a packet says its bytes are ---------------------------------- */

static void drop_extent(struct packet *k, const char *what, const char *name)
{
	char text[64];

	snprintf(text, sizeof(text), "extent_%s%s", what, name);
	DROP(k, frame, text);
}

static void extents(void)
{
	static const u16 types[] = { HICAMP_EXT_SEGMENT, HICAMP_EXT_FILL, 4,
				     0x8000, 0xffff };
	struct bad_frame bad;
	struct packet k;
	unsigned int i;
	char name[16];
	u32 ref;

	for (i = 0; bad_frame(i, &bad); i++) {
		make_ext(&k, 100);
		k.ext[0].name = bad.frame;
		drop_extent(&k, "frame_", bad.name);
	}
	/* Good ones before a bad one are let go again: the pins tell. */
	make_ext(&k, 100);
	for (i = 1; i < 36; i++) {
		k.ext[i] = k.ext[0];
		k.h.len += 100;
	}
	k.h.nr_extents = 36;
	k.ext[35].name = 1ull << 28;
	drop_extent(&k, "last_of_36_bad", "");

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		make_ext(&k, 100);
		k.ext[0].type = types[i];
		snprintf(name, sizeof(name), "%u", types[i]);
		drop_extent(&k, "type_", name);
	}
	make_ext(&k, 100);
	k.ext[0].offset = PAGE_SIZE;
	drop_extent(&k, "offset_4096", "");
	make_ext(&k, 100);
	k.ext[0].offset = ~0u;
	drop_extent(&k, "offset_4g", "");
	make_ext(&k, 100);
	k.ext[0].len = 0;
	k.h.len = 60;
	drop_extent(&k, "empty", "");

	/* References. */
	expect(issue(virt_to_gfn(payload), 0, 0, &ref), 0,
	       "payload_is_issued");
	make_ext(&k, 100);
	k.ext[0].type = HICAMP_EXT_REF;
	k.ext[0].name = ref;
	k.ext[0].offset = PAGE_SIZE - 99;
	drop_extent(&k, "beyond_run", "");
	k.ext[0].offset = ~0u - 50;
	drop_extent(&k, "offset_wraps", "");
	k.ext[0].offset = 0;
	k.ext[0].name = ref | 1ull << 32;
	drop_extent(&k, "reference_of_33_bits", "");
	k.ext[0].name = ref + (1u << 20);
	drop_extent(&k, "reference_of_next_generation", "");
	k.ext[0].name = 0;
	drop_extent(&k, "reference_0", "");
	k.ext[0].name = ~0u;
	drop_extent(&k, "reference_ffffffff", "");
	expect(revoke(ref), 0, "payload_is_revoked");
	k.ext[0].name = ref;
	drop_extent(&k, "reference_revoked", "");
}

/* ---- Good packets ------------------------------------------------------- */

static void good(void)
{
	struct packet k, got;
	unsigned int i;
	bool same = true;
	u32 ref;

	for (i = 0; i < PAGE_SIZE; i++)
		payload[i] = i * 7;

	/* To nobody: counted as upcall, and completed. */
	make_ext(&k, 1000);
	k.bytes[0] = 2;
	k.bytes[5] = 0x99;
	count_tx(&k);
	COUNT(&port_a, upcalls, 1);
	expect(send(&k), 0, "packet_to_nobody");
	expect_true(taken() && completed(&k, HICAMP_COMP_OK),
		    "packet_to_nobody_is_completed");

	/* 36 extents, as many as there may be, to B. */
	expect(issue(virt_to_gfn(buffer), 0, HICAMP_RUN_RW, &ref), 0,
	       "buffer_is_issued");
	post(&port_b, ref, 0, PAGE_SIZE, 0xf111);
	make_ext(&k, 100);
	for (i = 1; i < HICAMP_EXTENTS_MAX; i++) {
		k.ext[i] = k.ext[0];
		k.ext[i].offset = i * 100;
		k.h.len += 100;
	}
	k.h.nr_extents = HICAMP_EXTENTS_MAX;
	count_tx(&k);
	expect(send(&k), 0, "packet_of_36_extents");
	expect_true(taken() && completed(&k, HICAMP_COMP_OK),
		    "packet_of_36_extents_is_completed");
	expect_true(receive(&port_b, &got) && got.h.len == k.h.len &&
		    got.h.inline_len == 60 && got.h.nr_extents == 1 &&
		    got.ext[0].name == 0xf111 && got.ext[0].len == 3600 &&
		    got.ext[0].type == HICAMP_EXT_FILL &&
		    !memcmp(got.bytes, k.bytes, 60),
		    "packet_of_36_extents_is_delivered");
	for (i = 0; i < 3600; i++)
		same = same && buffer[i] == (u8)(i * 7);
	expect_true(same, "packet_of_36_extents_is_intact");
	expect(revoke(ref), 0, "buffer_is_revoked");
}

/* Buffers that are none are skipped and counted. */
static void bad_fills(void)
{
	u32 stale, readonly, ref;
	struct packet k, got;

	expect(issue(virt_to_gfn(buffer), 0, HICAMP_RUN_RW, &stale) ?:
	       revoke(stale) ?:
	       issue(virt_to_gfn(buffer), 0, 0, &readonly) ?:
	       issue(virt_to_gfn(buffer), 0, HICAMP_RUN_RW, &ref), 0,
	       "buffers_are_issued");
	post(&port_b, stale, 0, PAGE_SIZE, 1);
	post(&port_b, readonly, 0, PAGE_SIZE, 2);
	post(&port_b, ref, 0, HICAMP_FILL_MIN - 1, 3);
	post(&port_b, ref, 0, 0, 4);
	post(&port_b, ref, 1, PAGE_SIZE, 5);
	post(&port_b, ref, PAGE_SIZE, HICAMP_FILL_MIN, 6);
	post(&port_b, ref, ~0u, HICAMP_FILL_MIN, 7);
	post(&port_b, ref, HICAMP_FILL_MIN, ~0u - HICAMP_FILL_MIN + 1, 8);
	post(&port_b, 0, 0, PAGE_SIZE, 9);
	post(&port_b, ~0u, 0, PAGE_SIZE, 10);
	post(&port_b, ref, 0, HICAMP_FILL_MIN, 11);
	COUNT(&port_b, bad_fill, 10);
	memset(buffer, 0xee, PAGE_SIZE);
	make_ext(&k, HICAMP_FILL_MIN);
	count_tx(&k);
	expect(send(&k), 0, "packet_to_bad_buffers");
	expect_true(taken() && completed(&k, HICAMP_COMP_OK),
		    "packet_to_bad_buffers_is_completed");
	expect_true(receive(&port_b, &got) && got.h.nr_extents == 1 &&
		    got.ext[0].name == 11 &&
		    got.ext[0].len == HICAMP_FILL_MIN,
		    "packet_goes_to_the_one_good_buffer");
	expect_true(!memcmp(buffer, payload, HICAMP_FILL_MIN) &&
		    buffer[HICAMP_FILL_MIN] == 0xee,
		    "nothing_is_written_behind_the_buffer");
	expect(revoke(readonly) ?: revoke(ref), 0, "buffers_are_revoked");
}

/* ---- Taking back -------------------------------------------------------- */

static long reattach(struct port *p)
{
	return detach(p) ?: attach(p);
}

/*
 * The payload is written after it has been taken back, then B gets a buffer:
 * it reads what was there when the packet was sent.
 */
static void late(u32 buf, u8 want, const char *name)
{
	struct packet got;

	memset(payload, 0xaa, PAGE_SIZE);
	memset(buffer, 0xee, PAGE_SIZE);
	post(&port_b, buf, 0, PAGE_SIZE, 1);
	expect(doorbell(&port_b, HICAMP_DOORBELL_RX), 0,
	       "buffer_for_%s_packet", name);
	expect_true(receive(&port_b, &got) && got.h.nr_extents == 1 &&
		    got.ext[0].len == 1000 &&
		    !memchr_inv(buffer, want, 1000),
		    "%s_packet_is_as_it_was_sent", name);
}

static void taking_back(void)
{
	struct packet k;
	u32 ref, buf;

	/* B has no buffer: what needs one waits. */
	expect(issue(virt_to_gfn(payload), 0, 0, &ref) ?:
	       issue(virt_to_gfn(buffer), 0, HICAMP_RUN_RW, &buf), 0,
	       "frames_are_issued");

	/* Revoked while it waits. */
	make_ext(&k, 1000);
	k.ext[0].type = HICAMP_EXT_REF;
	k.ext[0].name = ref;
	count_tx(&k);
	memset(payload, 0x11, PAGE_SIZE);
	expect(send(&k), 0, "packet_waits_for_buffer");
	expect(revoke(ref), 0, "revoke_while_packet_waits");
	expect_true(taken() && completed(&k, HICAMP_COMP_OK),
		    "revoke_completes_its_packet");
	late(buf, 0x11, "revoked");

	/* Nobody revokes, and B does not move: it comes back all the same. */
	make_ext(&k, 1000);
	count_tx(&k);
	memset(payload, 0x22, PAGE_SIZE);
	expect(send(&k), 0, "packet_waits_to_get_old");
	msleep(50);
	expect_true(completed(&k, HICAMP_COMP_OK), "old_packet_is_completed");
	late(buf, 0x22, "old");

	/* The sender detaches while it waits. */
	count_tx(&k);
	memset(payload, 0x33, PAGE_SIZE);
	expect(send(&k), 0, "packet_waits_for_its_sender_to_go");
	expect(detach(&port_a), 0, "sender_detaches");
	late(buf, 0x33, "gone_senders");
	expect(attach(&port_a), 0, "sender_attaches_again");

	/* The receiver detaches while it waits. */
	expect(reattach(&port_b), 0, "receiver_attaches_anew");
	make_ext(&k, 1000);
	count_tx(&k);
	COUNT(&port_b, drop_detach, 1);
	expect(send(&k), 0, "packet_waits_for_its_receiver_to_go");
	expect(detach(&port_b), 0, "receiver_detaches");
	expect_true(completed(&k, HICAMP_COMP_OK),
		    "packet_to_gone_receiver_is_completed");

	/* To a port that is not attached. */
	count_tx(&k);
	COUNT(&port_a, drop_noport, 1);
	expect(send(&k), 0, "packet_to_detached_port");
	expect_true(completed(&k, HICAMP_COMP_OK),
		    "packet_to_detached_port_is_completed");
	expect(attach(&port_b), 0, "receiver_attaches_again");
	expect(revoke(buf), 0, "buffer_of_receiver_is_revoked");
}

/* ---- Rings -------------------------------------------------------------- */

/* The comp ring is never consumed: the tx ring stops, and goes on later. */
static void no_completions(void)
{
	struct packet k;
	unsigned int i;
	u32 seen;

	make_ext(&k, 100);
	k.bytes[5] = 0x99;	/* to nobody */
	for (i = 0; i < RING + 10; i++) {
		count_tx(&k);
		COUNT(&port_a, upcalls, 1);
		send(&k);
	}
	seen = READ_ONCE(port_a.ctrl->comp_prod) - port_a.comp_cons;
	expect(seen, RING, "comp_ring_is_never_overrun");
	expect_true(!taken(), "rest_stays_in_the_tx_ring");
	port_a.ctrl->comp_cons = port_a.comp_cons += seen;
	expect(doorbell(&port_a, HICAMP_DOORBELL_TX), 0,
	       "doorbell_after_completions_were_consumed");
	expect_true(taken(), "rest_is_taken_then");
	seen = READ_ONCE(port_a.ctrl->comp_prod) - port_a.comp_cons;
	expect(seen, 10, "rest_is_completed");
	port_a.ctrl->comp_cons = port_a.comp_cons += seen;
}

/* The rx ring is never consumed: packets wait, then are dropped. */
static void no_reader(void)
{
	unsigned int i, sent = 0, got = 0;
	struct packet k, rx;

	make(&k, 60);
	for (i = 0; i < 600; i++) {
		count_tx(&k);
		if (!send(&k) && taken())
			sent++;
	}
	expect(sent, 600, "sender_is_not_held_by_a_full_receiver");
	while (receive(&port_b, &rx)) {
		got++;
		if (!(got % 8))
			doorbell(&port_b, HICAMP_DOORBELL_RX);
	}
	expect_true(got > RING / 2 - 6 && got < 600,
		    "full_receiver_got_some_of_them");
	COUNT(&port_b, drop_queue, 600 - got);
}

/* An index that jumps stops its ring, counted, until the next attach. */
static void jump(struct port *p, u32 *index, u32 value, unsigned int what,
		 const char *name, unsigned int packets)
{
	struct packet k;
	unsigned int i;

	WRITE_ONCE(*index, value);
	make_ext(&k, 100);
	for (i = 0; i < packets; i++) {
		if (p == &port_b)
			count_tx(&k);
		send(&k);
	}
	doorbell(p, what);
	COUNT(p, ring_errors, 1);
	expect(doorbell(p, what), -EIO, "%s_stops_the_ring", name);
	if (p == &port_b)
		COUNT(&port_b, drop_detach, packets);
	expect(reattach(p), 0, "%s_is_forgotten_with_attach", name);
	/* A's completion of what B dropped, or rings anew. */
	port_a.ctrl->comp_cons = port_a.comp_cons =
		READ_ONCE(port_a.ctrl->comp_prod);
}

static void jumps(void)
{
	/* Produced more than fits; consumed what was never there. */
	static const u32 prod[] = { RING + 1, 1u << 31, ~0u };
	static const u32 cons[] = { 1, RING + 1, 1u << 31 };
	char name[32];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(prod); i++) {
		expect(reattach(&port_a) ?: reattach(&port_b), 0,
		       "ports_are_fresh_for_jump_%u", i);
		snprintf(name, sizeof(name), "tx_prod_%u", prod[i]);
		jump(&port_a, &port_a.ctrl->tx_prod, prod[i],
		     HICAMP_DOORBELL_TX, name, 0);
		snprintf(name, sizeof(name), "comp_cons_%u", cons[i]);
		jump(&port_a, &port_a.ctrl->comp_cons, cons[i],
		     HICAMP_DOORBELL_TX, name, 1);
		snprintf(name, sizeof(name), "fill_prod_%u", prod[i]);
		jump(&port_b, &port_b.ctrl->fill_prod, prod[i],
		     HICAMP_DOORBELL_RX, name, 1);
		snprintf(name, sizeof(name), "rx_cons_%u", cons[i]);
		jump(&port_b, &port_b.ctrl->rx_cons, cons[i],
		     HICAMP_DOORBELL_RX, name, 1);
	}
}

/* After all that, the pair still works. */
static void after(void)
{
	struct packet k, got;

	make(&k, 60);
	count_tx(&k);
	expect(send(&k), 0, "packet_after_all");
	expect_true(receive(&port_b, &got) && !memcmp(got.bytes, k.bytes, 60),
		    "packet_after_all_is_delivered");
}

void group_tx(void)
{
	payload = (void *)__get_free_page(GFP_KERNEL | __GFP_ZERO);
	buffer = (void *)__get_free_page(GFP_KERNEL | __GFP_ZERO);
	if (!payload || !buffer)
		return;
	expect(attach(&port_a) ?: attach(&port_b), 0, "ports_attach");

	malformed();
	headers();
	extents();
	good();
	bad_fills();
	taking_back();
	no_completions();
	no_reader();
	jumps();
	after();

	expect(detach(&port_a), 0, "a_detaches");
	expect(detach(&port_b), 0, "b_detaches");
	free_page((ulong)payload);
	free_page((ulong)buffer);
	done("tx");
}
