# mypy: allow-untyped-calls

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.static import Data

from proactor.config.document import parse
from proactor.config.layers import Layers
from proactor.config.settings import InitiatorSettings, initiator_settings
from proactor.errors import ProactorError, Unavailable
from proactor.tls.server import CertificateFiles, ServerTls
from proactor.tls.trust import Trust
from proactor.wire import Limits, Site

from ..support.certificates import Pair, authority

NOW = datetime.now(timezone.utc)
GUID = "8d740c16d9b8419aa7417f7da6deb039"


class Case(SynchronousTestCase):
    """Files in a folder of the test's own."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def files(self, pair: Pair | None = None, name: str = "localhost", ca: Path | None = None) -> CertificateFiles:
        """What a pair is written to; one that signed itself, if not told."""
        certificate, key = (pair or Pair.made("localhost", "127.0.0.1")).write(self.folder)
        return CertificateFiles(str(certificate), str(key), name, str(ca or certificate))

    def refused(self, files: CertificateFiles) -> str:
        return str(self.assertRaises(ProactorError, files.load, NOW))

    def said(self, files: CertificateFiles) -> list[str]:
        """What the log says of files that are taken."""
        with capturedLogs() as events:
            files.load(NOW)
        return [formatEvent(event) for event in events]


class FilesTests(Case):
    """What is wrong with files is said, with file, option and remedy."""

    def test_good(self) -> None:
        """What is right is taken without a word: a pair that signed itself, and one of an authority with its chain."""
        self.assertEqual(self.said(self.files()), [])
        self.assertEqual(self.said(self.files(name="127.0.0.1")), [])
        root = authority()
        between = Pair.made(signer=root, authority=True, common="between")
        ca, _ = root.write(self.folder, "ca")
        pair = Pair.made("a.example", signer=between)
        certificate, key = pair.write(self.folder, chain=(between,))
        self.assertEqual(self.said(CertificateFiles(str(certificate), str(key), "a.example", str(ca))), [])

    def test_missing(self) -> None:
        """A file that is not there, or may not be read."""
        files = self.files()
        os.unlink(files.key)
        self.assertIn(f"tls_key {files.key}: cannot be read: No such file", self.refused(files))
        os.unlink(files.certificate)
        self.assertIn(f"tls_certificate {files.certificate}: cannot be read", self.refused(files))

    def test_no_pem(self) -> None:
        """A file that holds something else, as when the two are mixed up."""
        files = self.files()
        swapped = CertificateFiles(files.key, files.certificate, files.name, files.authority)
        self.assertIn("-----BEGIN CERTIFICATE-----", self.refused(swapped))
        Path(files.key).write_bytes(b"nothing")
        self.assertIn("-----BEGIN PRIVATE KEY-----", self.refused(files))

    def test_locked(self) -> None:
        """A key that needs a passphrase, for which nobody is asked."""
        pair = Pair.made("localhost")
        files = self.files(pair)
        Path(files.key).write_bytes(pair.key_pem(b"hunter2"))
        self.assertIn("is locked by a passphrase", self.refused(files))

    def test_other_key(self) -> None:
        """A key that is another certificate's, and a chain that begins with another certificate."""
        files = self.files()
        Path(files.key).write_bytes(Pair.made("localhost").key_pem())
        self.assertIn("is not the key of the first certificate", self.refused(files))

    def test_other_name(self) -> None:
        """A certificate that is not for what clients call the server."""
        for name in ("a.example", "127.0.0.2"):
            self.assertIn(
                f"is for localhost, 127.0.0.1, and not for host_addr = {name}", self.refused(self.files(name=name))
            )
        self.assertIn("it has no subjectAltName", self.refused(self.files(Pair.made())))

    def test_authority(self) -> None:
        """One that somebody else signed, where it is not said who."""
        root = authority("Somebody")
        self.assertIn("tls_ca: is needed", self.refused(self.files(Pair.made("localhost", signer=root))))
        wrong = self.folder / "wrong.pem"
        files = self.files(ca=wrong)
        self.assertIn("tls_ca", self.refused(files))
        wrong.write_text("nothing")
        self.assertIn("holds no certificate in PEM", self.refused(files))

    def test_open(self) -> None:
        """A key that others may read is warned about, and used."""
        files = self.files()
        os.chmod(files.key, 0o644)
        self.assertEqual(
            self.said(files),
            [f"tls_key {files.key}: anybody on this machine may read it (mode 0644): chmod 600 {files.key}"],
        )
        os.chmod(files.key, 0o640)
        self.assertEqual(self.said(files), [])

    def test_time(self) -> None:
        """One that ends soon is warned about; one that has ended is an error in the log, and no reason not to start."""
        (soon,) = self.said(self.files(Pair.made("localhost", days=3)))
        self.assertIn("put another in its place", soon)
        (ended,) = self.said(self.files(Pair.made("localhost", days=-1)))
        self.assertIn("clients refuse it", ended)


