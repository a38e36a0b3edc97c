"""The page of a night; it needs nothing from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import jinja2

from embargo_butler import terminal
from embargo_butler.delivery.night import BIN_SECONDS, Arrival, Night

SHOWN = 100
"""Outliers that are named one by one; more would not be read."""


def page(night: Night, typed: Callable[[Sequence[str]], str]) -> str:
    """Return the night as HTML, complete in itself.

    Args:
        night: The night.
        typed: Spells the commands that the page names.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("embargo_butler.delivery", "pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda shown: terminal.visible(shown) if type(shown) is str else shown,
    )
    environment.filters["clock"] = lambda seconds: (
        f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S}"
    )
    environment.filters["seconds"] = _seconds
    template = environment.get_template("night.html")
    shown = {"night": night, "chart": _Chart(night), "shown": SHOWN}
    return template.render(**shown, trace=lambda name: typed(("trace", name)))


class _Chart:
    """The delays over the night as points of a drawing: 900 wide, 260 high, delays by logarithm."""

    width, height = 900, 260

    def __init__(self, night: Night) -> None:
        times = [each.put for each in night.done] or [0.0]
        self._begin = min(times) // 3600 * 3600
        self._end = max(self._begin + 3600, -(-max(times) // 3600) * 3600)
        self._decades = max(1, math.ceil(math.log10(max(10.0, night.spread.largest))))
        self._night = night

    def x(self, when: float) -> float:
        """Return where a time is."""
        return round((when - self._begin) / (self._end - self._begin) * self.width, 1)

    def y(self, delay: float) -> float:
        """Return where a delay is; what is under a second lies at the bottom."""
        return round(self.height * (1 - math.log10(max(1.0, delay)) / self._decades), 1)

    def hours(self) -> list[tuple[float, str]]:
        """Return the full hours, every second one in a long night."""
        step = 3600 if self._end - self._begin <= 12 * 3600 else 7200
        whole = range(int(self._begin), int(self._end) + 1, step)
        return [(self.x(hour), f"{datetime.fromtimestamp(hour, UTC):%H}") for hour in whole]

    def delays(self) -> list[tuple[float, str]]:
        """Return the powers of ten."""
        return [(self.y(10.0**n), _seconds(10.0**n)) for n in range(self._decades + 1)]

    def line(self, what: str) -> str:
        """Return the points of a line: `median` or `p95`."""
        # Each five minutes are a level of their own: of a single point nothing would be drawn.
        found = [
            (self.x(min(max(at, self._begin), self._end)), self.y(getattr(spread, what)))
            for begin, spread in self._night.bins()
            for at in (begin, begin + BIN_SECONDS)
        ]
        return " ".join(f"{x},{y}" for x, y in found)

    def outliers(self) -> list[tuple[float, float, Arrival]]:
        """Return the slowest with their places."""
        return [(self.x(a.put), self.y(a.delay), a) for a in self._night.outliers[:SHOWN]]


def _seconds(value: float) -> str:
    if value < 10:
        return f"{value:.1f} s"
    if value < 600:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 36000 else f"{value / 3600:.0f} h"
