"""Shows a journey to people: the focal plane, a bar for each stage, the closing table."""

from __future__ import annotations

import csv
from pathlib import Path

from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tests.support.detectors import CORNERS, Detector
from tests.support.exposure import Exposure
from tests.support.journey import Journey, Latency, Stage

_COLOURS = {
    None: "grey30",
    Stage.PUT: "grey62",
    Stage.ANNOUNCED: "yellow",
    Stage.QUEUED: "dark_orange",
    Stage.INGESTED: "blue",
    Stage.FOUND: "cyan",
    Stage.PRESENT: "green",
}
_CORNER_PLACES = {(0, 0): "SW0", (0, 2): "SW1", (2, 0): "SG0", (2, 2): "SG1"}


def picture(journey: Journey, exposure: Exposure) -> Text:
    """Draw the focal plane, each detector in the colour of the stage that its file has reached."""
    text = Text(no_wrap=True)
    for row in range(15):
        for column in range(15):
            detector = _detector_at(row, column)
            if detector is None:
                text.append("  ")
            else:
                stage = journey.furthest(exposure.key(detector))
                text.append("■ ", style=_COLOURS[stage])
        text.append("\n")
    return text


def bars(journey: Journey) -> Table:
    """Draw one bar for each stage."""
    table = Table.grid(padding=(0, 1))
    for stage in Stage:
        total = len(journey.expected(stage))
        reached = journey.reached(stage)
        table.add_row(
            Text(f"■ {stage}", style=_COLOURS[stage]),
            ProgressBar(total, reached, width=40),
            f"{reached:>4} of {total}",
        )
    return table


def live(journey: Journey, exposure: Exposure) -> Group:
    """Draw the focal plane of an exposure above the bars."""
    return Group(picture(journey, exposure), bars(journey))


def line(journey: Journey) -> str:
    """Say in one line how many files have reached each stage."""
    return ", ".join(
        f"{stage} {journey.reached(stage)}/{len(journey.expected(stage))}" for stage in Stage
    )


def closing_table(journey: Journey) -> Table:
    """Sum up: how many files reached each stage, and how long that took them."""
    names = ", ".join(exposure.name for exposure in journey.exposures)
    table = Table(
        title=names,
        caption="seconds: median / 95th percentile / maximum. A step counts from its cause: PUT "
        "from the request, announced from PUT, queued from announced, the others from queued.",
    )
    table.add_column("stage")
    table.add_column("files", justify="right")
    table.add_column("the step", justify="right")
    table.add_column("since PUT", justify="right")
    for stage in Stage:
        table.add_row(
            str(stage),
            f"{journey.reached(stage)} of {len(journey.expected(stage))}",
            seconds(journey.step(stage)),
            "" if stage is Stage.PUT else seconds(journey.since_put(stage)),
        )
    return table


def seconds(latency: Latency | None) -> str:
    """Write a latency in seconds."""
    if latency is None:
        return "-"
    return f"{latency.median:.2f} / {latency.p95:.2f} / {latency.maximum:.2f}"


def write_times(journey: Journey, path: Path) -> None:
    """Write one line for each file: its key, and the time at which it was at each stage."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["key", *Stage])
        for key in journey.detectors:
            times = (journey.time(stage, key) for stage in Stage)
            writer.writerow([key, *("" if when is None else f"{when:.3f}" for when in times)])


def _detector_at(row: int, column: int) -> Detector | None:
    raft = f"R{row // 3}{column // 3}"
    place = (row % 3, column % 3)
    if raft not in CORNERS:
        return Detector(raft, f"S{place[0]}{place[1]}")
    slot = _CORNER_PLACES.get(place)
    return Detector(raft, slot) if slot else None
