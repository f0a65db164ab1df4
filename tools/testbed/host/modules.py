# SPDX-License-Identifier: GPL-2.0-only
"""Kernel modules and user-space tools, against the image's very kernel."""

import re

from . import common
from .common import TestbedError, output, run, step

OUT = common.BUILD / 'modules'
TOOLS = common.BUILD / 'tools'

# Source folder, relative to the checkout, and who loads the result.
MODULES = [
    ('linux-netfront-hicamp', 'guest'),
    ('linux-netback-hicamp', 'dom0'),
    ('tools/testbed/guestmod', 'guest'),
]


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
    """Build every module folder that exists, and the dom0 tools."""
    version, _ = kernel()
    for folder, _ in MODULES:
        if not _has_sources(folder):
            common.say(f'{folder} has no sources yet: skipped')
            continue
        with step(f'building {folder} for {version}', '10 s'):
            target = _copy(folder)
            run(['make', '-C', f'/lib/modules/{version}/build',
                 f'M={target}', f'HICAMP_PUBLIC={common.PUBLIC}',
                 f'-j{common.jobs()}', 'modules'],
                f'modules-{target.name}', limit=300,
                env={'MAKEFLAGS': '', 'MAKELEVEL': ''})
    build_tools()


def built(who):
    """List the .ko files that are meant for 'guest' or 'dom0'."""
    found = []
    for folder, user in MODULES:
        if user == who and _has_sources(folder):
            target = OUT / folder.replace('/', '-')
            found += sorted(target.glob('*.ko'))
    return found


def build_tools():
    """Build hicampctl (when it is there) and the testbed's domcpu."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    with step('building the dom0 tools', '2 s'):
        run(['gcc', '-std=gnu99', '-O2', '-Wall', '-Werror', '-o',
             TOOLS / 'domcpu', common.TESTBED / 'dom0' / 'domcpu.c',
             '-lxenctrl'], 'domcpu')
        if (common.ROOT / 'tools/hicampctl/Makefile').is_file():
            target = _copy('tools/hicampctl')
            run(['make', '-C', target, f'HICAMP_PUBLIC={common.PUBLIC}'],
                'hicampctl', env={'MAKEFLAGS': '', 'MAKELEVEL': ''})


def tools():
    """List the programs to install in dom0."""
    ctl = OUT / 'tools-hicampctl' / 'hicampctl'
    return [path for path in (TOOLS / 'domcpu', ctl) if path.is_file()]
