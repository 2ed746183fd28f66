"""Tests of the client: endpoints, tokens, messages."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from proactor.client import Conflict, NotFound

from .support import Memory


class RegistryTests(SynchronousTestCase):
    """Who is ready, and who may ask."""

    def test_endpoints(self) -> None:
        """Who is ready is listed, all or of a module and a label."""
        memory = Memory(self)
        job = memory.rig.create()
        endpoints = memory.client.endpoints
        (found,) = memory.run(endpoints.list(module="my.module"))
        self.assertEqual((found.guid, found.url), (job.guid, "http://localhost:20000"))
        self.assertEqual(memory.run(endpoints.list(labels=["role"])), [])

    def test_tokens(self) -> None:
        """A token is made, listed without what it is, and revoked."""
        memory = Memory(self)
        tokens = memory.client.tokens
        made = memory.run(tokens.create("ci", ["read"], 60))
        self.assertNotIn(made.token, repr(made))
        self.assertTrue(made.token)
        (found,) = memory.run(tokens.list())
        self.assertEqual((found.name, found.scopes, "token" in found.record), ("ci", ("read",), False))
        memory.fail(tokens.create("ci", ["read"]), Conflict)
        memory.run(tokens.revoke("ci"))
        memory.fail(tokens.revoke("ci"), NotFound)

    def test_messages(self) -> None:
        """A message is stored, looked at while it waits, and dropped."""
        memory = Memory(self)
        messages = memory.client.messages
        receipt = memory.run(messages.send("my.module", {"a": 1}, attributes={"type": "x"}, expires=60))
        (number,) = receipt.numbers
        boxes = memory.run(messages.mailboxes())
        self.assertEqual((boxes.waiting, boxes.receivers[0].receiver), (1, "my.module"))
        (found,) = memory.run(messages.list("waiting", receiver="my.module", count=5))
        self.assertEqual((found.number, found.type, found.state), (number, "x", "waiting"))
        self.assertEqual(memory.run(messages.get(number)).record["event"]["data"], {"a": 1})
        memory.run(messages.drop(number))
        memory.fail(messages.get(number), NotFound)
        memory.fail(messages.resend(number, "my.module"), NotFound)
