// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core module: handshake with Xen, suspend and resume
 *
 * Lives here: what Xen offers, and how the module follows the domain into
 * another life.
 *
 * Invariant: a segment belongs to the domain in which it was created.  After a
 * restore or migration hicamp_epoch differs from the segment's: nothing is
 * asked of Xen for it any more, not even to free it.
 *
 * The platform device exists for its callbacks: Xen's suspend runs the freeze
 * of every device with all processes stopped, then thaw if nothing happened,
 * or restore in the new domain.
 *
 * Called by: the module loader, the driver core, netfront (handshake).
 */

#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pm.h>
#include <linux/string.h>
#include <xen/xen.h>

#include "core_private.h"

u32 hicamp_epoch;
static u64 features;
static struct platform_device *hicamp_pdev;
static bool has_device;

/**
 * hicamp_handshake - ask Xen what it speaks
 * @v: comes back filled in, also when versions differ
 *
 * Return: 0; -EOPNOTSUPP if Xen speaks another version; another negative errno
 * if there is no hicamp.
 */
int hicamp_handshake(struct hicamp_version *v)
{
	memset(v, 0, sizeof(*v));
	v->version = HICAMP_ABI_VERSION;
	return hicamp_hypercall(HICAMP_OP_version, v);
}
EXPORT_SYMBOL_GPL(hicamp_handshake);

/* Features of the Xen that we run on now; 0 if it has no hicamp. */
u64 hicamp_features(void)
{
	return READ_ONCE(features);
}

/* Was the segment lost with the domain that made it? */
bool hicamp_segment_stale(const struct hicamp_segment *seg)
{
	return seg->epoch != READ_ONCE(hicamp_epoch);
}

static void hicamp_read_features(void)
{
	struct hicamp_version v;

	WRITE_ONCE(features, hicamp_handshake(&v) ? 0 : v.features);
}

static int hicamp_freeze(struct device *dev)
{
	if (has_device)
		hicamp_dev_freeze();
	return hicamp_map_freeze();
}

static int hicamp_restore(struct device *dev)
{
	WRITE_ONCE(hicamp_epoch, hicamp_epoch + 1);
	hicamp_read_features();
	return 0;
}

static const struct dev_pm_ops hicamp_pm = {
	.freeze		= hicamp_freeze,
	.restore	= hicamp_restore,
};

static struct platform_driver hicamp_platform = {
	.driver = {
		.name	= HICAMP_NAME,
		.pm	= &hicamp_pm,
	},
};

static int __init hicamp_init(void)
{
	int err;

	BUILD_BUG_ON(PAGE_SIZE != 4096);
	BUILD_BUG_ON(sizeof(struct hicamp_segment_op) != 40);

	if (!xen_pv_domain())
		return -ENODEV;
	hicamp_read_features();

	err = platform_driver_register(&hicamp_platform);
	if (err)
		return err;
	hicamp_pdev = platform_device_register_simple(HICAMP_NAME,
						      PLATFORM_DEVID_NONE,
						      NULL, 0);
	if (IS_ERR(hicamp_pdev)) {
		err = PTR_ERR(hicamp_pdev);
		goto out_driver;
	}
	/* Without segments there is nothing that the device could do. */
	if (hicamp_features() & HICAMP_FEAT_SEGMENT) {
		err = hicamp_dev_init();
		if (err)
			goto out_device;
		has_device = true;
	}
	return 0;

out_device:
	platform_device_unregister(hicamp_pdev);
out_driver:
	platform_driver_unregister(&hicamp_platform);
	return err;
}
module_init(hicamp_init);

static void __exit hicamp_exit(void)
{
	if (has_device)
		hicamp_dev_exit();
	hicamp_map_exit();
	platform_device_unregister(hicamp_pdev);
	platform_driver_unregister(&hicamp_platform);
}
module_exit(hicamp_exit);

MODULE_DESCRIPTION("HICAMP memory of the hypervisor: segments and hypercalls");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1");
