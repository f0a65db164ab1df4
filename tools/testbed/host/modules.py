# SPDX-License-Identifier: GPL-2.0-only
"""Kernel modules and user-space tools, against the image's very kernel."""

import re

from . import common
from .common import TestbedError, output, run, step

OUT = common.BUILD / 'modules'
TOOLS = common.BUILD / 'tools'

# Source folder, relative to the checkout, and what of it who can load.
MODULES = [
    ('linux-netfront-hicamp', {'guest': '*.ko', 'dom0': '*.ko'}),
    ('linux-netback-hicamp', {'dom0': '*.ko'}),
    ('tools/testbed/guestmod', {'guest': '*.ko', 'dom0': '*.ko'}),
]

# Programs of tools/testbed/dom0 and tools/testbed/guest.
DOM0_TOOLS = ['domcpu', 'domkill']
GUEST_TOOLS = ['udpxfer', 'segtest', 'objserve']


def kernel():
    """Return (version, package version) of the kernel that is used."""
    depends = output(['dpkg-query', '-W', '-f', '${Depends}',
                      'linux-headers-amd64'])
    hit = re.search(r'linux-headers-(\S+) \(= ([^)]+)\)', depends)
    if not hit:
        raise TestbedError('linux-headers-amd64 is not installed; run '
                           '"tools/testbed/testbed deps"')
    return hit.group(1), hit.group(2)


def _copy(folder):
    """Copy a source folder under build/, keeping what was built there."""
    target = OUT / folder.replace('/', '-')
    target.mkdir(parents=True, exist_ok=True)
    run(['rsync', '-rlp', '--checksum', f'{common.ROOT / folder}/',
         f'{target}/'], 'rsync', limit=60)
    return target


def _has_sources(folder):
    """Tell whether a module folder is there to be built."""
    path = common.ROOT / folder
    return (path / 'Kbuild').is_file() or (path / 'Makefile').is_file()


def build():
    """Build every module folder that exists, and the dom0 tools.

    One that fails does not keep the others from being built; what it built
    earlier is removed, so that no boot uses it by mistake.
    """
    version, _ = kernel()
    failures = []
    for folder, _ in MODULES:
        if not _has_sources(folder):
            common.say(f'{folder} has no sources yet: skipped')
            continue
        target = _copy(folder)
        try:
            with step(f'building {folder} for {version}', '10 s'):
                run(['make', '-C', f'/lib/modules/{version}/build',
                     f'M={target}', f'HICAMP_PUBLIC={common.PUBLIC}',
                     f'-j{common.jobs()}', 'modules'],
                    f'modules-{target.name}', limit=300,
                    env={'MAKEFLAGS': '', 'MAKELEVEL': ''})
        except TestbedError as error:
            for path in target.glob('*.ko'):
                path.unlink()
            failures.append(str(error))
    for function in (build_dom0_tools, build_guest_tools, build_hicampctl):
        try:
            function()
        except TestbedError as error:
            failures.append(str(error))
    if failures:
        raise TestbedError('\n'.join(failures))


def built(who):
    """List the .ko files that are meant for 'guest' or 'dom0'."""
    found = []
    for folder, users in MODULES:
        if who in users and _has_sources(folder):
            target = OUT / folder.replace('/', '-')
            found += sorted(target.glob(users[who]))
    return found


def build_dom0_tools():
    """Build the testbed's own programs for dom0."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    for name in DOM0_TOOLS:
        with step(f'building {name}', '1 s'):
            run(['gcc', '-std=gnu99', '-O2', '-Wall', '-Werror', '-o',
                 TOOLS / name, common.TESTBED / 'dom0' / f'{name}.c',
                 '-lxenctrl'], name)


def build_guest_tools():
    """Build the guests' test programs, static for busybox."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    for name in GUEST_TOOLS:
        with step(f'building {name}', '1 s'):
            run(['gcc', '-std=gnu99', '-O2', '-Wall', '-Werror', '-static',
                 f'-I{common.ROOT / "linux-netfront-hicamp/uapi"}', '-o',
                 TOOLS / name, common.TESTBED / 'guest' / f'{name}.c'], name)


def build_hicampctl():
    """Build hicampctl, when it is there."""
    source = common.ROOT / 'tools/hicampctl'
    target = TOOLS / 'hicampctl'
    if not (source / 'Makefile').is_file():
        return
    target.mkdir(parents=True, exist_ok=True)
    try:
        with step('building hicampctl', '5 s'):
            run(['make', '-C', source, f'O={target}',
                 f'HICAMP_INC={common.PUBLIC.parent}'], 'hicampctl',
                env={'MAKEFLAGS': '', 'MAKELEVEL': ''})
    except TestbedError:
        (target / 'hicampctl').unlink(missing_ok=True)
        raise


def tools():
    """List the programs to install in dom0."""
    return [path for path in (*(TOOLS / name for name in DOM0_TOOLS),
                              TOOLS / 'hicampctl' / 'hicampctl')
            if path.is_file()]


def guest_tools():
    """List the programs to install in guests."""
    return [TOOLS / name for name in GUEST_TOOLS
            if (TOOLS / name).is_file()]
