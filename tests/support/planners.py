"""Both planners of buckets side by side, in every world that a test makes."""

from __future__ import annotations

from typing import Any

import pytest

from embargo_butler.buckets import decisions, plan
from embargo_butler.errors import HooksError
from embargo_butler.model.plan import Plan


def compare(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Have each plan made by both, and fail where they are not equal.

    Returns:
        The worlds that were met, each once, as they go on.
    """
    met, older = set[str](), plan.plan_buckets

    def both(*given: Any, **named: Any) -> Plan:
        config, attributes, observed, ledger = given[:4]
        made = ledger.text(config.endpoint, ledger.of(config.endpoint))
        met.add(repr((config, attributes, observed, made, named.get("renew", given[6:7]))))
        expected = _answer(older, *given, **named)
        found = _answer(decisions.plan_buckets, *given, **named)
        if isinstance(expected, HooksError):
            assert (type(found), str(found)) == (type(expected), str(expected))
            raise expected
        assert isinstance(expected, Plan)
        assert found == expected
        return expected

    monkeypatch.setattr(plan, "plan_buckets", both)
    return met


def _answer(planner: Any, *given: Any, **named: Any) -> Any:
    try:
        return planner(*given, **named)
    except HooksError as problem:
        return problem
