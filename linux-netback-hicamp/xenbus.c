// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life of a vif: the backend half of the xenbus handshake, and the module.
 *
 * Lives here: which vifs are ours, when their port and representor come and
 * go, and what is said to the front end and to the hotplug script.  No packet
 * passes through this file.
 *
 * Which are ours: those whose hotplug script is called vif-hicamp.  Every other
 * gets -ENODEV from probe, whereupon the driver core offers it to stock
 * xen-netback.
 *
 * The handshake, with what either side has to do before it shows a state:
 *
 *   back end                                front end
 *   port, representor, hicamp-abi
 *   InitWait
 *                                           HICAMP_OP_port_attach, hicamp-abi,
 *                                           hicamp-port
 *                                           Connected
 *   hotplug-status is "connected"
 *   carrier on, Connected
 *                                           Closing
 *   carrier off, Closing
 *                                           Closed
 *   likewise (and gone, when "online" is 0)
 *                                           Initialising: from the top, the
 *                                           port is still there
 *
 * A front end that connects without a hicamp-abi is another driver: the vif is
 * handed to stock netback, whose features were offered beside ours, and the guest
 * has a network, only slower.  hicamp-declined tells later probes.
 *
 * When the module goes nothing is said to anybody: port and flows stay, guests go
 * on talking, and the next module's probe takes the port over.
 *
 * Invariant: from probe to remove there is a port and there is a representor,
 * whatever the front end does.  Everything between probe and remove runs in
 * xenwatch, one call at a time, and so needs no lock; the hand-over runs apart
 * from it, as it unbinds the device, and touches the device alone.
 *
 * Who may call: the xenbus driver core only.
 */
#define pr_fmt(fmt) "hicamp-netback: " fmt

#include <linux/etherdevice.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <xen/xenbus.h>

#include "hv.h"
#include "rep.h"
#include "tc.h"
#include "uplink.h"

#define HICAMP_SCRIPT "vif-hicamp"

struct hicamp_vif {
	struct xenbus_device *dev;
	struct net_device *rep;
	char *script;
	u32 devid;
	u32 port;
	struct xenbus_watch own;	/* on the back end's own directory */
	enum xenbus_state frontend;	/* as last seen */
	bool met;			/* frontend was seen other than Closed */
	bool spoken;			/* ... wrote a hicamp-abi we speak */
	bool complained;		/* about this guest's driver, once */
	bool declined;			/* stock netback is to have the vif */
};

static bool leaving;		/* the module goes; set before any vif does */

/* A vif on its way to stock netback. */
struct vif_hand_over {
	struct work_struct work;
	struct xenbus_device *dev;	/* with a reference */
	char name[IFNAMSIZ];
};

static struct workqueue_struct *vif_wq;

/* ---- What the front end does ------------------------------------------- */

/*
 * Say once per vif what is wrong with the guest's driver: a guest must not be
 * able to fill the log.
 */
static void vif_complain(struct hicamp_vif *vif, int err, const char *what)
{
	if (!vif->complained)
		xenbus_dev_error(vif->dev, err, "%s: %s",
				 netdev_name(vif->rep), what);
	vif->complained = true;
}

/* Whether the front end's driver is ours, and speaks our version. */
static bool vif_spoken(struct hicamp_vif *vif)
{
	unsigned int abi;

	if (vif->spoken)
		return true;

	if (xenbus_scanf(XBT_NIL, vif->dev->otherend, "hicamp-abi", "%u",
			 &abi) != 1)
		return false;
	if (abi != HICAMP_ABI_VERSION) {
		vif_complain(vif, -EPROTONOSUPPORT,
			     "the guest's hicamp-netfront speaks another hicamp-abi");
		return false;
	}
	vif->spoken = true;
	return true;
}

/*
 * Whether the front end attached this very port.  After a reload of this
 * module it may still be Connected, to a port that is gone.
 */
static bool vif_attached(struct hicamp_vif *vif)
{
	unsigned int port;

	if (xenbus_scanf(XBT_NIL, vif->dev->otherend, "hicamp-port", "%u",
			 &port) == 1 && port == vif->port)
		return true;

	vif_complain(vif, -ENOTCONN,
		     "the guest has not attached this port (hicamp-port differs); waiting for its driver to start again");
	return false;
}

static bool vif_plugged(struct hicamp_vif *vif)
{
	bool plugged;
	char *status;

	status = xenbus_read(XBT_NIL, vif->dev->nodename, "hotplug-status",
			     NULL);
	if (IS_ERR(status))
		return false;

	plugged = !strcmp(status, "connected");
	kfree(status);
	return plugged;
}

