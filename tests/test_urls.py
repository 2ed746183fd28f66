"""Tests of URLs."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from proactor.urls import in_url, is_base_url, local_url, url


class UrlTests(SynchronousTestCase):
    """Addresses in URLs."""

    def test_host(self) -> None:
        """What has colons is in brackets, and nothing else is."""
        self.assertEqual([in_url(host) for host in ("::1", "127.0.0.1", "h")], ["[::1]", "127.0.0.1", "h"])
        self.assertEqual(url("https", "fe80::1", 8443), "https://[fe80::1]:8443")

    def test_local(self) -> None:
        """Who listens at all addresses is reached at this machine's own."""
        for address, host in (("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("192.0.2.1", "192.0.2.1")):
            self.assertEqual(local_url(address, 80), f"http://{host}:80")
        self.assertEqual(local_url("::", 443, "https"), "https://[::1]:443")

    def test_base(self) -> None:
        """Is of a web server, with a path or without."""
        for text in ("http://127.0.0.1:8080", "https://h", "http://[::1]:1/a/b/", "http://h/"):
            self.assertTrue(is_base_url(text), text)
        for text in (
            "",
            "h:80",
            "ftp://h",
            "http://",
            "http://h:0",
            "http://h:x",
            "http://h:99999",
            "http://[::1",
            "http://h?a",
            "http://h#a",
            "http://u:p@h",
            "http://h\u00fc",
        ):
            self.assertFalse(is_base_url(text), text)
