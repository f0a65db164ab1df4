// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module, and a vif's way through xenbus
 *
 * Lives here: probe, remove, resume, the handshake with hicamp-netback.
 *
 *   backend                          frontend (here)
 *   creates the port in Xen
 *   hicamp-abi = 1, InitWait
 *                                    attaches to the port, hicamp-abi = 1,
 *                                    hicamp-port = <id>; Connected
 *   follows: Connected               carrier on
 *   Closing                          carrier off, detaches, Closed
 *   vanishes                         keeps everything: installed flows go on
 *   InitWait again, perhaps at       keeps its rings if Xen still serves them,
 *   another path                     attaches anew if not; Connected
 *
 * Invariants:
 *  - Only vifs whose backend names the script vif-hicamp are ours, and only
 *    where Xen speaks hicamp; the stock driver is offered all others.
 *  - Backend events come one at a time (xenwatch), so nothing here races but
 *    with ethtool and the network core: rtnl stands between.
 *
 * Called by: xenbus.
 */

#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <linux/string.h>
#include <xen/xen.h>
#include <xen/xenbus.h>

#include "hicamp_netfront.h"

#define HNF_SCRIPT		"vif-hicamp"
#define HNF_CLOSE_MS		2000	/* wait so long for the backend */

/* Is the vif meant for us?  The toolstack wrote script before the device. */
static bool hnf_is_ours(struct xenbus_device *dev)
{
	char *script = xenbus_read(XBT_NIL, dev->otherend, "script", NULL);
	bool ours;

	if (IS_ERR(script))
		return false;
	ours = !strcmp(kbasename(script), HNF_SCRIPT);
	kfree(script);
	return ours;
}

/* Ask Xen whether, and what, it speaks; the limits that it states. */
static int hnf_handshake(struct xenbus_device *dev, struct hicamp_version *v)
{
	int err;

	err = hicamp_handshake(v);
	if (err == -EOPNOTSUPP) {
		dev_err(&dev->dev, "Xen speaks version %u of hicamp, not %u\n",
			v->version, HICAMP_ABI_VERSION);
		return -ENODEV;
	}
	if (err) {	/* the call does not exist: it is said to be unknown */
		dev_info(&dev->dev,
			 "no hicamp in this Xen: %d (built in? booted with hicamp=on?)\n",
			 err);
		return -ENODEV;
	}
	if (!(v->features & HICAMP_FEAT_TX_FRAME)) {
		dev_err(&dev->dev, "this Xen takes no frames to send\n");
		return -ENODEV;
	}
	return 0;
}

static int hnf_read_mac(struct xenbus_device *dev, u8 *mac)
{
	char *s = xenbus_read(XBT_NIL, dev->nodename, "mac", NULL);
	int err = 0;

	if (IS_ERR(s))
		return PTR_ERR(s);
	if (!mac_pton(s, mac) || !is_valid_ether_addr(mac))
		err = -EINVAL;
	kfree(s);
	return err;
}

/* Take the MTU that the toolstack or the backend names, once. */
static void hnf_read_mtu(struct hnf_port *np)
{
	struct xenbus_device *dev = np->xbdev;
	unsigned int mtu;

	if (np->mtu_known)
		return;
	mtu = xenbus_read_unsigned(dev->otherend, "mtu", 0);
	if (!mtu)
		mtu = xenbus_read_unsigned(dev->nodename, "mtu", 0);
	if (mtu < np->netdev->min_mtu || mtu > np->netdev->max_mtu)
		return;

	np->mtu_known = true;
	rtnl_lock();
	if (dev_set_mtu(np->netdev, mtu))
		netdev_warn(np->netdev, "cannot set MTU %u\n", mtu);
	rtnl_unlock();
}

/* Tell the backend that we are there; also when it has forgotten. */
static int hnf_announce(struct hnf_port *np)
{
	struct xenbus_device *dev = np->xbdev;
	int err;

	err = xenbus_printf(XBT_NIL, dev->nodename, "hicamp-abi", "%u",
			    HICAMP_ABI_VERSION);
	if (!err)
		err = xenbus_printf(XBT_NIL, dev->nodename, "hicamp-port",
				    "%u", np->id);
	if (err) {
		xenbus_dev_error(dev, err, "writing hicamp-port");
		return err;
	}
	if (dev->state != XenbusStateConnected)
		return xenbus_switch_state(dev, XenbusStateConnected);
	/* No change for us, but it must fire the new backend's watch. */
	return xenbus_printf(XBT_NIL, dev->nodename, "state", "%d",
			     XenbusStateConnected);
}

