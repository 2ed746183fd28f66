"""What every processor's section may say, as values."""

from __future__ import annotations

from proactor.config.grammar import DEFAULT
from proactor.config.job_settings import instances, job_settings, refresh, rollout_pace
from proactor.config.layers import Layers

from .samples import Case, parsed


class JobSettingsTests(Case):
    """A section's values, each of its type."""

    def test_defaults(self) -> None:
        """Where nothing is said."""
        found = job_settings({"x": "1"})
        self.assertEqual((found.refresh, found.stop_timeout, found.launcher, found.labels), (30.0, 10.0, "fork", {}))
        self.assertEqual((found.policy.attempts, found.nice, refresh({})), (10, None, 30.0))

    def test_said(self) -> None:
        """Lists and numbers."""
        found = job_settings({"refresh": "1.5", "labels": "role=canary, zone=a=b", "restart": "never", "nice": "-5"})
        self.assertEqual((found.refresh, found.nice, found.policy.mode), (1.5, -5, "never"))
        self.assertEqual(found.labels, {"role": "canary", "zone": "a=b"})

    def test_read_once(self) -> None:
        """Those of processors that say the same are read once, whatever else is in their sections."""
        self.assertIs(job_settings({"nice": "3", "x": "1"}), job_settings({"nice": "3", "x": "2", "instances": "4"}))
        self.assertNotEqual(job_settings({"nice": "3"}), job_settings({"nice": "4"}))

    def test_instances(self) -> None:
        """Are a module's, not DEFAULT's."""
        layers = Layers(parsed(f"[{DEFAULT}]\ninstances = 9\nmany = 3\n[m]\ninstances = ${{many}}\n[n]\n"))
        self.assertEqual([instances(layers, name) for name in ("m", "n", "none")], [3, None, None])

    def test_rollout(self) -> None:
        """How an edit of a section goes out, of one that is not there too."""
        layers = Layers(parsed("[m]\nrollout_batch = 1 10%\nrollout_watch = 5\n"))
        self.assertEqual(rollout_pace(layers, "m"), (("1", "10%"), 5.0, 30.0))
        self.assertEqual(rollout_pace(layers, "none"), ((), 0.0, 30.0))
