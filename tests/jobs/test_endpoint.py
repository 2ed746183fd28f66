"""Tests of what a processor that is ready can be chosen by, as values."""

from __future__ import annotations

import json
from datetime import datetime, timezone

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.jobs.endpoint import Change, Endpoint, Selection, selection
from proactor.model import Job

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
TERMS = ("module:m", "module:n", "label:role", "label:role=a", "label:role=b", "guid:g", "guid:h")


def endpoint(module: str = "m", **labels: str) -> Endpoint:
    return Endpoint("g", module, labels, "http://h:1", 1)


endpoints = st.none() | st.builds(endpoint, st.sampled_from("mn")) | st.builds(endpoint, role=st.sampled_from("ab"))
selections = st.frozensets(st.sampled_from(TERMS), max_size=3)


class EndpointTests(SynchronousTestCase):
    """One processor."""

    def test_selection(self) -> None:
        """What is asked for is what is kept by."""
        self.assertEqual(selection("m", ["role", "tier=x"]), {"module:m", "label:role", "label:tier=x"})
        self.assertEqual(selection(None, []), frozenset())
        self.assertEqual(selection(None, [], "g"), {"guid:g"})

    def test_record(self) -> None:
        """It is told as it is reached, from here and from elsewhere; where it is not here there is no local URL."""
        job = Job("g", "m", "fork", 7001, "http://host:7001", NOON, {"role": "a"}, "0.0.0.0", incarnation=2)
        record = {"guid": "g", "module": "m", "labels": {"role": "a"}, "url": "http://host:7001", "incarnation": 2}
        self.assertEqual(json.loads(Endpoint.of(job).text), {**record, "local_url": "http://127.0.0.1:7001"})
        job.address = ""
        self.assertEqual(json.loads(Endpoint.of(job).text), {**record, "local_url": None})

    def test_fits(self) -> None:
        """It is chosen by all that it has, together, and by nothing else; without a choice it is one of all."""
        one = endpoint(role="a")
        for wanted in ((), ("guid:g",), ("module:m", "label:role"), ("label:role=a", "guid:g")):
            self.assertTrue(one.fits(frozenset(wanted)), wanted)
        for wanted in (("guid:h",), ("module:m", "label:role=b"), ("label:tier",)):
            self.assertFalse(one.fits(frozenset(wanted)), wanted)


class ChangeTests(SynchronousTestCase):
    """What it was, and what it is."""

    @given(endpoints, endpoints, selections)
    def test_touches(self, before: Endpoint | None, after: Endpoint | None, wanted: Selection) -> None:
        """It touches those selections that the processor is or was of, and is found by each of their terms."""
        change = Change.of("g", before, after)
        fits = any(each is not None and each.fits(wanted) for each in (before, after))
        self.assertEqual(change.touches(wanted), fits)
        if fits:
            self.assertLessEqual(wanted, change.terms())