/* The backend has made the port: attach, unless we are and Xen serves us. */
static int hnf_connect(struct hnf_port *np)
{
	struct xenbus_device *dev = np->xbdev;
	unsigned int abi;
	int err = 0;

	abi = xenbus_read_unsigned(dev->otherend, "hicamp-abi", 0);
	if (abi != HICAMP_ABI_VERSION) {
		err = -EPROTO;
		xenbus_dev_error(dev, err,
				 "backend's hicamp-abi is %u, not %u: is hicamp-netback loaded?",
				 abi, HICAMP_ABI_VERSION);
		return err;
	}
	hnf_read_mtu(np);

	if (dev->state == XenbusStateClosed ||
	    dev->state == XenbusStateClosing)
		xenbus_switch_state(dev, XenbusStateInitialising);

	rtnl_lock();
	if (!hnf_port_alive(np)) {
		hnf_port_detach(np, false);
		err = hnf_port_attach(np);
	}
	rtnl_unlock();
	if (err) {
		netif_carrier_off(np->netdev);
		xenbus_dev_error(dev, err, "attaching to port %u", np->devid);
		return err;
	}
	return hnf_announce(np);
}

static void hnf_disconnect(struct hnf_port *np)
{
	netif_carrier_off(np->netdev);
	rtnl_lock();
	hnf_port_detach(np, false);
	rtnl_unlock();
}

/* The backend's state changed, or its path. */
static void hnf_backend_changed(struct xenbus_device *dev,
				enum xenbus_state state)
{
	struct hnf_port *np = dev_get_drvdata(&dev->dev);

	dev_dbg(&dev->dev, "backend: %s\n", xenbus_strstate(state));

	switch (state) {
	case XenbusStateInitWait:
		hnf_connect(np);
		break;

	case XenbusStateConnected:
		/* It may not have noticed that we began anew. */
		if (!np->attached && hnf_connect(np))
			break;
		netif_carrier_on(np->netdev);
		netdev_notify_peers(np->netdev);
		break;

	case XenbusStateClosed:
		/* An old backend's end, or that of one we missed closing. */
		if (dev->state != XenbusStateConnected)
			break;
		fallthrough;
	case XenbusStateClosing:
		hnf_disconnect(np);
		xenbus_frontend_closed(dev);
		break;

	case XenbusStateUnknown:	/* vanished: flows forward on */
	default:
		break;
	}
}

/*
 * The toolstack wrote a backend path: if it is another one (a new driver
 * domain), watch the state there.  xenbus does that only on resume.  Runs in
 * the xenwatch thread, as do all backend events; while the system suspends,
 * it is left to resume.
 */
static void hnf_backend_moved(struct xenbus_watch *watch, const char *path,
			      const char *token)
{
	struct hnf_port *np = container_of(watch, struct hnf_port,
					   backend_watch);
	struct xenbus_device *dev = np->xbdev;
	struct xenbus_watch *state = &dev->otherend_watch;
	bool (*will_handle)(struct xenbus_watch *w, const char *p,
			    const char *t) = state->will_handle;
	void (*callback)(struct xenbus_watch *w, const char *p,
			 const char *t) = state->callback;
	char *otherend;
	int id;

	if (dev->dev.power.is_prepared || !state->node)
		return;
	if (xenbus_gather(XBT_NIL, dev->nodename, "backend-id", "%i", &id,
			  "backend", NULL, &otherend, NULL))
		return;
	if (!strcmp(otherend, dev->otherend) ||
	    !xenbus_exists(XBT_NIL, otherend, "")) {
		kfree(otherend);
		return;
	}

	netdev_info(np->netdev, "backend is now %s\n", otherend);
	unregister_xenbus_watch(state);
	kfree(state->node);
	state->node = NULL;
	kfree(dev->otherend);
	dev->otherend = otherend;
	dev->otherend_id = id;
	if (xenbus_watch_pathfmt(dev, state, will_handle, callback, "%s/%s",
				 otherend, "state"))
		netdev_err(np->netdev, "cannot watch the new backend\n");
}

static int hnf_probe(struct xenbus_device *dev,
		     const struct xenbus_device_id *id)
{
	struct hicamp_version version;
	struct net_device *netdev;
	struct hnf_port *np;
	u8 mac[ETH_ALEN];
	int err;

	if (!hnf_is_ours(dev))
		return -ENODEV;
	err = hnf_handshake(dev, &version);
	if (err)
		return err;
	err = hnf_read_mac(dev, mac);
	if (err) {
		xenbus_dev_fatal(dev, err, "reading %s/mac", dev->nodename);
		return err;
	}

	netdev = hnf_port_alloc(&version);
	if (!netdev)
		return -ENOMEM;
	SET_NETDEV_DEV(netdev, &dev->dev);
	eth_hw_addr_set(netdev, mac);
	netif_carrier_off(netdev);

	np = netdev_priv(netdev);
	np->xbdev = dev;
	err = xenbus_scanf(XBT_NIL, dev->nodename, "handle", "%u", &np->devid);
	if (err != 1 &&
	    kstrtou32(kbasename(dev->nodename), 10, &np->devid)) {
		err = -EINVAL;
		goto out_free;
	}
	hnf_port_setup(np, &version);
	err = hnf_port_init(np);
	if (err)
		goto out_free;

	dev_set_drvdata(&dev->dev, np);
	err = register_netdev(netdev);
	if (err)
		goto out_exit;
	hnf_read_mtu(np);

	err = xenbus_watch_pathfmt(dev, &np->backend_watch, NULL,
				   hnf_backend_moved, "%s/%s", dev->nodename,
				   "backend");
	if (err)
		goto out_unregister;
	xenbus_switch_state(dev, XenbusStateInitialising);
	return 0;

out_unregister:
	unregister_netdev(netdev);
out_exit:
	dev_set_drvdata(&dev->dev, NULL);
	hnf_port_exit(np);
out_free:
	free_netdev(netdev);
	return err;
}

