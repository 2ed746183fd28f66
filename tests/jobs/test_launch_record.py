"""Tests of what is written down of a launch."""

from __future__ import annotations

from datetime import datetime, timezone

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.jobs.launch_record import LENGTH, LaunchRecord

NUMBERS = st.integers(0, 2**63 - 1)
RECORDS = st.builds(
    LaunchRecord,
    incarnation=NUMBERS,
    speaks=st.booleans(),
    revision=st.none() | NUMBERS,
    log_start=NUMBERS,
    started=st.none() | st.datetimes(timezones=st.just(timezone.utc)),
)


class LaunchRecordTests(SynchronousTestCase):
    """To bytes and back."""

    @given(RECORDS)
    def test_read(self, record: LaunchRecord) -> None:
        """It is read as it was written, and each takes the same room."""
        data = record.to_bytes()
        self.assertEqual(LaunchRecord.of(data), record)
        self.assertEqual(len(data), LENGTH)

    def test_earlier_version(self) -> None:
        """Where the number alone was written, nothing else is known."""
        self.assertEqual(LaunchRecord.of(b"00000000000000000003\n"), LaunchRecord(3))

    @given(RECORDS, st.integers(0, LENGTH), st.binary(max_size=LENGTH))
    def test_torn(self, record: LaunchRecord, kept: int, rest: bytes) -> None:
        """What a loss of power has made of it is no error: after that no process lives."""
        self.assertIsInstance(LaunchRecord.of(record.to_bytes()[:kept] + rest), LaunchRecord)

    def test_foreign(self) -> None:
        """What is none counts as none, or by its number alone."""
        for data in (b"", b"\0" * LENGTH, b"somebody else's", b"-1 {}"):
            self.assertEqual(LaunchRecord.of(data), LaunchRecord())
        for data in (b"3 []", b"3 {}", b'3 {"started": 5}', b'3 {"started": null, "more": 1}'):
            self.assertEqual(LaunchRecord.of(data), LaunchRecord(3))
        started = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
        self.assertIn(b'"started": "2026-11-24T12:00:00+00:00"', LaunchRecord(1, started=started).to_bytes())
