// SPDX-License-Identifier: GPL-2.0-only
/*
 * From tc's words to the hypervisor's: one flower rule, one flow.
 *
 * Lives here: what of a rule's match and actions the switch can express. What
 * it cannot is refused with a message, and whoever installed the rule (Open
 * vSwitch) has it served in software.
 *
 * Invariant: a flow never matches a packet that its rule does not match. What
 * tc leaves unsaid because it asks for it elsewhere (a rule for IPv4 is not
 * asked about tagged packets) is said in the flow.
 *
 * Who may call: tc.c.
 */
#include <linux/if_vlan.h>
#include <net/flow_dissector.h>
#include <net/flow_offload.h>
#include <net/pkt_cls.h>

#include <hicamp.h>

#include "tc.h"

#define KEY(name)	BIT(FLOW_DISSECTOR_KEY_##name)
#define KEYS_KNOWN	(KEY(CONTROL) | KEY(BASIC) | KEY(ETH_ADDRS) | \
			 KEY(VLAN) | KEY(CVLAN) | KEY(IPV4_ADDRS) | \
			 KEY(IPV6_ADDRS) | KEY(IP) | KEY(PORTS) | KEY(TCP) | \
			 KEY(ICMP) | KEY(ARP))

#define TAGGED		cpu_to_be16(HICAMP_VLAN_PRESENT)

/* Bits that stand for themselves: into key and mask. */
#define SET(flow, field, k, m) do {				\
	(flow)->mask.field = (m);				\
	(flow)->key.field = (k) & (m);				\
} while (0)

static void set_bytes(u8 *key, u8 *mask, const void *k, const void *m,
		      size_t len)
{
	const u8 *from = k, *bits = m;
	size_t i;

	for (i = 0; i < len; i++) {
		mask[i] = bits[i];
		key[i] = from[i] & bits[i];
	}
}

#define SET_BYTES(flow, field, k, m, len) \
	set_bytes((u8 *)&(flow)->key.field, (u8 *)&(flow)->mask.field, k, m, \
		  len)

/* ---- Match ------------------------------------------------------------- */

/* A tag's match, or that there is none. */
static void match_tag(const struct flow_match_vlan *m, __be16 *key_tci,
		      __be16 *mask_tci, __be16 *key_tpid, __be16 *mask_tpid)
{
	u16 k = HICAMP_VLAN_PRESENT, bits = HICAMP_VLAN_PRESENT;

	k |= m->key->vlan_id | m->key->vlan_priority << VLAN_PRIO_SHIFT;
	bits |= m->mask->vlan_id | m->mask->vlan_priority << VLAN_PRIO_SHIFT;
	*mask_tci = cpu_to_be16(bits);
	*key_tci = cpu_to_be16(k & bits);
	*mask_tpid = m->mask->vlan_tpid;
	*key_tpid = m->key->vlan_tpid & m->mask->vlan_tpid;
}

static int match_tags(struct flow_rule *rule, struct hicamp_flow *flow,
		      bool typed, struct netlink_ext_ack *extack)
{
	struct flow_match_vlan m;

	/* A rule for one type of payload is for untagged packets. */
	flow->mask.vlan_tci = typed ? TAGGED : 0;
	flow->mask.cvlan_tci = 0;

	if (flow_rule_match_key(rule, FLOW_DISSECTOR_KEY_VLAN)) {
		flow_rule_match_vlan(rule, &m);
		match_tag(&m, &flow->key.vlan_tci, &flow->mask.vlan_tci,
			  &flow->key.vlan_tpid, &flow->mask.vlan_tpid);
		flow->mask.cvlan_tci = typed ? TAGGED : 0;
	}
	if (flow_rule_match_key(rule, FLOW_DISSECTOR_KEY_CVLAN)) {
		if (!flow->key.vlan_tci) {
			NL_SET_ERR_MSG(extack, "inner tag without outer tag");
			return -EOPNOTSUPP;
		}
		flow_rule_match_cvlan(rule, &m);
		match_tag(&m, &flow->key.cvlan_tci, &flow->mask.cvlan_tci,
			  &flow->key.cvlan_tpid, &flow->mask.cvlan_tpid);
	}
	return 0;
}

