# SPDX-License-Identifier: GPL-2.0-only
"""Results of a run, as one JSON file: environment, points, figures.

{"environment": {...}, "scenarios": {name: {title, about, thesis, x}},
 "points": [{id, scenario, system, ..., "result": {...} or "error": "..."}]}

It is written after each boot, so a set that was interrupted goes on from it.
"""

import json
import os
import statistics

from . import parse
from .scenario import EvalError

FILE = 'results.json'


def load(path):
    """Read a results file."""
    try:
        found = json.loads(path.read_text())
        found['points'], found['environment'], found['scenarios']
    except (OSError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise EvalError(f'{path} is no results file: {error}') from None
    return found


def save(path, results):
    """Write it whole or not at all."""
    new = path.with_suffix('.new')
    new.write_text(json.dumps(results, indent=1, sort_keys=True) + '\n')
    os.replace(new, path)


def done(results):
    """Return the ids of points that have a figure."""
    return {point['id'] for point in results['points'] if 'result' in point}


def add(results, points, records, problems):
    """Add records of points; what has none, or is not readable, has an error."""
    by_id = {record['id']: record for record in records}
    kept = [old for old in results['points']
            if old['id'] not in {point['id'] for point in points}]
    for point in points:
        record = by_id.get(point['id'])
        entry = {key: value for key, value in point.items() if key != 'flows'}
        entry['nr_flows'] = len(point['flows'])
        if not record:
            entry['error'] = 'not reached: ' + ('; '.join(problems)[:300] or
                                                'the boot ended early')
        elif 'error' in record:
            entry['error'] = record['error']
        else:
            try:
                entry['result'] = parse.figures(point, record)
            except (ValueError, KeyError, IndexError) as error:
                entry['error'] = str(error)
        kept.append(entry)
    results['points'] = kept


def series(results):
    """Group repeated points: {id without repetition: [result, ...]}."""
    found = {}
    for point in results['points']:
        if 'result' in point:
            key = point['id'].rsplit('/', 1)[0]
            found.setdefault(key, []).append(point['result'])
    return found


def median(values):
    """Return the median, and the spread relative to it."""
    middle = statistics.median(values)
    spread = (max(values) - min(values)) / middle if middle else 0.0
    return middle, spread


def noise_limit(unit):
    """How far repeated cost-clock runs may be apart: design's own figures."""
    return 0.03 if unit == '/s' else 0.01


def compare(old, new, limit):
    """List (id, old, new, change, verdict) of what both have.

    change is relative, above 0 for more of what counts (all values are rates).
    verdict: "worse" beyond limit, "better" or "changed" beyond the noise of
    either side, else "same".
    """
    rows = []
    ours = series(new)
    for key, was in series(old).items():
        if key not in ours:
            continue
        before, spread = median([one['value'] for one in was])
        after, spread2 = median([one['value'] for one in ours[key]])
        if not before:
            continue
        change = after / before - 1
        noise = max(spread, spread2, noise_limit(was[0]['unit']))
        verdict = 'same'
        if change < -limit:
            verdict = 'worse'
        elif abs(change) > noise:
            verdict = 'better' if change > 0 else 'changed'
        rows.append((key, before, after, change, verdict))
    return rows
