# SPDX-License-Identifier: GPL-2.0-only
"""Tables, plots and one HTML page from a results file."""

import html
import math
import re
import shutil
import subprocess

from . import results as results_
from .scenario import systems

COLOURS = ['#9a9a9a', '#c98b3c', '#1f6fb2', '#5aa469', '#8a5fb0', '#c2504d',
           '#3fa7a0', '#d68fb5', '#6b6b2f']


def _number(value):
    """Write a figure with a sensible number of digits."""
    if value is None:
        return '-'
    if abs(value) >= 100:
        return f'{value:,.0f}'
    return f'{value:.1f}' if abs(value) >= 10 else f'{value:.2f}'


def _rows(results, scenario):
    """Return (columns, {(test, x): {system: result}}) of a scenario."""
    x = results['scenarios'][scenario]['x']
    cells, order = {}, []
    for key, found in results_.series(results).items():
        name, system, test, guests, size = key.split('/')
        if name != scenario:
            continue
        if system not in order:
            order.append(system)
        at = (test, int(size) if x == 'size' else int(guests))
        best = dict(found[0])
        best['value'], best['spread'] = results_.median(
            [one['value'] for one in found])
        best['runs'] = len(found)
        cells.setdefault(at, {})[system] = best
    # Boots end in any order; the first system is what others are compared with.
    first = results['scenarios'][scenario].get('systems', [])
    order.sort(key=lambda name: first.index(name) if name in first
               else len(first))
    return order, cells


def table(results, scenario):
    """Return a scenario's table as rows of text cells, the header first."""
    known = systems()
    order, cells = _rows(results, scenario)
    x = results['scenarios'][scenario]['x']
    base = order[0] if order else None
    cost = results['environment'].get('clock') == 'cost'
    header = ['test', 'bytes' if x == 'size' else 'guests', 'unit']
    header += [known.get(s, {}).get('title', s) for s in order]
    header += [f'{s} / {base}' for s in order[1:]]
    header += [('k instructions' if cost else 'CPU us') + f', {s}'
               for s in order]
    rows = [header]
    for (test, at), found in sorted(cells.items()):
        unit = next(iter(found.values()))['unit']
        row = [test, str(at), unit]
        row += [_number(found[s]['value']) if s in found else '-'
                for s in order]
        row += [f'{found[s]["value"] / found[base]["value"]:.2f}'
                if s in found and base in found and found[base]['value']
                else '-' for s in order[1:]]
        for system in order:
            per = found[system]['cpu_per_unit'] if system in found else None
            # 2 ns an instruction on the cost clock.
            scale = 1e9 / 2 / 1e3 if cost else 1e6
            row.append(_number(per * scale) if per else '-')
        rows.append(row)
    return rows


def work_table(results, scenario):
    """Return where the work is, as rows of text cells, the header first.

    Of each domain per unit of traffic, and what a packet takes of the ports'
    counters: all of them, so both ends' doorbells count.
    """
    known = systems()
    order, cells = _rows(results, scenario)
    x = results['scenarios'][scenario]['x']
    scale, word = ((1e9 / 2 / 1e3, 'k instructions')
                   if results['environment'].get('clock') == 'cost'
                   else (1e6, 'CPU us'))
    rows = [['test', 'bytes' if x == 'size' else 'guests', 'system',
             f'dom0, {word}', 'a', 'others', 'packets', 'hypercalls',
             'events', 'copies']]
    for (test, at), found in sorted(cells.items()):
        for system in (name for name in order if name in found):
            one = found[system]
            busy = sum(s for who, s in one['cpu'].items() if who != 'idle')
            per = one['cpu_per_unit']
            share = {who: (per * scale * s / busy if per and busy else None)
                     for who, s in one['cpu'].items() if who != 'idle'}
            others = [s for who, s in share.items() if who not in ('0', 'a')]
            each = one.get('per_packet', {})
            rows.append([test, str(at), known.get(system, {}).get(
                'title', system), _number(share.get('0')),
                _number(share.get('a')),
                _number(sum(others) if others and None not in others
                        else None),
                *(_number(each.get(key)) for key in (
                    'packets', 'doorbells', 'events', 'copies'))])
    return rows