/* Fragments; which addresses there are. */
static int match_control(struct flow_rule *rule, struct hicamp_flow *flow,
			 u16 *addr_type, struct netlink_ext_ack *extack)
{
	struct flow_match_control m;

	*addr_type = 0;
	if (!flow_rule_match_key(rule, FLOW_DISSECTOR_KEY_CONTROL))
		return 0;

	flow_rule_match_control(rule, &m);
	*addr_type = m.key->addr_type;
	if (m.mask->flags & ~(FLOW_DIS_IS_FRAGMENT | FLOW_DIS_FIRST_FRAG)) {
		NL_SET_ERR_MSG(extack, "control flags other than fragments");
		return -EOPNOTSUPP;
	}
	if (m.mask->flags & FLOW_DIS_IS_FRAGMENT) {
		flow->mask.ip_frag |= HICAMP_FRAG_ANY;
		if (m.key->flags & FLOW_DIS_IS_FRAGMENT)
			flow->key.ip_frag |= HICAMP_FRAG_ANY;
	}
	if (m.mask->flags & FLOW_DIS_FIRST_FRAG) {
		flow->mask.ip_frag |= HICAMP_FRAG_LATER;
		if (!(m.key->flags & FLOW_DIS_FIRST_FRAG))
			flow->key.ip_frag |= HICAMP_FRAG_LATER;
	}
	return 0;
}

static void match_addresses(struct flow_rule *rule, struct hicamp_flow *flow,
			    u16 addr_type)
{
	/* A rule may have both kinds: one is in use. */
	if (addr_type == FLOW_DISSECTOR_KEY_IPV4_ADDRS &&
	    flow_rule_match_key(rule, FLOW_DISSECTOR_KEY_IPV4_ADDRS)) {
		struct flow_match_ipv4_addrs m;

		flow_rule_match_ipv4_addrs(rule, &m);
		SET_BYTES(flow, ip_src, &m.key->src, &m.mask->src, 4);
		SET_BYTES(flow, ip_dst, &m.key->dst, &m.mask->dst, 4);
	}
	if (addr_type == FLOW_DISSECTOR_KEY_IPV6_ADDRS &&
	    flow_rule_match_key(rule, FLOW_DISSECTOR_KEY_IPV6_ADDRS)) {
		struct flow_match_ipv6_addrs m;

		flow_rule_match_ipv6_addrs(rule, &m);
		SET_BYTES(flow, ip_src, &m.key->src, &m.mask->src, 16);
		SET_BYTES(flow, ip_dst, &m.key->dst, &m.mask->dst, 16);
	}
	if (flow_rule_match_key(rule, FLOW_DISSECTOR_KEY_IP)) {
		struct flow_match_ip m;

		flow_rule_match_ip(rule, &m);
		SET(flow, ip_tos, m.key->tos, m.mask->tos);
		SET(flow, ip_ttl, m.key->ttl, m.mask->ttl);
	}
}

/* There is no flow_rule_match_arp(). */
static void match_arp(struct flow_rule *rule, struct hicamp_flow *flow)
{
	const struct flow_dissector_key_arp *k, *m;

	k = skb_flow_dissector_target(rule->match.dissector,
				      FLOW_DISSECTOR_KEY_ARP, rule->match.key);
	m = skb_flow_dissector_target(rule->match.dissector,
				      FLOW_DISSECTOR_KEY_ARP, rule->match.mask);
	SET_BYTES(flow, ip_src, &k->sip, &m->sip, 4);
	SET_BYTES(flow, ip_dst, &k->tip, &m->tip, 4);
	SET(flow, ip_proto, k->op, m->op);
	SET_BYTES(flow, arp_sha, k->sha, m->sha, ETH_ALEN);
	SET_BYTES(flow, arp_tha, k->tha, m->tha, ETH_ALEN);
}

static void match_l4(struct flow_rule *rule, struct hicamp_flow *flow)
{
	if (flow_rule_match_key(rule, FLOW_DISSECTOR_KEY_PORTS)) {
		struct flow_match_ports m;

		flow_rule_match_ports(rule, &m);
		SET(flow, l4_src, m.key->src, m.mask->src);
		SET(flow, l4_dst, m.key->dst, m.mask->dst);
	}
	if (flow_rule_match_key(rule, FLOW_DISSECTOR_KEY_TCP)) {
		struct flow_match_tcp m;

		flow_rule_match_tcp(rule, &m);
		SET(flow, tcp_flags, m.key->flags, m.mask->flags);
	}
	if (flow_rule_match_key(rule, FLOW_DISSECTOR_KEY_ICMP)) {
		struct flow_match_icmp m;

		flow_rule_match_icmp(rule, &m);
		SET(flow, l4_src, cpu_to_be16(m.key->type),
		    cpu_to_be16(m.mask->type));
		SET(flow, l4_dst, cpu_to_be16(m.key->code),
		    cpu_to_be16(m.mask->code));
	}
}

