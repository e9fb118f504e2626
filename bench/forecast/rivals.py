"""Plain rules and LightGBM on the same hours. Writes the table for the native program, and the errors as JSON.

`rivals.py TABLE YEAR EVERY LEARNER`: of forecasts from every so many-th hour, as the native program's; LEARNER is 0 or 1. Each error is over that
of the count of the same hour a week before.
"""

import json
import sys

import numpy

from counts import Counts, number

LEADS = (1, 3, 6)
WEEK = 168
# The native program's furthest: it begins so many hours before the year.
MAX_LEAD = 6
# The years before have lockdowns that no later one is like.
LEARNT_FROM = 2022


def shifted(values, hours):
    """What was `hours` before."""
    out = numpy.full(len(values), numpy.nan)
    out[hours:] = values[:-hours]
    return out


def mean(parts, weights=None):
    """Of what is known of each hour."""
    weights = weights or [1.0] * len(parts)
    known = [numpy.isfinite(part) for part in parts]
    total = sum(numpy.where(is_known, weight * part, 0.0) for is_known, weight, part in zip(known, weights, parts))
    weight = sum(numpy.where(is_known, weight, 0.0) for is_known, weight in zip(known, weights))
    return numpy.where(weight > 0, total / numpy.maximum(weight, 1e-12), numpy.nan)


def profile(counts):
    """The mean of the same hour of six weeks before, newer ones weighing more."""
    return mean([shifted(counts, WEEK * week) for week in range(1, 7)], [0.8**week for week in range(6)])


def plain_ratio(counts, usual, lead):
    """How far the last three hours lay above their profile, as a share."""
    now, was = ([shifted(values, lead + hour) for hour in range(3)] for values in (counts, usual))
    return (mean(now) + 5) / (mean(was) + 5)


def features(data, counts, usual, lead):
    """Twenty-five, of what is known `lead` hours before."""
    ago = lambda hours: shifted(counts, lead + hours)  # noqa: E731
    times = data.times
    day = mean([ago(hour) for hour in range(24)])
    usual_day = mean([shifted(usual, lead + hour) for hour in range(24)])
    squares = mean([ago(hour) ** 2 for hour in range(24)])
    columns = [
        [time.hour for time in times],
        [time.weekday() for time in times],
        [time.month for time in times],
        [time.timetuple().tm_yday for time in times],
        data.is_holiday(),
        data.is_holiday(1),
        data.is_holiday(-1),
        *(ago(hours) for hours in (0, 1, 2, 5)),
        *(shifted(counts, hours) for hours in (24, 48, WEEK, 2 * WEEK, 3 * WEEK, 4 * WEEK)),
        ago(WEEK),
        mean([ago(hour) for hour in range(3)]),
        day,
        mean([ago(hour) for hour in range(WEEK)]),
        numpy.sqrt(numpy.maximum(squares - day**2, 0)),
        usual,
        plain_ratio(counts, usual, lead),
        (day + 5) / (usual_day + 5),
    ]
    return numpy.stack([numpy.asarray(column, dtype=float) for column in columns], 1)


def learnt(data, counts, usual, lead, year):
    import lightgbm

    columns = features(data, counts, usual, lead)
    of_year = data.year == year
    known = (data.year < year) & (data.year >= min(LEARNT_FROM, year - 1)) & numpy.isfinite(counts) & numpy.isfinite(usual)
    settings = {
        "objective": "regression_l1", "learning_rate": 0.05, "num_leaves": 63, "min_child_samples": 40, "feature_fraction": 0.8,
        "bagging_fraction": 0.8, "bagging_freq": 1, "verbose": -1, "num_threads": 1, "deterministic": True, "seed": 1,
    }  # fmt: skip
    model = lightgbm.train(settings, lightgbm.Dataset(columns[known], counts[known]), 400)
    forecast = numpy.full(len(counts), numpy.nan)
    forecast[of_year] = model.predict(columns[of_year])
    return forecast


def main():
    table, year, every, with_learner = sys.argv[1], *map(int, sys.argv[2:])
    data = Counts()
    data.write(table)
    of_year = data.year == year
    first = int(numpy.argmax(of_year))
    errors = {}
    for place, counts in zip(data.places, data.counts.T):
        usual, naive = profile(counts), shifted(counts, WEEK)
        enough = [numpy.isfinite(counts[data.year == one]).sum() > 4000 for one in (year - 1, year)]
        if not all(enough):
            continue
        for lead in LEADS:
            rules = {"profile": usual, "ratio": usual * (1 + (plain_ratio(counts, usual, lead) - 1) * 0.85**lead)}
            if with_learner:
                rules["lightgbm"] = learnt(data, counts, usual, lead, year)
            # All on the same hours.
            is_asked = (numpy.arange(len(counts)) - lead - (first - MAX_LEAD)) % every == 0
            scored = of_year & is_asked & numpy.isfinite(counts - naive) & numpy.isfinite(sum(rules.values()))
            error = lambda forecast: float(numpy.abs(counts - forecast)[scored].sum())  # noqa: E731
            errors.setdefault(place, {})[lead] = {rule: error(forecast) / error(naive) for rule, forecast in rules.items()}
        print(place, errors[place], file=sys.stderr, flush=True)
    hours = [number(time) for time, is_of_year in zip(data.times, of_year) if is_of_year]
    json.dump({"errors": errors, "hours": [hours[0], hours[-1] + 1]}, sys.stdout)


if __name__ == "__main__":
    main()