class Wire(StringTransport):
    """A connection in memory, on which options of TCP can be set."""

    def __init__(self) -> None:
        super().__init__(lenient=True)

    def setTcpNoDelay(self, _enabled: bool) -> None:
        """It knows no delay."""


class Server:
    """A server of TLS in memory, and clients of it.

    :ivar tls: what its connections begin with.
    """

    def __init__(self, tls: ServerTls, clock: Clock, limits: Limits | None = None) -> None:
        root = Resource()
        root.putChild(b"", Data(b"hello", "text/plain"))
        self.tls, self.clock = tls, clock
        self.site = Site(root, clock=clock, limits=limits or Limits())
        self.factory: Any = tls.around(self.site, clock)

    def connect(self) -> tuple[Any, Wire]:
        """A connection, and its other end; none where it is refused."""
        transport = Wire()
        protocol = self.factory.buildProtocol(None)
        if protocol is not None:
            protocol.makeConnection(transport)
        return protocol, transport


class Client(Protocol):
    """Asks once it is connected, and keeps what comes."""

    def __init__(self) -> None:
        self.received = b""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")

    def dataReceived(self, data: bytes) -> None:
        self.received += data


def ask(server: Server, options: Any) -> Client:
    """Ask a server for its root, over TLS in memory."""
    client = Client()
    factory = TLSMemoryBIOFactory(options, True, Factory.forProtocol(lambda: client), server.clock)
    ours: Any = factory.buildProtocol(None)
    wire = Wire()
    ours.makeConnection(wire)
    theirs, other = server.connect()
    for _ in range(20):
        server.clock.advance(0)
        for source, target in ((wire, theirs), (other, ours)):
            data = source.value()
            source.clear()
            if data:
                target.dataReceived(data)
    return client


def trusting(pair: Pair, name: str = "localhost") -> Any:
    return optionsForClientTLS(name, trustRoot=trustRootFromCertificates([Certificate.loadPEM(pair.pem)]))


