# SPDX-License-Identifier: GPL-2.0-only
"""The hypervisors: unpack, apply our files and hooks, configure, build.

build/src/xen is Debian's source as it is. build/src/xen-hicamp is a copy with
xen-patches/files and the hook patches on top; only files whose content differs
are ever written there, so that make rebuilds only what a change needs. Both
are built out of tree, into build/xen/FLAVOUR/obj.
"""

import filecmp
import re
import shutil
from pathlib import Path

from . import apt, common
from .common import PATCHES, TestbedError, run, step

SRC = common.BUILD / 'src'
PRISTINE = SRC / 'xen'
PATCHED = SRC / 'xen-hicamp'
OUT = common.BUILD / 'xen'
FLAVOURS = ('stock', 'release', 'debug')
CONFIG = {
    'stock': [],
    'release': ['CONFIG_HICAMP=y'],
    'debug': ['CONFIG_DEBUG=y', 'CONFIG_HICAMP=y'],
}


def unpack():
    """Unpack the pinned source with Debian's patches, once."""
    keys, sums = apt.upstream()
    stamp = SRC / '.unpacked'
    if common.is_fresh(stamp, sums[keys['dsc']]) and PRISTINE.is_dir():
        return
    apt.fetch()
    SRC.mkdir(parents=True, exist_ok=True)
    with step('unpacking Xen\'s source', '5 s'):
        for path in (PRISTINE, PATCHED):
            common.remove(path)
        run(['dpkg-source', '--no-check', '-x',
             apt.DOWNLOADS / keys['dsc'], PRISTINE], 'unpack')
    stamp.write_text(sums[keys['dsc']])


def series():
    """Return the hook patches in the order of xen-patches/series."""
    path = PATCHES / 'series'
    if not path.is_file():
        return []
    names = []
    for line in path.read_text().splitlines():
        name = line.split('#', 1)[0].strip()
        if name:
            if not (PATCHES / name).is_file():
                raise TestbedError(f'{path} names {name}, which is not there')
            names.append(PATCHES / name)
    return names


def _touched(patches):
    """Return the paths that patches write, relative to the tree."""
    paths = set()
    for patch in patches:
        for line in patch.read_text(errors='replace').splitlines():
            hit = re.match(r'(?:---|\+\+\+) [ab]/(\S+)', line)
            if hit:
                paths.add(hit.group(1))
    return paths


def _hooks(overlay, patches):
    """Apply the patches to copies of just the files that they touch."""
    scratch = SRC / 'scratch'
    common.remove(scratch)
    scratch.mkdir()
    touched = _touched(patches)
    for name in touched:
        source = overlay.get(name, PRISTINE / name)
        if source.is_file():
            (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, scratch / name)
    for number, patch in enumerate(patches):
        try:
            run(['patch', '-p1', '-F0', '--no-backup-if-mismatch', '-i',
                 patch], 'hooks', cwd=scratch, append=number > 0)
        except TestbedError as error:
            raise TestbedError(f'{patch.name} does not apply: {error}') \
                from None
    return {name: scratch / name for name in touched}


def patch_tree():
    """Bring build/src/xen-hicamp up to date, writing only what differs."""
    if not PATCHED.is_dir():
        with step('copying Xen\'s source for patching', '2 s'):
            scratch = SRC / 'xen-hicamp.new'
            common.remove(scratch)
            shutil.copytree(PRISTINE, scratch, symlinks=True)
            (SRC / '.overlaid').write_text('')
            scratch.rename(PATCHED)
    files = PATCHES / 'files'
    overlay = {}
    if files.is_dir():
        overlay = {str(path.relative_to(files)): path
                   for path in files.rglob('*')
                   if path.is_file() and not path.name.startswith('.')}
    overlay.update(_hooks(overlay, series()))
    manifest = SRC / '.overlaid'
    before = set(manifest.read_text().split('\n')) - {''}
    manifest.write_text('\n'.join(sorted(before | set(overlay))))
    changed = []
    for name in sorted(before | set(overlay)):
        source = overlay.get(name, PRISTINE / name)
        target = PATCHED / name
        if not source.is_file():
            if target.is_file():
                target.unlink()
                changed.append(name)
        elif not (target.is_file()
                  and filecmp.cmp(source, target, shallow=False)):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            target.chmod(source.stat().st_mode & 0o777)
            changed.append(name)
    manifest.write_text('\n'.join(sorted(overlay)))
    if changed:
        shown = ', '.join(Path(name).name for name in changed[:6])
        more = f' and {len(changed) - 6} more' if len(changed) > 6 else ''
        common.say(f'patched tree: updated {shown}{more}')


def _make(tree, flavour, *words, log, **kwargs):
    """Run make for one flavour, out of tree."""
    run(['make', '-C', tree / 'xen', f'O={OUT / flavour / "obj"}', *words],
        log, env={'XEN_BUILD_HOST': 'builder', 'MAKEFLAGS': '',
                  'MAKELEVEL': ''}, **kwargs)


def _configure(tree, flavour):
    """Write the flavour's .config, when what it should hold has changed."""
    kconfig = (tree / 'xen/common/Kconfig').read_text()
    wanted = list(CONFIG[flavour])
    if 'config HICAMP' in kconfig and flavour != 'stock':
        wanted.insert(0, 'CONFIG_UNSUPPORTED=y')
    stamp = OUT / flavour / '.configured'
    value = '\n'.join(wanted) + common.fingerprint([tree /
                                                    'xen/common/Kconfig'])
    if common.is_fresh(stamp, value):
        return
    obj = OUT / flavour / 'obj'
    obj.mkdir(parents=True, exist_ok=True)
    log = f'xen-{flavour}-config'
    _make(tree, flavour, 'defconfig', log=log)
    names = [line.split('=')[0] for line in wanted]
    config = obj / '.config'
    lines = [line for line in config.read_text().splitlines()
             if not any(re.search(rf'\b{name}\b', line) for name in names)]
    config.write_text('\n'.join(lines + wanted) + '\n')
    _make(tree, flavour, 'olddefconfig', log=log, append=True)
    found = config.read_text().splitlines()
    for line in wanted:
        if line not in found and ('HICAMP' not in line
                                  or 'config HICAMP' in kconfig):
            raise TestbedError(f'Kconfig did not accept {line}; see {config}')
    stamp.write_text(value)


def build(flavours):
    """Build hypervisors into build/xen/FLAVOUR/{xen,xen-syms,.config}."""
    unpack()
    if set(flavours) != {'stock'}:
        patch_tree()
    for flavour in flavours:
        tree = PRISTINE if flavour == 'stock' else PATCHED
        out = OUT / flavour
        usual = '5 s' if (out / 'xen').is_file() else '90 s'
        with step(f'building the {flavour} hypervisor', usual):
            _configure(tree, flavour)
            _make(tree, flavour, f'-j{common.jobs()}', log=f'xen-{flavour}',
                  limit=1200)
            for name in ('xen', 'xen-syms', '.config'):
                source, target = out / 'obj' / name, out / name
                if not (target.is_file()
                        and filecmp.cmp(source, target, shallow=False)):
                    shutil.copy(source, f'{target}.new')
                    Path(f'{target}.new').rename(target)