/* Bring up what has taken the representor's place, as the script had it. */
static void vif_up(const char *name)
{
	struct net_device *dev;
	int err;

	rtnl_lock();
	dev = __dev_get_by_name(&init_net, name);
	err = dev ? dev_open(dev, NULL) : -ENODEV;
	rtnl_unlock();
	if (err)
		pr_warn("%s: cannot be brought up: %d\n", name, err);
}

static void vif_hand_over_work(struct work_struct *work)
{
	struct vif_hand_over *h = container_of(work, struct vif_hand_over,
					       work);
	struct device *dev = &h->dev->dev;

	device_release_driver(dev);
	if (device_attach(dev) == 1)
		vif_up(h->name);
	else
		pr_warn("%s: no other driver takes it: is xen-netback loaded?\n",
			h->name);
	put_device(dev);
	kfree(h);
}

/* The front end is another driver, and has connected to what stock netback has. */
static void vif_decline(struct hicamp_vif *vif)
{
	struct vif_hand_over *h;

	if (vif->declined)
		return;
	h = kzalloc(sizeof(*h), GFP_KERNEL);
	if (!h || xenbus_printf(XBT_NIL, vif->dev->nodename, "hicamp-declined",
				"%u", 1)) {
		vif_complain(vif, -ENOMEM, "cannot be handed to xen-netback");
		kfree(h);
		return;
	}
	pr_info("%s: the guest's driver is not hicamp-netfront: handed to xen-netback\n",
		netdev_name(vif->rep));
	vif->declined = true;
	strscpy(h->name, netdev_name(vif->rep), sizeof(h->name));
	h->dev = vif->dev;
	get_device(&vif->dev->dev);
	INIT_WORK(&h->work, vif_hand_over_work);
	queue_work(vif_wq, &h->work);
}

/* The front end is Connected: follow, now or when the script is through. */
static void vif_connect(struct hicamp_vif *vif)
{
	if (vif->dev->state != XenbusStateInitWait || !vif_plugged(vif))
		return;

	if (!vif_spoken(vif)) {
		if (!vif->complained)
			vif_decline(vif);
		else
			xenbus_switch_state(vif->dev, XenbusStateClosed);
		return;
	}

	if (!vif_attached(vif))
		return;

	netif_carrier_on(vif->rep);
	xenbus_switch_state(vif->dev, XenbusStateConnected);
}

static void vif_close(struct hicamp_vif *vif, enum xenbus_state state)
{
	netif_carrier_off(vif->rep);
	xenbus_switch_state(vif->dev, state);
}

static void vif_frontend_changed(struct xenbus_device *dev,
				 enum xenbus_state state)
{
	struct hicamp_vif *vif = dev_get_drvdata(&dev->dev);

	vif->frontend = state;
	if (state != XenbusStateClosed)
		vif->met = true;

	switch (state) {
	case XenbusStateInitialising:
		vif->spoken = false;	/* perhaps another driver now */
		vif_close(vif, xenbus_dev_is_online(dev) ?
			       XenbusStateInitWait : XenbusStateClosed);
		break;

	case XenbusStateConnected:
		vif_connect(vif);
		break;

	case XenbusStateClosing:
		vif_close(vif, vif_spoken(vif) ? XenbusStateClosing :
						 XenbusStateClosed);
		break;

	case XenbusStateClosed:
		/*
		 * Closed before it met us: its last back end closed it (this
		 * module was reloaded).  Stay in InitWait: it may start again.
		 */
		if (!vif->met && xenbus_dev_is_online(dev))
			break;
		vif_spoken(vif);
		vif_close(vif, XenbusStateClosed);
		if (xenbus_dev_is_online(dev))
			break;
		fallthrough;
	case XenbusStateUnknown:	/* the front end's directory is gone */
		vif_close(vif, XenbusStateClosed);
		device_unregister(&dev->dev);	/* calls remove: vif is gone */
		break;

	default:
		break;
	}
}

/*
 * Something in our own directory changed, perhaps by ourselves: the script may
 * be through, or the toolstack wants the vif to go.  Of that the front end
 * tells us, unless there is none that would.
 */
static void vif_own_changed(struct xenbus_watch *watch, const char *path,
			    const char *token)
{
	struct hicamp_vif *vif = container_of(watch, struct hicamp_vif, own);

	switch (vif->frontend) {
	case XenbusStateConnected:
		vif_connect(vif);
		break;

	case XenbusStateInitialising:
	case XenbusStateClosed:
		if (!xenbus_dev_is_online(vif->dev))
			vif_close(vif, XenbusStateClosed);
		break;

	default:
		break;
	}
}

/* ---- Making and unmaking ----------------------------------------------- */

