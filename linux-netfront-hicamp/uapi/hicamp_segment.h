/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/hicamp: segments of the hypervisor's line store, for programs
 *
 * An open file is nothing until HICAMP_IOC_CREATE makes it a segment, or is
 * the snapshot that HICAMP_IOC_SNAPSHOT returned.  See hicamp(4).
 *
 * All padding must be zero.  Errors that every request may give beside its
 * own: ENOTTY (not a request of this device), EFAULT, EINVAL (padding, flags),
 * ENXIO (the file is no segment yet), ESTALE (the segment did not survive a
 * restore or migration of the domain).
 */

#ifndef _UAPI_HICAMP_SEGMENT_H
#define _UAPI_HICAMP_SEGMENT_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * HICAMP_IOC_CREATE: make the file a segment of so many zero bytes.
 *
 *   EBUSY   it is one
 *   EFBIG   bytes is more than the device's limit
 *   EMFILE  the domain has as many segments as it may have
 *   ENOBUFS the domain's quota of lines is used up
 *   ENODEV  the domain has no port, so no line store
 */
struct hicamp_ioc_create {
	__u64 bytes;
	__u32 flags;		/* none are defined: 0 */
	__u32 pad;
};

/*
 * HICAMP_IOC_SNAPSHOT: a new file (close-on-exec) for what the segment holds
 * now.  It is sealed; with HICAMP_SNAPSHOT_WRITABLE it may be written, and
 * shares with its origin what neither has written since.  No bytes move.
 */
#define HICAMP_SNAPSHOT_WRITABLE 0x1

struct hicamp_ioc_snapshot {
	__u32 flags;
	__s32 fd;		/* out */
};

/* HICAMP_IOC_INFO */
#define HICAMP_INFO_SEALED	0x1

struct hicamp_ioc_info {
	__u64 bytes;
	__u64 mapped;		/* bytes that the kernel has mapped */
	__u32 segment;		/* the hypervisor's number of it */
	__u32 flags;		/* HICAMP_INFO_* */
	__u32 levels;		/* of inner lines */
	__u32 pad;
};

#define HICAMP_IOC_MAGIC	0xb7
#define HICAMP_IOC_CREATE	_IOW(HICAMP_IOC_MAGIC, 0, struct hicamp_ioc_create)
#define HICAMP_IOC_SNAPSHOT	_IOWR(HICAMP_IOC_MAGIC, 1, struct hicamp_ioc_snapshot)
#define HICAMP_IOC_INFO		_IOR(HICAMP_IOC_MAGIC, 2, struct hicamp_ioc_info)
/* No write any more.  The first map, splice or sendfile does the same. */
#define HICAMP_IOC_SEAL		_IO(HICAMP_IOC_MAGIC, 3)
/* Give the segment up; the file may become another one. */
#define HICAMP_IOC_FREE		_IO(HICAMP_IOC_MAGIC, 4)

#endif /* _UAPI_HICAMP_SEGMENT_H */