static int translate_match(struct flow_cls_offload *f, struct hicamp_flow *flow)
{
	struct flow_rule *rule = flow_cls_offload_flow_rule(f);
	struct netlink_ext_ack *extack = f->common.extack;
	bool typed = false;
	u16 addr_type;
	int err;

	if (rule->match.dissector->used_keys & ~KEYS_KNOWN) {
		NL_SET_ERR_MSG(extack, "match on a field that the switch does not know");
		return -EOPNOTSUPP;
	}
	if (flow_rule_match_key(rule, FLOW_DISSECTOR_KEY_BASIC)) {
		struct flow_match_basic m;

		flow_rule_match_basic(rule, &m);
		typed = m.mask->n_proto;
		if (typed && eth_type_vlan(m.key->n_proto)) {
			NL_SET_ERR_MSG(extack, "tagged packets without the type of their payload");
			return -EOPNOTSUPP;
		}
		SET(flow, eth_type, m.key->n_proto, m.mask->n_proto);
		SET(flow, ip_proto, m.key->ip_proto, m.mask->ip_proto);
	}
	if (flow_rule_match_key(rule, FLOW_DISSECTOR_KEY_ETH_ADDRS)) {
		struct flow_match_eth_addrs m;

		flow_rule_match_eth_addrs(rule, &m);
		SET_BYTES(flow, eth_dst, m.key->dst, m.mask->dst, ETH_ALEN);
		SET_BYTES(flow, eth_src, m.key->src, m.mask->src, ETH_ALEN);
	}
	err = match_tags(rule, flow, typed, extack);
	if (!err)
		err = match_control(rule, flow, &addr_type, extack);
	if (err)
		return err;

	match_addresses(rule, flow, addr_type);
	if (flow_rule_match_key(rule, FLOW_DISSECTOR_KEY_ARP))
		match_arp(rule, flow);
	match_l4(rule, flow);
	return 0;
}

/* ---- Actions ----------------------------------------------------------- */

/* A list of actions being written; set is the one that can still grow. */
struct writer {
	u8 *list;
	u32 bytes, room;
	struct hicamp_act_set *set;
	struct netlink_ext_ack *extack;
};

static void *add_item(struct writer *w, u16 type, u32 arg, u32 more)
{
	struct hicamp_action *item = (void *)(w->list + w->bytes);

	if (w->bytes + sizeof(*item) + more > w->room) {
		NL_SET_ERR_MSG(w->extack, "too many actions");
		return NULL;
	}
	item->type = type;
	item->bytes = sizeof(*item) + more;
	item->arg = arg;
	memset(item + 1, 0, more);
	w->bytes += item->bytes;
	w->set = NULL;
	return item + 1;
}

static int add_output(struct writer *w, const struct net_device *dev)
{
	u32 port = hicamp_rep_port(dev);

	if (!port) {
		NL_SET_ERR_MSG(w->extack, "output to what is no port of the switch");
		return -EOPNOTSUPP;
	}
	return add_item(w, HICAMP_ACT_OUTPUT, port, 0) ? 0 : -EOPNOTSUPP;
}

static int add_push(struct writer *w, __be16 proto, u16 vid, u8 prio)
{
	u32 tci = vid | prio << VLAN_PRIO_SHIFT;

	return add_item(w, HICAMP_ACT_PUSH_VLAN,
			(u32)be16_to_cpu(proto) << 16 | tci, 0) ?
	       0 : -EOPNOTSUPP;
}

/* The set of fields that follows what was done before. */
static struct hicamp_act_set *the_set(struct writer *w)
{
	if (!w->set)
		w->set = add_item(w, HICAMP_ACT_SET, 0, sizeof(*w->set));
	return w->set;
}

static int set_vlan(struct writer *w, u16 vid, u8 prio)
{
	struct hicamp_act_set *set = the_set(w);

	if (!set)
		return -EOPNOTSUPP;
	set->mask.vlan_tci = cpu_to_be16(VLAN_VID_MASK | VLAN_PRIO_MASK);
	set->value.vlan_tci = cpu_to_be16(vid | prio << VLAN_PRIO_SHIFT);
	return 0;
}

/* One byte of a header, where pedit counts, in the fields of a flow. */
static u8 *field_of(struct hicamp_flow_key *k, enum flow_action_mangle_base h,
		    unsigned int at)
{
	switch (h) {
	case FLOW_ACT_MANGLE_HDR_TYPE_ETH:
		return at < 6 ? &k->eth_dst[at] :
		       at < 12 ? &k->eth_src[at - 6] : NULL;
	case FLOW_ACT_MANGLE_HDR_TYPE_IP4:
		return at == 1 ? &k->ip_tos : at == 8 ? &k->ip_ttl :
		       at >= 12 && at < 16 ? &k->ip_src[at - 12] :
		       at >= 16 && at < 20 ? &k->ip_dst[at - 16] : NULL;
	case FLOW_ACT_MANGLE_HDR_TYPE_IP6:
		return at == 7 ? &k->ip_ttl :
		       at >= 8 && at < 24 ? &k->ip_src[at - 8] :
		       at >= 24 && at < 40 ? &k->ip_dst[at - 24] : NULL;
	case FLOW_ACT_MANGLE_HDR_TYPE_TCP:
	case FLOW_ACT_MANGLE_HDR_TYPE_UDP:
		return at < 2 ? (u8 *)&k->l4_src + at :
		       at < 4 ? (u8 *)&k->l4_dst + at - 2 : NULL;
	default:
		return NULL;
	}
}