/* Make the port and its representor from what the toolstack wrote. */
static int vif_create(struct hicamp_vif *vif)
{
	struct xenbus_device *dev = vif->dev;
	u8 addr[ETH_ALEN];
	bool good, taken;
	char *mac;
	u32 mtu;
	int err;

	err = xenbus_scanf(XBT_NIL, dev->nodename, "handle", "%u",
			   &vif->devid);
	if (err != 1) {
		err = err < 0 ? err : -EINVAL;
		xenbus_dev_fatal(dev, err, "reading handle");
		return err;
	}

	mac = xenbus_read(XBT_NIL, dev->nodename, "mac", NULL);
	if (IS_ERR(mac)) {
		xenbus_dev_fatal(dev, PTR_ERR(mac), "reading mac");
		return PTR_ERR(mac);
	}
	good = mac_pton(mac, addr) && is_valid_ether_addr(addr);
	kfree(mac);
	if (!good) {
		xenbus_dev_fatal(dev, -EINVAL, "mac is no unicast address");
		return -EINVAL;
	}

	/* libxl writes it when the configuration names one. */
	mtu = xenbus_read_unsigned(dev->nodename, "mtu", 0);
	if (mtu && (mtu < HICAMP_MTU_MIN || mtu > HICAMP_MTU_MAX)) {
		xenbus_dev_fatal(dev, -EINVAL, "mtu %u is not within %u..%u",
				 mtu, HICAMP_MTU_MIN, HICAMP_MTU_MAX);
		return -EINVAL;
	}

	err = hicamp_hv_port_create(dev->otherend_id, vif->devid, addr, mtu,
				    &vif->port, &taken);
	if (err) {
		xenbus_dev_fatal(dev, err, "creating the port in Xen");
		return err;
	}

	vif->rep = hicamp_rep_create(&dev->dev, dev->otherend_id, vif->devid,
				     vif->port, mtu);
	if (IS_ERR(vif->rep)) {
		err = PTR_ERR(vif->rep);
		xenbus_dev_fatal(dev, err, "registering vif%d.%u",
				 dev->otherend_id, vif->devid);
		if (!taken)
			hicamp_hv_port_destroy(dev->otherend_id, vif->devid);
		return err;
	}

	/* A port in service: nobody runs the script for it, so be of use now. */
	if (taken) {
		rtnl_lock();
		if (dev_open(vif->rep, NULL))
			netdev_warn(vif->rep, "cannot be brought up\n");
		rtnl_unlock();
	}
	return 0;
}

/* The representor goes, and the port unless it stays. */
static void vif_destroy(struct hicamp_vif *vif, bool stays)
{
	struct xenbus_device *dev = vif->dev;
	int err;

	hicamp_rep_destroy(vif->rep);
	if (stays)
		return;
	err = hicamp_hv_port_destroy(dev->otherend_id, vif->devid);
	if (err)
		pr_err("cannot destroy port %#x of domain %d: %d\n",
		       vif->port, dev->otherend_id, err);
}

/* What the front end, and whoever looks, is to know before InitWait. */
static const char * const vif_nodes[] = { "hicamp-abi", "hicamp-port" };

/* What stock netback offers, and does if the vif becomes its own. */
static const char * const stock_features[] = {
	"feature-rx-copy", "feature-sg", "feature-gso-tcpv4",
	"feature-gso-tcpv6", "feature-ipv6-csum-offload",
};

static int vif_offer(struct hicamp_vif *vif)
{
	struct xenbus_device *dev = vif->dev;
	int err, i;

	err = xenbus_printf(XBT_NIL, dev->nodename, "hicamp-abi", "%u",
			    HICAMP_ABI_VERSION);
	if (!err)
		err = xenbus_printf(XBT_NIL, dev->nodename, "hicamp-port",
				    "%u", vif->port);

	for (i = 0; !err && i < ARRAY_SIZE(stock_features); i++)
		err = xenbus_printf(XBT_NIL, dev->nodename, stock_features[i],
				    "%u", 1);
	if (err)
		xenbus_dev_fatal(dev, err, "writing features");
	return err;
}

/* The next driver of this vif may be stock netback, which overwrites its own. */
static void vif_withdraw(struct hicamp_vif *vif)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(vif_nodes); i++)
		xenbus_rm(XBT_NIL, vif->dev->nodename, vif_nodes[i]);
}

