"""What processors ask of the initiator."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from .support.rig import CONFIG, Rig


class RareFetchTests(SynchronousTestCase):
    """A processor that has no fetch held comes every ``refresh`` seconds, sooner or later by a tenth of that."""

    def test_never_without_token(self) -> None:
        """It is never left with a token that expires before its next fetch."""
        rig = Rig(self, CONFIG.replace("colour = red", "colour = red\nrefresh = 140"))
        job = rig.create()
        token, tokens = rig.token(job), set()
        for number in range(20):
            # Once just before half of the token's 300 seconds are gone, then as late as it can be.
            rig.clock.advance(154 if number % 2 else 149)
            answer = rig.ask(f"GET /config/{job.guid}", token=token, headers=[("If-None-Match", '"2"')])
            self.assertIn(answer.status, (200, 304), number)
            if answer.status == 200:
                token = answer.json()["token"]
            tokens.add(token)
        self.assertGreater(len(tokens), 10)