class ServingTests(Case):
    """What is served."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.pair = Pair.made("localhost")
        certificate, key = self.pair.write(self.folder)
        self.settings = self.read(certificate, key)
        self.server = Server(ServerTls.of(self.settings, NOW), self.clock)

    def read(self, certificate: Path, key: Path) -> InitiatorSettings:
        text = f"[{GUID}]\nlisten_scheme = https\ntls_certificate = {certificate}\ntls_key = {key}\n"
        return initiator_settings(Layers(parse(text, "a.cfg")), GUID)

    def reload(self) -> list[str]:
        with capturedLogs() as events:
            self.server.tls.reload(self.settings, NOW, "SIGHUP")
        return [formatEvent(event) for event in events]

    def test_answered(self) -> None:
        """Who trusts the certificate is answered, and speaks HTTP/1.1."""
        client = ask(self.server, trusting(self.pair))
        self.assertIn(b"HTTP/1.1 200 OK\r\n", client.received)
        self.assertTrue(client.received.endswith(b"hello"))

    def test_not_trusted(self) -> None:
        """Who does not, or means another name, says nothing and hears nothing."""
        other = Pair.made("localhost")
        for options in (trusting(other), trusting(self.pair, "a.example")):
            self.assertEqual(ask(self.server, options).received, b"")

    def test_old_versions(self) -> None:
        """Nothing older than TLS 1.2 is spoken."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_options(SSL.OP_NO_TLSv1_2 | SSL.OP_NO_TLSv1_3)
        context.set_cipher_list(b"ALL:@SECLEVEL=0")

        class Old:
            def clientConnectionForTLS(self, _protocol: Any) -> SSL.Connection:
                return SSL.Connection(context, None)

        from twisted.internet.interfaces import IOpenSSLClientConnectionCreator  # noqa: PLC0415
        from zope.interface import directlyProvides  # noqa: PLC0415

        old = Old()
        directlyProvides(old, IOpenSSLClientConnectionCreator)
        self.assertEqual(ask(self.server, old).received, b"")

    def test_reload(self) -> None:
        """New connections get the certificate that is in the file now; those that there are go on with theirs."""
        protocol, transport = self.server.connect()
        new = Pair.made("localhost")
        new.write(self.folder)
        self.assertEqual(self.reload(), ["SIGHUP: read the certificate again"])
        self.assertIn(b"hello", ask(self.server, trusting(new)).received)
        self.assertEqual(ask(self.server, trusting(self.pair)).received, b"")
        self.assertFalse(transport.disconnecting or transport.disconnected)
        self.assertIsNotNone(protocol)

    def test_bad_reload(self) -> None:
        """What is wrong is told, and the certificate stays."""
        (self.folder / "server.pem").write_text("nothing")
        (line,) = self.reload()
        self.assertRegex(line, "^SIGHUP: the certificate stays as it was: tls_certificate .*server.pem: holds no")
        self.assertIn(b"hello", ask(self.server, trusting(self.pair)).received)

    def test_taken_out(self) -> None:
        """So it is where the configuration has none any more."""
        self.settings = initiator_settings(Layers(parse(f"[{GUID}]\n", "a.cfg")), GUID)
        self.assertIn("not in the configuration any more", self.reload()[0])

    def test_handshake_in_time(self) -> None:
        """Who does not shake hands is cut off after the time for headers, however it trickles."""
        for sent in (b"", b"\x16\x03\x01"):
            protocol, transport = self.server.connect()
            for byte in sent:
                protocol.dataReceived(bytes([byte]))
                self.clock.advance(3)
            self.clock.advance(10)
            self.assertTrue(transport.disconnected or transport.disconnecting, sent)
            protocol.connectionLost(ConnectionAborted())

    def test_bounded(self) -> None:
        """Strangers are so many at most, as without TLS: the one that waits longest goes, and no error comes."""
        server = Server(self.server.tls, self.clock, Limits(unauthenticated=2))
        connections = [server.connect() for _ in range(3)]
        self.assertTrue(connections[0][1].disconnected or connections[0][1].disconnecting)
        server.site.draining = True
        self.assertIsNone(server.connect()[0])
        for protocol, _ in connections:
            protocol.connectionLost(ConnectionAborted())

    def test_garbage(self) -> None:
        """Who speaks something else is hung up on, without an error in the log."""
        with capturedLogs() as events:
            protocol, transport = self.server.connect()
            protocol.dataReceived(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertTrue(transport.disconnecting or transport.disconnected)
        self.assertEqual(list(events), [])
        protocol.connectionLost(ConnectionAborted())


class TrustTests(Case):
    """Whom a processor trusts."""

    def setUp(self) -> None:
        super().setUp()
        self.clock: IReactorTime = Clock()

    def serving(self, files: CertificateFiles) -> Server:
        return Server(ServerTls(files.load(NOW)), Clock())

    def test_itself(self) -> None:
        """A certificate that signed itself is trusted by itself, and a new one as soon as it is in the file."""
        trust = Trust(str(self.folder / "server.pem"), "localhost")
        for _ in range(2):
            files = self.files(Pair.made("localhost"))
            os.utime(files.certificate, ns=(0, int(NOW.timestamp() * 1e9) + _))
            self.assertIn(b"hello", ask(self.serving(files), trust.options()).received)

    def test_read_once(self) -> None:
        """What has not changed is not read again."""
        self.files()
        trust = Trust(str(self.folder / "server.pem"), "localhost")
        self.assertIs(trust.options(), trust.options())

    def test_authority(self) -> None:
        """One of an authority is trusted by that, for the name that is meant and no other."""
        root = authority()
        ca, _ = root.write(self.folder, "ca")
        files = self.files(Pair.made("localhost", signer=root), ca=ca)
        server = self.serving(files)
        self.assertIn(b"hello", ask(server, Trust(str(ca), "localhost").options()).received)
        self.assertEqual(ask(server, Trust(str(ca), "a.example").options()).received, b"")
        self.assertEqual(ask(self.serving(self.files()), Trust(str(ca), "localhost").options()).received, b"")

    def test_broken_later(self) -> None:
        """A file that holds nothing any more changes nothing, which is said once; mended, it counts again."""
        self.files(Pair.made("localhost"))
        path = self.folder / "server.pem"
        trust = Trust(str(path), "localhost")
        before = trust.options()
        path.write_text("nothing")
        self.goes_on(trust, before, "holds no certificate")
        path.unlink()
        self.goes_on(trust, before, "cannot be read")
        files = self.files(Pair.made("localhost"))
        self.assertIn(b"hello", ask(self.serving(files), trust.options()).received)

    def goes_on(self, trust: Trust, before: object, reason: str) -> None:
        with capturedLogs() as events:
            self.assertEqual([trust.options(), trust.options()], [before, before])
        self.assertEqual([reason in formatEvent(event) for event in events], [True])

    def test_wrong(self) -> None:
        """A file that is not there or holds nothing is told of by its name."""
        path = self.folder / "ca.pem"
        trust = Trust(str(path), "localhost")
        self.assertIn("ca.pem: cannot be read", str(self.assertRaises(Unavailable, trust.options)))
        path.write_text("nothing")
        self.assertIn("ca.pem: holds no certificate", str(self.assertRaises(Unavailable, trust.options)))
