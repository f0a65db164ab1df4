/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Header bytes to flow key.
 */

#ifndef HICAMP_KEY_H
#define HICAMP_KEY_H

#include "private.h"

#define ETHERTYPE_IPV4  0x0800
#define ETHERTYPE_ARP   0x0806
#define ETHERTYPE_RARP  0x8035
#define ETHERTYPE_VLAN  0x8100
#define ETHERTYPE_IPV6  0x86dd
#define ETHERTYPE_SVLAN 0x88a8

#define PROTO_ICMP      1
#define PROTO_TCP       6
#define PROTO_UDP       17
#define PROTO_ICMPV6    58
#define PROTO_SCTP      132

/* Where the headers are, in bytes from the frame's begin; 0: there is none. */
struct hicamp_key_offsets {
    uint16_t l3;        /* behind the type field, so behind all VLAN tags */
    uint16_t l4;        /* of a packet that is no later fragment */
    uint16_t payload;   /* behind a TCP, UDP, SCTP, ICMP or ICMPv6 header */
    uint8_t  l4_proto;  /* IP protocol behind extension headers */
    uint8_t  pad;
};

/*
 * Flow key and offsets of a frame of len bytes, of which the first inline_len
 * stand at hdr; the others are never read.  hdr needs no alignment, and must
 * not change meanwhile (it is Xen's own copy).  *key and *off are written
 * wholly, also on error.  Takes no lock; any context.
 *
 * What a frame is too short for, or what contradicts itself, is no error: the
 * fields of that header, and of those behind it, are zero, as with Open
 * vSwitch, whose flow_extract() decides alike, so that a flow made from a
 * packet that came up matches the packets that follow.  Further, as there:
 *   - a later fragment has no L4 fields; in IPv6 its ip_proto is 44
 *   - RARP is like ARP; an ARP operation above 255 is 0
 * and unlike there an IEEE 802.3 length, where Ethernet II has the type, makes
 * eth_type 0.
 *
 *   -EINVAL   len is less than an Ethernet header
 *   -ENODATA  a header stands in the frame, but not wholly in the first
 *             inline_len bytes; or there are more than KEY_EXT_MAX IPv6
 *             extension headers
 */
int hicamp_key_extract(const uint8_t *hdr, unsigned int inline_len,
                       unsigned int len, uint32_t in_port,
                       struct hicamp_flow_key *key,
                       struct hicamp_key_offsets *off);

#define KEY_EXT_MAX     16

/*
 * A hash of what makes a flow: addresses, protocol and L4 ports, of a fragment
 * the addresses alone, of what is not IP the hardware addresses.  All bits are
 * equally good.  Not secret: who sends can tell which queue of a port it is
 * for.
 */
uint32_t hicamp_key_hash(const struct hicamp_flow_key *key);

#endif /* HICAMP_KEY_H */
