# SPDX-License-Identifier: GPL-2.0-only
"""dom0's disk image, the guests' initramfs, and the payload of one run.

What seldom changes (Debian's packages, the kernel) is in dom0.img and in the
base initramfs. What changes often (our modules, tools, scripts, scenarios)
goes onto a small payload disk that is made anew for each run.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from . import apt, common, modules
from .common import TestbedError, output, run, step

IMAGE = common.BUILD / 'image'
ROOTFS = IMAGE / 'root'
GUEST = common.BUILD / 'guest'
DOM0_PACKAGES = [
    'bridge-utils', 'busybox-static', 'ethtool', 'iperf3', 'iproute2',
    'iputils-ping', 'kmod', 'mount', 'netcat-openbsd', 'netperf', 'nftables',
    'openvswitch-switch', 'ovn-central', 'ovn-host', 'procps', 'python3',
    'socat', 'sockperf', 'tcpdump', 'xen-utils-4.17', 'xenstore-utils',
]

# Parts of /lib/modules that a host or a guest of ours can use; the rest of
# Debian's 4,000 modules would only make images large and depmod slow.
KEEP = [
    'arch/x86/crypto', 'crypto', 'lib', 'net', 'drivers/xen', 'drivers/virtio',
    'drivers/block', 'drivers/char/hw_random', 'drivers/pci/xen-pcifront.ko',
    'drivers/net/*.ko', 'drivers/net/bonding', 'drivers/net/ethernet/intel',
    'drivers/net/geneve*',
    'drivers/net/ipvlan', 'drivers/net/macvlan', 'drivers/net/netdevsim',
    'drivers/net/team', 'drivers/net/vxlan', 'drivers/net/xen-netback',
    'drivers/ptp', 'drivers/pps', 'drivers/vhost', 'drivers/vfio', 'fs/ext4',
    'fs/jbd2', 'fs/fuse', 'fs/mbcache.ko', 'fs/overlayfs', 'fs/squashfs',
]
DROP = ['net/wireless', 'net/mac80211', 'net/bluetooth', 'net/nfc', 'net/ceph',
        'net/rds', 'net/sunrpc', 'net/batman-adv', 'net/can', 'net/9p']

DOM0_MODULES = ['virtio_pci', 'virtio_blk', 'xen-blkfront', 'ext4',
                'overlay', 'crc32c_generic']
GUEST_MODULES = ['xen-netfront', 'af_packet', 'pktgen', 'veth', 'vxlan',
                 '8021q', 'bridge', 'tun', 'sch_fq_codel', 'sch_netem',
                 'sch_tbf', 'act_police', 'tls', 'nf_tables']
GUEST_BINARIES = [
    '/bin/busybox', '/bin/ip', '/usr/bin/flock', '/usr/bin/netperf',
    '/usr/bin/netserver',
    '/usr/bin/iperf3', '/usr/bin/socat', '/usr/bin/tcpdump',
    '/usr/sbin/ethtool', '/sbin/bridge', '/sbin/tc', '/bin/ss', '/bin/kmod',
    '/usr/bin/xenstore-ls', '/usr/bin/xenstore-read',
    '/usr/bin/xenstore-write',
]

# What only some guests have ("guest create --with NAME"): programs take memory,
# by which TCP sizes its windows, and 7 MB less cost a stream 3 %.
GUEST_EXTRAS = {'sockperf': ['/usr/bin/sockperf']}


def _chroot(*argv):
    """Run a short command inside dom0's root."""
    return output(['chroot', ROOTFS, *argv])


def _bootstrap():
    """Make dom0's root folder with mmdebstrap."""
    common.need_root()
    apt.update()
    common.remove(ROOTFS)
    IMAGE.mkdir(parents=True, exist_ok=True)
    with step('installing dom0\'s packages into a new root', '80 s'):
        run(['mmdebstrap', '--variant=apt', '--mode=root',
             '--include=' + ','.join(DOM0_PACKAGES),
             '--aptopt=Acquire::Retries "3"',
             '--dpkgopt=path-exclude=/usr/share/doc/*',
             '--dpkgopt=path-exclude=/usr/share/man/*',
             '--dpkgopt=path-exclude=/usr/share/locale/*',
             apt.SUITE, ROOTFS, apt.sources_list()], 'mmdebstrap', limit=1200)
    # The machine's mirror is of no use inside the image.
    for path in [ROOTFS / 'etc/apt/sources.list',
                 *(ROOTFS / 'etc/apt/sources.list.d').glob('*')]:
        path.write_text('')
    for path in (ROOTFS / 'var/lib/apt/lists').glob('*_*'):
        path.unlink()


