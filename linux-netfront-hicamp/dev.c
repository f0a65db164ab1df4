// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/hicamp: segments as open files
 *
 * Lives here: the character device.  Its user interface is described in
 * uapi/hicamp_segment.h and hicamp(4).
 *
 * Invariants:
 *  - An open file is one segment, or none.  It keeps the segment until it is
 *    closed, freed by ioctl, or the last mapping of it goes.
 *  - Data that is mapped, or went into a pipe or socket, never changes.
 *
 * A segment of the device has whole pages; what the user asked for is its
 * size to programs.
 *
 * Called by: programs.
 */

#include <linux/fs.h>
#include <linux/file.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pipe_fs_i.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "core_private.h"
#include "uapi/hicamp_segment.h"

static unsigned int max_segment_mb = 1024;
module_param(max_segment_mb, uint, 0644);
MODULE_PARM_DESC(max_segment_mb,
		 "MiB of one segment of /dev/hicamp, at most 4096 (default 1024)");

static unsigned int max_segments = 16384;
module_param(max_segments, uint, 0644);
MODULE_PARM_DESC(max_segments,
		 "Segments that all open files of /dev/hicamp may be (default 16384)");

#define HICAMP_BOUNCE	(64u << 10)	/* bytes copied at a time */
#define HICAMP_MB_MAX	4096

struct hicamp_file {
	struct file *file;
	struct mutex lock;		/* protects seg and bytes */
	struct hicamp_segment *seg;
	u64 bytes;			/* as the program asked for */
	struct list_head files;
};

static DEFINE_MUTEX(hicamp_files_lock);
static LIST_HEAD(hicamp_files);
static atomic_t hicamp_count;		/* segments */

/* The file's segment, with a reference; NULL if it is none. */
static struct hicamp_segment *hicamp_file_get(struct hicamp_file *f,
					      u64 *bytes)
{
	struct hicamp_segment *seg;

	mutex_lock(&f->lock);
	seg = f->seg;
	if (seg)
		kref_get(&seg->users);
	if (bytes)
		*bytes = f->bytes;
	mutex_unlock(&f->lock);
	return seg;
}

/* What a program is told instead of Xen's words. */
static int hicamp_user_error(int err)
{
	switch (err) {
	case -ENOENT:
		return -ENODEV;	/* the domain has no port */
	case -ENOSPC:
		return -EMFILE;
	default:
		return err;
	}
}

/* Make the file a segment; takes over the reference. */
static int hicamp_file_set(struct hicamp_file *f, struct hicamp_segment *seg,
			   u64 bytes)
{
	int err = -EBUSY;

	mutex_lock(&f->lock);
	if (!f->seg) {
		f->seg = seg;
		f->bytes = bytes;
		err = 0;
	}
	mutex_unlock(&f->lock);
	if (err)
		hicamp_segment_put(seg);
	return err;
}

static int hicamp_file_clear(struct hicamp_file *f)
{
	struct hicamp_segment *seg;

	mutex_lock(&f->lock);
	seg = f->seg;
	f->seg = NULL;
	f->bytes = 0;
	mutex_unlock(&f->lock);
	if (!seg)
		return -ENXIO;
	hicamp_segment_put(seg);
	atomic_dec(&hicamp_count);
	return 0;
}

/* One more segment, if there may be. */
static bool hicamp_count_inc(void)
{
	if (atomic_inc_return(&hicamp_count) <= READ_ONCE(max_segments))
		return true;
	atomic_dec(&hicamp_count);
	return false;
}