def notes(results, scenario):
    """Return lines under a table: means, loss, latency, spread, thesis."""
    order, cells = _rows(results, scenario)
    lines = []
    for system in order[1:]:
        ratios = [found[system]['value'] / found[order[0]]['value']
                  for found in cells.values()
                  if system in found and order[0] in found
                  and found[order[0]]['value'] and found[system]['value']]
        if len(ratios) > 1:
            mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
            lines.append(f'{system} over {order[0]}, geometric mean: '
                         f'{mean:.2f}')
    for (test, at), found in sorted(cells.items()):
        for system, one in found.items():
            if one.get('loss', 0) > 0.001:
                lines.append(f'{test} {at}, {system}: {one["loss"]:.1%} lost')
            if 'silence_ms' in one:
                lines.append(f'{test} {at}, {system}: longest silence '
                             f'{one["silence_ms"]:g} ms')
            if 'held' in one:
                lines.append(f'{test} {at}, {system}: ' + ', '.join(
                    f'{value:,} {key}' for key, value in one['held'].items()) +
                    ' in use meanwhile')
            if one['runs'] > 1:
                limit = results_.noise_limit(one['unit'])
                lines.append(
                    f'{test} {at}, {system}: {one["runs"]} runs are '
                    f'{one["spread"]:.1%} apart' + (
                        f', more than the {limit:.0%} that they should be'
                        if one['spread'] > limit and results['environment'].get(
                            'clock') == 'cost' else ''))
            if 'latency' in one:
                lines.append(f'{test} {at}, {system}, us: ' + ', '.join(
                    f'{key} {value:g}'
                    for key, value in one['latency'].items()))
    thesis = results['scenarios'][scenario].get('thesis')
    if thesis:
        lines.append(f'In the thesis, {thesis}')
    for point in results['points']:
        if point['scenario'] == scenario and 'error' in point:
            lines.append(f'{point["id"]}: no figure: {point["error"]}')
    return lines


def text(results):
    """Return all tables as text."""
    out = []
    for name, scenario in results['scenarios'].items():
        rows = table(results, name)
        widths = [max(len(row[i]) for row in rows)
                  for i in range(len(rows[0]))]
        out += [f'{scenario["title"]} ({name})', '']
        for number, row in enumerate(rows):
            out.append('  '.join(cell.rjust(w) for cell, w in
                                 zip(row, widths)).rstrip())
            if not number:
                out.append('  '.join('-' * w for w in widths))
        out += ['', *('  ' + line for line in notes(results, name)), '', '']
    return '\n'.join(out)


def markdown(results):
    """Return all tables for a document."""
    out = []
    for name, scenario in results['scenarios'].items():
        rows = table(results, name)
        out += [f'## {scenario["title"]}', '', f'`eval/run {name}`. '
                f'{scenario["about"]}', '',
                '| ' + ' | '.join(rows[0]) + ' |',
                '|' + '---|' * len(rows[0])]
        out += ['| ' + ' | '.join(row) + ' |' for row in rows[1:]]
        out += ['', *(f'- {line}' for line in notes(results, name)), '']
    return '\n'.join(out)