def _extract_kernel(source, target):
    """Unpack a bzImage, which is slow to do under emulation, to its ELF."""
    data = source.read_bytes()
    magics = [(b'\xfd7zXZ\x00', ['xz', '-dcq', '--single-stream']),
              (b'\x28\xb5\x2f\xfd', ['zstd', '-dcq']),
              (b'\x1f\x8b\x08', ['gzip', '-dcq']),
              (b'\x02!L\x18', ['lz4', '-dcq'])]
    for magic, argv in magics:
        for hit in re.finditer(re.escape(magic), data):
            done = subprocess.run(argv, input=data[hit.start():],
                                  stdout=subprocess.PIPE, timeout=120,
                                  stderr=subprocess.DEVNULL)
            if done.stdout[:4] == b'\x7fELF':
                target.write_bytes(done.stdout)
                return
    raise TestbedError(f'found no compressed ELF kernel in {source}')


def _kernel(root):
    """Unpack the kernel package: its image and the modules that we keep."""
    version, package_version = modules.kernel()
    name = f'linux-image-{version}'
    downloads = apt.DOWNLOADS
    downloads.mkdir(parents=True, exist_ok=True)
    with step(f'fetching and unpacking {name}', '15 s'):
        found = sorted(downloads.glob(f'{name}_*.deb'))
        keep = [path for path in found
                if f'_{package_version.replace(":", "%3a")}_' in path.name]
        if not keep:
            run(['apt-get', *apt.options(), 'download',
                 f'{name}={package_version}'], 'kernel', limit=600,
                cwd=downloads)
            keep = sorted(downloads.glob(f'{name}_*.deb'))
        unpacked = IMAGE / 'kernel'
        common.remove(unpacked)
        run(['dpkg-deb', '-x', keep[-1], unpacked], 'kernel', append=True)
        _extract_kernel(unpacked / f'boot/vmlinuz-{version}',
                        IMAGE / 'vmlinux')
        shutil.copy(unpacked / f'boot/config-{version}', IMAGE / 'config')
        source = unpacked / 'lib/modules' / version
        target = root / 'lib/modules' / version
        common.remove(target)
        target.mkdir(parents=True)
        for path in source.glob('modules.*'):
            shutil.copy(path, target)
        for pattern in KEEP:
            for path in (source / 'kernel').glob(pattern):
                where = target / 'kernel' / path.relative_to(source / 'kernel')
                where.parent.mkdir(parents=True, exist_ok=True)
                if path.is_dir():
                    shutil.copytree(path, where, dirs_exist_ok=True)
                else:
                    shutil.copy(path, where)
        for pattern in DROP:
            common.remove(target / 'kernel' / pattern)
        common.remove(unpacked)
        _depmod(root, version)


def _depmod(root, version):
    """Write the module indexes of a tree."""
    run(['depmod', '-b', root, version], 'depmod', limit=120)


def _module_order(root, version, names):
    """Return modules with what they depend on, in the order of loading."""
    depends = {}
    text = (root / 'lib/modules' / version / 'modules.dep').read_text()
    for line in text.splitlines():
        path, needs = line.split(':', 1)
        depends[_module_name(path)] = (path, needs.split())
    order = []

    def visit(name):
        if name not in depends:
            raise TestbedError(f'module {name} is not in the kernel package')
        path, needs = depends[name]
        for need in reversed(needs):
            visit(_module_name(need))
        if path not in order:
            order.append(path)

    for name in names:
        if not _is_builtin(root, version, name):
            visit(name.replace('-', '_'))
    return order


def _module_name(path):
    """Return a module's name as the kernel writes it."""
    return Path(path).name.split('.ko')[0].replace('-', '_')


def _is_builtin(root, version, name):
    """Tell whether the kernel has a module built in."""
    text = (root / 'lib/modules' / version / 'modules.builtin').read_text()
    return name.replace('-', '_') in map(_module_name, text.splitlines())


def _cpio(folder, target, compress):
    """Pack a folder as an initramfs (a whole number of 4-byte words)."""
    names = b'\0'.join(
        bytes(p.relative_to(folder)) for p in sorted(folder.rglob('*')))
    packed = subprocess.run(
        ['cpio', '--quiet', '-0', '-o', '-H', 'newc', '-R', '0:0'],
        input=names, stdout=subprocess.PIPE, cwd=folder, timeout=120)
    if packed.returncode:
        raise TestbedError(f'cpio could not pack {folder}')
    data = packed.stdout
    if compress:
        data = subprocess.run(['gzip', '-n', '-1'], input=data, timeout=120,
                              stdout=subprocess.PIPE, check=True).stdout
        data += b'\0' * (-len(data) % 4)
    Path(f'{target}.new').write_bytes(data)
    Path(f'{target}.new').rename(target)