static int vif_probe(struct xenbus_device *dev,
		     const struct xenbus_device_id *id)
{
	struct hicamp_vif *vif;
	char *script;
	int err;

	/* libxl writes a back end's nodes in one go, so it is there or not. */
	script = xenbus_read(XBT_NIL, dev->nodename, "script", NULL);
	if (IS_ERR(script))
		return -ENODEV;
	if (strcmp(kbasename(script), HICAMP_SCRIPT) ||
	    xenbus_exists(XBT_NIL, dev->nodename, "hicamp-declined")) {
		err = -ENODEV;
		goto free_script;
	}

	err = -ENOMEM;
	vif = kzalloc(sizeof(*vif), GFP_KERNEL);
	if (!vif)
		goto free_script;
	vif->dev = dev;
	vif->script = script;

	err = vif_create(vif);
	if (err)
		goto free_vif;
	dev_set_drvdata(&dev->dev, vif);

	err = vif_offer(vif);
	if (err)
		goto withdraw;

	err = xenbus_switch_state(dev, XenbusStateInitWait);
	if (err)
		goto withdraw;

	/* Last: from here on xenwatch may call in. */
	err = xenbus_watch_pathfmt(dev, &vif->own, NULL, vif_own_changed, "%s",
				   dev->nodename);
	if (err)
		goto withdraw;

	/* Where udev runs the script; libxl does so by itself. */
	kobject_uevent(&dev->dev.kobj, KOBJ_ONLINE);
	return 0;

withdraw:
	vif_withdraw(vif);
	dev_set_drvdata(&dev->dev, NULL);
	vif_destroy(vif, false);
free_vif:
	kfree(vif);
free_script:
	kfree(script);
	return err;
}

/* The vif, the front end, or this module goes. */
static void vif_remove(struct xenbus_device *dev)
{
	struct hicamp_vif *vif = dev_get_drvdata(&dev->dev);
	bool stays = leaving && xenbus_dev_is_online(dev);

	unregister_xenbus_watch(&vif->own);
	kfree(vif->own.node);

	/*
	 * The next representor has to be put into place by the script again, and
	 * the front end must learn that its port goes; stock netback's vif has
	 * the name that a bridge knows, and the front end goes on. So it does,
	 * and learns nothing, when it is we who leave.
	 */
	if (!vif->declined && !stays) {
		xenbus_rm(XBT_NIL, dev->nodename, "hotplug-status");
		kobject_uevent(&dev->dev.kobj, KOBJ_OFFLINE);
		xenbus_switch_state(dev, XenbusStateClosed);
	}

	if (!stays)
		vif_withdraw(vif);
	dev_set_drvdata(&dev->dev, NULL);
	vif_destroy(vif, stays);
	kfree(vif->script);
	kfree(vif);
}

/* The environment of the hotplug script, as stock netback gives it. */
static int vif_uevent(struct xenbus_device *dev, struct kobj_uevent_env *env)
{
	struct hicamp_vif *vif = dev_get_drvdata(&dev->dev);

	if (!vif)
		return 0;

	if (add_uevent_var(env, "script=%s", vif->script) ||
	    add_uevent_var(env, "vif=%s", netdev_name(vif->rep)))
		return -ENOMEM;
	return 0;
}

/* ---- The module -------------------------------------------------------- */

static const struct xenbus_device_id vif_ids[] = {
	{ "vif" },
	{ "" }
};

/*
 * allow_rebind keeps xenbus from saying Closed when the driver goes: for stock
 * netback, which takes over where we leave. Else vif_remove() says it.
 */
static struct xenbus_driver vif_driver = {
	.name = "hicamp_vif",	/* the stock drivers are called "vif" */
	.ids = vif_ids,
	.probe = vif_probe,
	.remove = vif_remove,
	.uevent = vif_uevent,
	.allow_rebind = true,
	.otherend_changed = vif_frontend_changed,
};

static int __init hicamp_netback_init(void)
{
	int err;

	err = hicamp_hv_init();
	if (err)
		return err;

	vif_wq = alloc_ordered_workqueue(KBUILD_MODNAME, 0);
	if (!vif_wq)
		return -ENOMEM;
	err = hicamp_rep_init();
	if (err)
		goto destroy;
	err = hicamp_uplink_init();
	if (err)
		goto rep_exit;

	/*
	 * Without an owner, or each vif would hold a reference to the module
	 * and none could be unloaded while there are guests.  Unregistering
	 * removes every vif before it returns.
	 */
	err = __xenbus_register_backend(&vif_driver, NULL, KBUILD_MODNAME);
	if (!err)
		return 0;

	hicamp_uplink_exit();
rep_exit:
	hicamp_rep_exit();
destroy:
	destroy_workqueue(vif_wq);
	return err;
}
module_init(hicamp_netback_init);

static void __exit hicamp_netback_exit(void)
{
	leaving = true;
	hicamp_tc_keep();
	xenbus_unregister_driver(&vif_driver);
	destroy_workqueue(vif_wq);
	hicamp_uplink_exit();
	hicamp_rep_exit();
}
module_exit(hicamp_netback_exit);

MODULE_DESCRIPTION("hicamp-xen: vif back end and representors");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1");
MODULE_ALIAS("xen-backend:vif");