static int hicamp_ioc_create(struct hicamp_file *f, void __user *arg)
{
	struct hicamp_ioc_create c;
	struct hicamp_segment *seg;
	int err;

	if (copy_from_user(&c, arg, sizeof(c)))
		return -EFAULT;
	if (c.pad || c.flags || !c.bytes)
		return -EINVAL;
	if (c.bytes > (u64)min_t(unsigned int, READ_ONCE(max_segment_mb),
				 HICAMP_MB_MAX) << 20)
		return -EFBIG;
	if (READ_ONCE(f->seg))
		return -EBUSY;
	if (!hicamp_count_inc())
		return -EMFILE;

	seg = hicamp_segment_create(PAGE_ALIGN(c.bytes),
				    HICAMP_SEG_MAPPABLE);
	if (IS_ERR(seg))
		err = hicamp_user_error(PTR_ERR(seg));
	else
		err = hicamp_file_set(f, seg, c.bytes);
	if (err)
		atomic_dec(&hicamp_count);
	return err;
}

static int hicamp_ioc_snapshot(struct hicamp_file *f, void __user *arg)
{
	struct hicamp_segment *seg, *snap;
	struct hicamp_ioc_snapshot s;
	struct file *file;
	u64 bytes;
	int err;

	if (copy_from_user(&s, arg, sizeof(s)))
		return -EFAULT;
	if (s.flags & ~HICAMP_SNAPSHOT_WRITABLE)
		return -EINVAL;
	seg = hicamp_file_get(f, &bytes);
	if (!seg)
		return -ENXIO;

	err = -EMFILE;
	if (!hicamp_count_inc())
		goto out_put;
	snap = hicamp_segment_snapshot(seg,
				       s.flags & HICAMP_SNAPSHOT_WRITABLE);
	err = PTR_ERR_OR_ZERO(snap);
	if (err)
		goto out_count;

	/* Another open file of this very device. */
	file = dentry_open(&f->file->f_path, f->file->f_flags & (O_ACCMODE | O_LARGEFILE),
			   current_cred());
	err = PTR_ERR_OR_ZERO(file);
	if (err) {
		hicamp_segment_put(snap);
		goto out_count;
	}
	hicamp_file_set(file->private_data, snap, bytes);

	s.fd = get_unused_fd_flags(O_CLOEXEC);
	if (s.fd < 0) {
		err = s.fd;
	} else if (copy_to_user(arg, &s, sizeof(s))) {
		put_unused_fd(s.fd);
		err = -EFAULT;
	} else {
		fd_install(s.fd, file);
	}
	if (err)
		fput(file);	/* which also counts the segment off */
	hicamp_segment_put(seg);
	return err;

out_count:
	atomic_dec(&hicamp_count);
out_put:
	hicamp_segment_put(seg);
	return hicamp_user_error(err);
}