def plot(results, scenario, folder, kind):
    """Draw a scenario with gnuplot; return the file, or None."""
    if not shutil.which('gnuplot'):
        return None
    known = systems()
    order, cells = _rows(results, scenario)
    main = [test for test, _ in cells]
    if not main or len({at for _, at in cells}) < 2:
        return None
    test = max(set(main), key=main.count)
    points = sorted(at for t, at in cells if t == test)
    x = results['scenarios'][scenario]['x']
    unit = next(iter(cells[test, points[0]].values()))['unit']
    data, lines = [], []
    for number, system in enumerate(order):
        rows = [f'{at} {cells[test, at][system]["value"]}' for at in points
                if system in cells[test, at]]
        if not rows:
            continue
        data.append(f'$d{number} << EOD\n' + '\n'.join(rows) + '\nEOD')
        title = known.get(system, {}).get('title', system)
        lines.append(f'$d{number} using 1:2 with linespoints lw 2 pt 7 ps 0.6 '
                     f'lc rgb "{COLOURS[number % len(COLOURS)]}" '
                     f'title "{title}"')
    path = folder / f'{scenario}.{kind}'
    terminal = {'svg': 'svg size 640,400 dynamic font "sans,12"',
                'png': 'png size 960,600 font "sans,14"'}[kind]
    label = {'size': 'bytes', 'guests': 'guests'}[x]
    title = results['scenarios'][scenario]['title'].replace('"', '')
    if 'thesis' in results['scenarios'][scenario]:
        title += '\\n{/*0.8 thesis, ' + results['scenarios'][scenario][
            'thesis'].replace('"', '') + '}'
    script = '\n'.join([
        *data, f'set terminal {terminal}', f'set output "{path}"',
        f'set title "{title}"', f'set xlabel "{label}"',
        f'set ylabel "{unit}"', 'set grid', 'set key left top',
        'set yrange [0:*]', 'set logscale x 2' if x == 'size' else '',
        'plot ' + ', '.join(lines), ''])
    done = subprocess.run(['gnuplot'], input=script, text=True,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return path if not done.returncode and path.is_file() else None


STYLE = '''
body { font: 16px/1.5 system-ui, sans-serif; margin: 1rem auto; padding: 0 1rem;
       max-width: 60rem; color: #222; background: #fff }
h1, h2 { line-height: 1.2 }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .85rem; white-space: nowrap }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd;
         text-align: right; font-variant-numeric: tabular-nums }
th { white-space: normal; vertical-align: bottom }
svg { max-width: 100%; height: auto }
.env th, .env td { white-space: normal; overflow-wrap: anywhere;
                   text-align: left; vertical-align: top }
.notes { font-size: .85rem; color: #555 }
@media print { body { max-width: none } section { break-inside: avoid } }
'''


def _html_table(rows):
    """Return the lines of a table whose first row is its header."""
    return ['<div class="wide"><table><tr>' + ''.join(
        f'<th>{html.escape(cell)}' for cell in rows[0]) + '</tr>',
        *('<tr>' + ''.join(f'<td>{html.escape(cell)}' for cell in row) +
          '</tr>' for row in rows[1:]), '</table></div>']


def page(results, folder):
    """Return the self-contained HTML report."""
    env = results['environment']
    clock = ('Cost clock: every instruction takes 2 ns of virtual time on one '
             'CPU, so a figure is work, not time, and ratios are what counts.'
             if env.get('clock') == 'cost' else 'Wall clock.')
    out = ['<!doctype html><html lang="en"><meta charset="utf-8">'
           '<meta name="viewport" content="width=device-width">'
           '<title>hicamp-xen: evaluation</title>', f'<style>{STYLE}</style>',
           '<h1>hicamp-xen: evaluation</h1>', f'<p>{clock}</p>']
    for name, scenario in results['scenarios'].items():
        rows = table(results, name)
        out.append(f'<section><h2>{html.escape(scenario["title"])}</h2>'
                   f'<p>{html.escape(scenario["about"])}</p>')
        path = plot(results, name, folder, 'svg')
        if path:
            drawing = re.sub(r'<\?xml.*?\?>|<!DOCTYPE.*?>', '',
                             path.read_text(), flags=re.S)
            # Names inside one page must differ from plot to plot.
            drawing = drawing.replace('gnuplot_plot_', f'{name}_plot_')
            drawing = drawing.replace("gpDot", f"{name}Dot").replace(
                'gpPt', f'{name}Pt')
            out.append(drawing)
        out += _html_table(rows)
        out.append('<ul class="notes">' + ''.join(
            f'<li>{html.escape(line)}' for line in notes(results, name)) +
            f'<li>Repeat: <code>eval/run {name}</code></ul>'
            '<details><summary>Where the work is</summary>')
        out += _html_table(work_table(results, name))
        out.append('</details></section>')
    out.append('<h2>Environment</h2><table class="env">' + ''.join(
        f'<tr><th>{html.escape(key)}<td>{html.escape(str(value))[:200]}'
        for key, value in sorted(env.items())) + '</table></html>')
    return '\n'.join(out) + '\n'


def write(results, folder):
    """Write report.txt, report.md, report.html and plots into folder."""
    (folder / 'report.txt').write_text(text(results))
    (folder / 'report.md').write_text(markdown(results))
    (folder / 'report.html').write_text(page(results, folder))
    for name in results['scenarios']:
        plot(results, name, folder, 'png')