def _dom0_initramfs(version):
    """Make the small initramfs that finds dom0's disk."""
    tree = IMAGE / 'initramfs'
    common.remove(tree)
    for name in ('bin', 'dev', 'proc', 'sys', 'root', 'modules'):
        (tree / name).mkdir(parents=True)
    shutil.copy(ROOTFS / 'bin/busybox', tree / 'bin')
    order = _module_order(ROOTFS, version, DOM0_MODULES)
    for path in order:
        shutil.copy(ROOTFS / 'lib/modules' / version / path, tree / 'modules')
    (tree / 'modules/order').write_text(
        ''.join(f'{Path(path).name}\n' for path in order))
    shutil.copy(common.TESTBED / 'dom0/initramfs-init', tree / 'init')
    (tree / 'init').chmod(0o755)
    _cpio(tree, IMAGE / 'initramfs.gz', True)


def dom0():
    """Make build/image/dom0.img and the kernel and initramfs beside it."""
    version, package_version = modules.kernel()
    stamp = IMAGE / '.dom0'
    value = common.fingerprint([Path(__file__)], package_version)
    if not (common.is_fresh(stamp, value) and (IMAGE / 'dom0.img').is_file()):
        stamp.unlink(missing_ok=True)
        packages = ' '.join(DOM0_PACKAGES + [package_version])
        root_stamp = IMAGE / '.root'
        if not (common.is_fresh(root_stamp, packages) and ROOTFS.is_dir()):
            root_stamp.unlink(missing_ok=True)
            _bootstrap()
            root_stamp.write_text(packages)
        _kernel(ROOTFS)
        with step('writing dom0.img', '5 s'):
            shutil.copy(IMAGE / 'vmlinux', ROOTFS / 'boot/vmlinux')
            (ROOTFS / 'payload').mkdir(exist_ok=True)
            ext4(ROOTFS, IMAGE / 'dom0.img', '2G')
        stamp.write_text(value)
    with step('writing dom0\'s initramfs', '1 s'):
        _dom0_initramfs(version)


def ext4(folder, target, size):
    """Write a folder into an ext4 image without mounting anything."""
    new = Path(f'{target}.new')
    new.unlink(missing_ok=True)
    run(['mke2fs', '-q', '-t', 'ext4', '-F', '-m', '0', '-O', '^has_journal',
         '-E', 'lazy_itable_init=1,root_owner=0:0', '-d', folder, new, size],
        'mke2fs', limit=120)
    new.rename(target)


def _copy_binary(name, tree, base=None):
    """Copy a program from dom0's root with the libraries that it needs.

    What base has already is left out.
    """
    wanted = [name]
    try:
        wanted += re.findall(r'(/\S+) \(0x', _chroot('ldd', name))
    except TestbedError:
        pass            # statically linked
    for path in wanted:
        real = Path(_chroot('readlink', '-f', path).strip())
        target = tree / path.lstrip('/')
        if not target.exists() and not (
                base and (base / path.lstrip('/')).exists()):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOTFS / str(real).lstrip('/'), target)


def guest():
    """Make the guests' base initramfs, build/guest/initramfs.

    It is not compressed: to unpack it under emulation takes longer than to
    read more.
    """
    version, package_version = modules.kernel()
    stamp = GUEST / '.initramfs'
    init = common.TESTBED / 'guest/init'
    agent = common.TESTBED / 'guest/agent'
    value = common.fingerprint([Path(__file__), init, agent], package_version)
    if common.is_fresh(stamp, value):
        return
    if not (IMAGE / '.dom0').is_file():
        raise TestbedError('no dom0 image yet; run "tools/testbed/testbed '
                           'image" first')
    with step('making the guests\' initramfs', '3 s'):
        tree = GUEST / 'root'
        common.remove(tree)
        for name in ('bin', 'dev', 'etc', 'lib/modules', 'lib64', 'proc',
                     'root', 'run', 'sbin', 'sys', 'tmp', 'usr/bin',
                     'usr/lib', 'usr/sbin', 'var/run'):
            (tree / name).mkdir(parents=True)
        for name in GUEST_BINARIES:
            _copy_binary(name, tree)
        for name in ('insmod', 'lsmod', 'modprobe', 'modinfo', 'rmmod'):
            (tree / 'sbin' / name).symlink_to('/bin/kmod')
        source = ROOTFS / 'lib/modules' / version
        target = tree / 'lib/modules' / version
        for path in _module_order(ROOTFS, version, GUEST_MODULES):
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / path, target / path)
        for name in ('modules.order', 'modules.builtin',
                     'modules.builtin.modinfo'):
            shutil.copy(source / name, target / name)
        _depmod(tree, version)
        (tree / 'etc/passwd').write_text('root:x:0:0:root:/root:/bin/sh\n')
        (tree / 'etc/group').write_text('root:x:0:\n')
        (tree / 'etc/protocols').write_text(
            'ip 0 IP\nicmp 1 ICMP\ntcp 6 TCP\nudp 17 UDP\n'
            'ipv6 41 IPv6\nipv6-icmp 58 IPv6-ICMP\nsctp 132 SCTP\n')
        shutil.copy(init, tree / 'init')
        (tree / 'init').chmod(0o755)
        shutil.copy(agent, tree / 'bin/agent')
        _cpio(tree, GUEST / 'initramfs', False)
        for name, programs in GUEST_EXTRAS.items():
            more = GUEST / f'extra-{name}'
            common.remove(more)
            for program in programs:
                _copy_binary(program, more, tree)
            _cpio(more, GUEST / f'{name}.cpio', False)
    stamp.write_text(value)