static int hicamp_ioc_info(struct hicamp_file *f, void __user *arg)
{
	struct hicamp_segment_state state;
	struct hicamp_ioc_info info = {};
	struct hicamp_segment *seg = hicamp_file_get(f, &info.bytes);
	int err;

	if (!seg)
		return -ENXIO;
	err = hicamp_segment_info(seg, &state);
	hicamp_segment_put(seg);
	if (err)
		return err;
	info.mapped = state.mapped;
	info.segment = state.id;
	info.levels = state.levels;
	if (state.sealed)
		info.flags |= HICAMP_INFO_SEALED;
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static int hicamp_ioc_seal(struct hicamp_file *f)
{
	struct hicamp_segment *seg = hicamp_file_get(f, NULL);
	int err;

	if (!seg)
		return -ENXIO;
	err = hicamp_segment_seal(seg);
	hicamp_segment_put(seg);
	return err;
}

static long hicamp_ioctl(struct file *file, unsigned int cmd,
			 unsigned long arg)
{
	struct hicamp_file *f = file->private_data;

	switch (cmd) {
	case HICAMP_IOC_CREATE:
		return hicamp_ioc_create(f, (void __user *)arg);
	case HICAMP_IOC_SNAPSHOT:
		return hicamp_ioc_snapshot(f, (void __user *)arg);
	case HICAMP_IOC_INFO:
		return hicamp_ioc_info(f, (void __user *)arg);
	case HICAMP_IOC_SEAL:
		return hicamp_ioc_seal(f);
	case HICAMP_IOC_FREE:
		return hicamp_file_clear(f);
	default:
		return -ENOTTY;
	}
}

/*
 * Move bytes between a program and a segment, by way of a kernel buffer: the
 * hypervisor cannot wait for a page of the program to be brought in.
 */
static ssize_t hicamp_rw(struct kiocb *iocb, struct iov_iter *iter, bool write)
{
	struct hicamp_file *f = iocb->ki_filp->private_data;
	loff_t pos = iocb->ki_pos;
	struct hicamp_segment *seg;
	size_t room, done = 0;
	void *buf = NULL;
	int err = 0;
	u64 bytes;

	seg = hicamp_file_get(f, &bytes);
	if (!seg)
		return -ENXIO;
	if (pos < 0 || pos >= bytes) {
		err = write && iov_iter_count(iter) ? -ENOSPC : 0;
		goto out;
	}
	iov_iter_truncate(iter, bytes - pos);
	room = min_t(size_t, iov_iter_count(iter), HICAMP_BOUNCE);
	if (!room)
		goto out;
	buf = kvmalloc(room, GFP_KERNEL);
	if (!buf) {
		err = -ENOMEM;
		goto out;
	}
	while (iov_iter_count(iter)) {
		size_t n = min(iov_iter_count(iter), room), copied;

		if (write) {
			copied = copy_from_iter(buf, n, iter);
			if (copied)
				err = hicamp_segment_write(seg, pos, buf,
							   copied);
		} else {
			err = hicamp_segment_read(seg, pos, buf, n);
			copied = err ? 0 : copy_to_iter(buf, n, iter);
		}
		if (err)
			break;
		pos += copied;
		done += copied;
		if (copied < n) {
			err = -EFAULT;
			break;
		}
		if (signal_pending(current)) {
			err = -EINTR;
			break;
		}
	}
	iocb->ki_pos = pos;
out:
	kvfree(buf);
	hicamp_segment_put(seg);
	return done ?: err;
}

static ssize_t hicamp_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	return hicamp_rw(iocb, to, false);
}

static ssize_t hicamp_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	return hicamp_rw(iocb, from, true);
}

static loff_t hicamp_llseek(struct file *file, loff_t offset, int whence)
{
	struct hicamp_file *f = file->private_data;

	return fixed_size_llseek(file, offset, whence, READ_ONCE(f->bytes));
}

static void hicamp_spd_release(struct splice_pipe_desc *spd, unsigned int i)
{
	put_page(spd->pages[i]);
}

/* Put pages of the segment into a pipe: for splice(2) and sendfile(2). */
static ssize_t hicamp_splice_read(struct file *in, loff_t *ppos,
				  struct pipe_inode_info *pipe, size_t len,
				  unsigned int flags)
{
	struct hicamp_file *f = in->private_data;
	struct page *pages[PIPE_DEF_BUFFERS];
	struct partial_page partial[PIPE_DEF_BUFFERS] = {};
	struct splice_pipe_desc spd = {
		.pages = pages,
		.partial = partial,
		.nr_pages_max = PIPE_DEF_BUFFERS,
		.ops = &nosteal_pipe_buf_ops,
		.spd_release = hicamp_spd_release,
	};
	unsigned int off = offset_in_page(*ppos);
	struct hicamp_segment *seg;
	ssize_t ret;
	u64 bytes;
	int nr;

	seg = hicamp_file_get(f, &bytes);
	if (!seg)
		return -ENXIO;
	if (*ppos < 0 || *ppos >= bytes || !len) {
		ret = 0;
		goto out;
	}
	len = min_t(u64, len, bytes - *ppos);
	nr = hicamp_segment_pages(seg, *ppos & PAGE_MASK,
				  min_t(size_t, PIPE_DEF_BUFFERS,
					DIV_ROUND_UP(off + len, PAGE_SIZE)),
				  pages);
	if (nr < 0) {
		ret = nr;
		goto out;
	}
	for (; spd.nr_pages < nr; spd.nr_pages++) {
		unsigned int n = min_t(size_t, len, PAGE_SIZE - off);

		partial[spd.nr_pages].offset = off;
		partial[spd.nr_pages].len = n;
		len -= n;
		off = 0;
	}
	ret = splice_to_pipe(pipe, &spd);
	if (ret > 0)
		*ppos += ret;
out:
	hicamp_segment_put(seg);
	return ret;
}