/* pedit: four bytes at offset, of which mask says what stays. */
static int mangle(struct writer *w, const struct flow_action_entry *act)
{
	u32 value = act->mangle.val, mask = ~act->mangle.mask;
	const u8 *v = (u8 *)&value, *m = (u8 *)&mask;
	struct hicamp_act_set *set = the_set(w);
	unsigned int i;

	if (!set)
		return -EOPNOTSUPP;
	for (i = 0; i < 4; i++) {
		unsigned int at = act->mangle.offset + i;
		u8 *to, *bits;

		if (!m[i])
			continue;
		to = field_of(&set->value, act->mangle.htype, at);
		bits = field_of(&set->mask, act->mangle.htype, at);
		if (!to) {
			NL_SET_ERR_MSG(w->extack, "a field that the switch cannot set");
			return -EOPNOTSUPP;
		}
		*bits |= m[i];
		*to = (*to & ~m[i]) | (v[i] & m[i]);
	}
	return 0;
}

/* A policer that rules share (tc actions add action police ... index N). */
static int add_meter(struct writer *w, const struct flow_action_entry *act)
{
	if (!hicamp_tc_meter_exists(act->hw_index)) {
		NL_SET_ERR_MSG(w->extack, "policer that the switch does not have");
		return -EOPNOTSUPP;
	}
	return add_item(w, HICAMP_ACT_METER, act->hw_index, 0) ?
	       0 : -EOPNOTSUPP;
}

/*
 * One action. Edits come before outputs, or the switch refuses the flow.
 *
 * Return: 0, 1 if it ends the packet's way, or an error.
 */
static int translate_one(struct writer *w, const struct flow_action_entry *act)
{
	int err;

	switch (act->id) {
	case FLOW_ACTION_DROP:
		return 1;
	case FLOW_ACTION_REDIRECT:
		err = add_output(w, act->dev);
		return err ?: 1;
	case FLOW_ACTION_MIRRED:
		return add_output(w, act->dev);
	case FLOW_ACTION_VLAN_PUSH:
		return add_push(w, act->vlan.proto, act->vlan.vid,
				act->vlan.prio);
	case FLOW_ACTION_VLAN_POP:
		return add_item(w, HICAMP_ACT_POP_VLAN, 0, 0) ? 0 : -EOPNOTSUPP;
	case FLOW_ACTION_VLAN_MANGLE:
		return set_vlan(w, act->vlan.vid, act->vlan.prio);
	case FLOW_ACTION_MANGLE:
		return mangle(w, act);
	case FLOW_ACTION_POLICE:
		return add_meter(w, act);
	case FLOW_ACTION_CSUM:	/* the switch repairs what it changes */
		return 0;
	default:
		NL_SET_ERR_MSG(w->extack, "action that the switch does not know");
		return -EOPNOTSUPP;
	}
}

static int translate_actions(struct flow_cls_offload *f, void *list, u32 room)
{
	struct flow_rule *rule = flow_cls_offload_flow_rule(f);
	struct writer w = {
		.list = list,
		.room = room,
		.extack = f->common.extack,
	};
	const struct flow_action_entry *act;
	int i, rc = 0;

	if (!flow_action_has_entries(&rule->action)) {
		NL_SET_ERR_MSG(w.extack, "rule without an action");
		return -EOPNOTSUPP;
	}
	if (!flow_action_basic_hw_stats_check(&rule->action, w.extack))
		return -EOPNOTSUPP;

	flow_action_for_each(i, act, &rule->action) {
		if (rc) {
			NL_SET_ERR_MSG(w.extack, "action behind the last one");
			return -EOPNOTSUPP;
		}
		rc = translate_one(&w, act);
		if (rc < 0)
			return rc;
	}
	/* After a mirred the packet would go on in software. */
	if (!rc) {
		NL_SET_ERR_MSG(w.extack, "rule that does not end the packet's way");
		return -EOPNOTSUPP;
	}
	return w.bytes;
}

int hicamp_tc_translate(struct flow_cls_offload *f, u32 in_port,
			struct hicamp_flow *flow, void *list, u32 room)
{
	int err;

	memset(flow, 0, sizeof(*flow));
	flow->key.in_port = in_port;
	flow->mask.in_port = ~0;
	err = translate_match(f, flow);
	if (err)
		return err;

	err = translate_actions(f, list, room);
	if (err < 0)
		return err;
	flow->actions = (unsigned long)list;
	flow->actions_bytes = err;
	flow->cookie = f->cookie;
	return 0;
}