def _overlay(base, version, kos, tree):
    """Lay modules of ours over a module tree: extra/ and new indexes."""
    tree = tree / 'lib/modules' / version
    tree.mkdir(parents=True)
    run(['cp', '-al', base / 'lib/modules' / version / 'kernel', tree],
        'payload')
    for path in (base / 'lib/modules' / version).glob('modules.*'):
        shutil.copy(path, tree)
    (tree / 'extra').mkdir()
    for path in kos:
        output(['strip', '--strip-debug', '-o', tree / 'extra' / path.name,
                path])
    _depmod(tree.parents[2], version)
    shutil.rmtree(tree / 'kernel')


def _names(paths):
    """Return the names of files, for a progress line."""
    return ' '.join(path.stem for path in paths) or '(none)'


def payload(folder, scenario, env):
    """Write the payload disk of one run into FOLDER/payload.img."""
    version, _ = modules.kernel()
    tree = folder / 'payload'
    common.remove(tree)
    for name in ('bin', 'hotplug', 'modules', 'guest'):
        (tree / name).mkdir(parents=True)
    for name in os.listdir(common.TESTBED / 'dom0'):
        shutil.copy(common.TESTBED / 'dom0' / name, tree / 'bin' / name)
    shutil.copy(common.ROOT / 'tools/host-setup/hicamp-adopt', tree / 'bin')
    # A driver domain boots from dom0's image, and is talked to as guests are.
    shutil.copy(common.TESTBED / 'guest/agent', tree / 'bin')
    shutil.copy(IMAGE / 'initramfs.gz', tree / 'guest/driver-domain')
    # As in a checkout: eval/run is for dom0 of a real host, too.
    shutil.copytree(common.ROOT / 'eval', tree / 'src/eval',
                    ignore=shutil.ignore_patterns('dedup', 'tests', '*.json'))
    (tree / 'src/tools/testbed/dom0').mkdir(parents=True)
    shutil.copy(common.TESTBED / 'dom0/guest', tree / 'src/tools/testbed/dom0')
    shutil.copytree(common.TESTBED / 'scenarios', tree / 'scenarios')
    if scenario != 'shell':
        common.say(f'payload: dom0 modules {_names(modules.built("dom0"))}, '
                   f'guest modules {_names(modules.built("guest"))}')
    for path in modules.tools():
        shutil.copy(path, tree / 'bin')
    glue = common.ROOT / 'ovs-glue'
    if glue.is_dir():
        shutil.copytree(glue, tree / 'ovs-glue', symlinks=True)
        for path in glue.glob('vif-*'):
            shutil.copy(path, tree / 'hotplug')
    if modules.built('dom0'):
        _overlay(ROOTFS, version, modules.built('dom0'), tree / 'modules')
    extra = b''
    if modules.built('guest'):
        over = folder / 'guest-overlay'
        common.remove(over)
        _overlay(GUEST / 'root', version, modules.built('guest'), over)
        (over / 'bin').mkdir()
        for path in modules.guest_tools():
            shutil.copy(path, over / 'bin')
        _cpio(over, folder / 'overlay.cpio', False)
        extra = (folder / 'overlay.cpio').read_bytes()
        (folder / 'overlay.cpio').unlink()
        shutil.rmtree(over)
    base = (GUEST / 'initramfs').read_bytes()
    (tree / 'guest/initramfs').write_bytes(base + extra)
    for name in GUEST_EXTRAS:
        shutil.copy(GUEST / f'{name}.cpio', tree / 'guest')
    (tree / 'scenario').write_text(scenario + '\n')
    (tree / 'env').write_text(''.join(
        f"export {key}='" + value.replace("'", "'\\''") + "'\n"
        for key, value in sorted(env.items())))
    size = sum(path.lstat().st_size for path in tree.rglob('*'))
    ext4(tree, folder / 'payload.img', f'{size // (1 << 20) + 24}M')
    shutil.rmtree(tree)