static vm_fault_t hicamp_fault(struct vm_fault *vmf)
{
	struct hicamp_file *f = vmf->vma->vm_file->private_data;
	struct hicamp_segment *seg = hicamp_file_get(f, NULL);
	int nr;

	if (!seg)
		return VM_FAULT_SIGBUS;
	nr = hicamp_segment_pages(seg, (u64)vmf->pgoff << PAGE_SHIFT, 1,
				  &vmf->page);
	hicamp_segment_put(seg);
	if (nr == -ENOMEM)
		return VM_FAULT_OOM;
	return nr == 1 ? 0 : VM_FAULT_SIGBUS;
}

static const struct vm_operations_struct hicamp_vm_ops = {
	.fault = hicamp_fault,
};

static int hicamp_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct hicamp_file *f = file->private_data;
	struct hicamp_segment *seg;
	int err;

	if (vma->vm_flags & VM_WRITE)
		return -EACCES;
	seg = hicamp_file_get(f, NULL);
	if (!seg)
		return -ENXIO;
	err = hicamp_segment_seal(seg);
	hicamp_segment_put(seg);
	if (err)
		return err;
	vma->vm_flags &= ~VM_MAYWRITE;
	vma->vm_ops = &hicamp_vm_ops;
	return 0;
}

static int hicamp_open(struct inode *inode, struct file *file)
{
	struct hicamp_file *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	f->file = file;
	mutex_init(&f->lock);
	file->private_data = f;
	mutex_lock(&hicamp_files_lock);
	list_add_tail(&f->files, &hicamp_files);
	mutex_unlock(&hicamp_files_lock);
	return 0;
}

static int hicamp_release(struct inode *inode, struct file *file)
{
	struct hicamp_file *f = file->private_data;

	mutex_lock(&hicamp_files_lock);
	list_del(&f->files);
	mutex_unlock(&hicamp_files_lock);
	hicamp_file_clear(f);
	mutex_destroy(&f->lock);
	kfree(f);
	return 0;
}

/* Take all segments out of page tables; processes stand still. */
void hicamp_dev_freeze(void)
{
	struct address_space *last = NULL;
	struct hicamp_file *f;

	mutex_lock(&hicamp_files_lock);
	list_for_each_entry(f, &hicamp_files, files) {
		/* Files of one device node share a mapping. */
		if (f->file->f_mapping != last)
			unmap_mapping_range(f->file->f_mapping, 0, 0, 1);
		last = f->file->f_mapping;
	}
	mutex_unlock(&hicamp_files_lock);
}

static const struct file_operations hicamp_fops = {
	.owner		= THIS_MODULE,
	.open		= hicamp_open,
	.release	= hicamp_release,
	.llseek		= hicamp_llseek,
	.read_iter	= hicamp_read_iter,
	.write_iter	= hicamp_write_iter,
	.splice_read	= hicamp_splice_read,
	.mmap		= hicamp_mmap,
	.unlocked_ioctl	= hicamp_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static struct miscdevice hicamp_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= HICAMP_NAME,
	.mode	= 0600,
	.fops	= &hicamp_fops,
};

int hicamp_dev_init(void)
{
	return misc_register(&hicamp_misc);
}

void hicamp_dev_exit(void)
{
	misc_deregister(&hicamp_misc);
}