/* Has the backend reached a state from which it needs us no more? */
static bool hnf_backend_gone(struct xenbus_device *dev, bool closing)
{
	enum xenbus_state state = xenbus_read_driver_state(dev->otherend);

	return state == XenbusStateClosed || state == XenbusStateUnknown ||
	       (closing && state == XenbusStateClosing);
}

/*
 * Close in step with the backend, so that the next driver does not meet it in
 * the middle; but never wait long for one that does not answer.
 */
static void hnf_bus_close(struct xenbus_device *dev)
{
	unsigned int ms;

	if (hnf_backend_gone(dev, false))
		return;
	xenbus_switch_state(dev, XenbusStateClosing);
	for (ms = 0; ms < HNF_CLOSE_MS && !hnf_backend_gone(dev, true);
	     ms += 20)
		msleep(20);
	xenbus_switch_state(dev, XenbusStateClosed);
	for (ms = 0; ms < HNF_CLOSE_MS && !hnf_backend_gone(dev, false);
	     ms += 20)
		msleep(20);
}

static void hnf_remove(struct xenbus_device *dev)
{
	struct hnf_port *np = dev_get_drvdata(&dev->dev);

	unregister_xenbus_watch(&np->backend_watch);
	kfree(np->backend_watch.node);
	/* Ours may have set it up again after xenbus took it down. */
	if (dev->otherend_watch.node) {
		unregister_xenbus_watch(&dev->otherend_watch);
		kfree(dev->otherend_watch.node);
		dev->otherend_watch.node = NULL;
	}

	hnf_disconnect(np);
	unregister_netdev(np->netdev);
	hnf_port_exit(np);
	hnf_bus_close(dev);
	dev_set_drvdata(&dev->dev, NULL);
	free_netdev(np->netdev);
}

/*
 * We are in a new domain (restored, migrated): port, references and events of
 * the old one are gone.  The netdev stays; the backend's InitWait attaches it
 * again.  A suspend that was cancelled never comes here.
 */
static int hnf_resume(struct xenbus_device *dev)
{
	struct hnf_port *np = dev_get_drvdata(&dev->dev);
	struct hicamp_version version;

	netif_carrier_off(np->netdev);
	rtnl_lock();
	hnf_port_detach(np, true);
	np->features = 0;
	if (!hicamp_handshake(&version)) {
		np->features = version.features;
		/* This Xen may serve fewer queues. */
		if (version.max_queues && version.max_queues < np->nr_queues)
			hnf_port_channels(np, version.max_queues);
	}
	rtnl_unlock();
	return 0;
}

static const struct xenbus_device_id hnf_ids[] = {
	{ "vif" },
	{ "" }
};

static struct xenbus_driver hnf_driver = {
	.name			= "hicamp_vif",
	.ids			= hnf_ids,
	.not_essential		= true,
	.probe			= hnf_probe,
	.remove			= hnf_remove,
	.resume			= hnf_resume,
	.otherend_changed	= hnf_backend_changed,
};

static int __init hnf_init(void)
{
	BUILD_BUG_ON(PAGE_SIZE != 4096);
	BUILD_BUG_ON(sizeof(struct hicamp_ring_ctrl) > HICAMP_CTRL_BYTES);
	BUILD_BUG_ON(sizeof(struct hicamp_pkt) != 32);
	BUILD_BUG_ON(sizeof(struct hicamp_extent) != 16);
	BUILD_BUG_ON(HICAMP_PKT_SLOTS_MAX >= HICAMP_RING_MIN);

	if (!xen_pv_domain())
		return -ENODEV;
	return xenbus_register_frontend(&hnf_driver);
}
module_init(hnf_init);

static void __exit hnf_exit(void)
{
	xenbus_unregister_driver(&hnf_driver);
}
module_exit(hnf_exit);

MODULE_DESCRIPTION("Network frontend for the HICAMP switch in Xen");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1");
MODULE_ALIAS("xen:vif");
