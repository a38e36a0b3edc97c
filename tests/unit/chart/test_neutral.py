"""The chart itself names nothing of one site or one camera: values/ and bucket-config/ do."""

from __future__ import annotations

import re

from tests.unit.chart.helm import CHART

NAMES = re.compile(r"\w*(?:sdf|s3df|slac|weka|summit|lsstcam|latiss|comcam)\w*|\brubin-\w+|172\.\d")
KNOWN = {
    # The service answers for the cameras that it knows, and for no others.
    ("templates/presence/deployment.yaml", "lsstcam"),
    ("templates/tests/test.yaml", "lsstcam"),
}


def test_the_chart_names_no_site_and_no_camera() -> None:
    files = [
        *(CHART / name for name in ("Chart.yaml", "values.yaml", "values.schema.json")),
        *(path for folder in ("templates", "files") for path in (CHART / folder).rglob("*.*")),
        *(CHART / "monitoring").iterdir(),
    ]
    found = {
        (str(file.relative_to(CHART)), name)
        for file in files
        for name in NAMES.findall(file.read_text(encoding="utf-8").lower())
    }
    assert found == KNOWN
