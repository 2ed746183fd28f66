"""TLS for what the initiator serves: certificate and key of files, checked, and others in their place while it runs."""

from __future__ import annotations

import os
import stat
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any

from attrs import define, field, frozen
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import Certificate, load_pem_x509_certificates
from OpenSSL.crypto import X509, PKey
from OpenSSL.SSL import Connection, Context, Error
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import (
    extract_patterns,
    verify_certificate_hostname,
    verify_certificate_ip_address,
)
from twisted.internet.interfaces import IAddress, IOpenSSLServerConnectionCreator, IProtocolFactory, IReactorTime
from twisted.internet.ssl import CertificateOptions
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from ..config.settings import InitiatorSettings
from ..errors import ProactorError

#: How long before its end a certificate is warned about.
_SOON = timedelta(days=14)
_MOST = 1 << 20

log = Logger()


@frozen
class CertificateFiles:
    """Where certificate and key are.

    :param certificate: in PEM, that of the server first, then those that lead to its authority.
    :param key: in PEM, without a passphrase.
    :param name: what clients call the server: the certificate has to be for it.
    :param authority: in PEM, by which processors verify the certificate.
    """

    certificate: str
    key: str
    name: str
    authority: str

    def load(self, now: datetime) -> Context:
        """Read and check them.

        :raises ProactorError: names the file, the option, what is wrong and what to do.
        """
        chain = self._certificates()
        self._check_name(chain[0])
        self._check_key(chain[0], key := self._key())
        self._check_authority(chain[0])
        self._check_time(chain[0], now)
        options = CertificateOptions(
            privateKey=PKey.from_cryptography_key(key),  # type: ignore[arg-type]
            certificate=X509.from_cryptography(chain[0]),
            extraCertChain=[X509.from_cryptography(each) for each in chain[1:]],
        )
        try:
            context: Context = options.getContext()
        except Error as e:
            raise ProactorError(f"tls_certificate {self.certificate}: OpenSSL does not take it: {_reason(e)}") from None
        return context

    def _certificates(self) -> list[Certificate]:
        try:
            return load_pem_x509_certificates(_read("tls_certificate", self.certificate))
        except ValueError:
            problem = "holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----"
            raise ProactorError(f"tls_certificate {self.certificate}: {problem}") from None

    def _check_name(self, certificate: Certificate) -> None:
        try:
            if _is_address(self.name):
                verify_certificate_ip_address(certificate, self.name)
            else:
                verify_certificate_hostname(certificate, self.name)
        except (CertificateError, VerificationError):
            raise ProactorError(
                f"tls_certificate {self.certificate}: is for {_names(certificate)}, and not for "
                f"host_addr = {self.name}: make host_addr a name that it is for, or have a certificate made for that"
            ) from None

    def _key(self) -> PrivateKeyTypes:
        data = _read("tls_key", self.key)
        mode = stat.S_IMODE(os.stat(self.key).st_mode)
        if mode & 0o007:
            log.warn(
                "tls_key {path}: anybody on this machine may read it (mode {mode}): chmod 600 {path}",
                path=self.key,
                mode=f"{mode:04o}",
            )
        try:
            return load_pem_private_key(data, None)
        except TypeError:
            problem = "is locked by a passphrase: store it without one, readable by the initiator alone"
        except (ValueError, UnsupportedAlgorithm):
            problem = "holds no private key in PEM, which begins with -----BEGIN PRIVATE KEY-----"
        raise ProactorError(f"tls_key {self.key}: {problem}")

    def _check_key(self, certificate: Certificate, key: PrivateKeyTypes) -> None:
        pair = certificate.public_key(), key.public_key()
        ours, theirs = (each.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for each in pair)
        if ours != theirs:
            raise ProactorError(
                f"tls_key {self.key}: is not the key of the first certificate in {self.certificate}: "
                "name the two that belong together, and have the server's own certificate stand first"
            )

    def _check_authority(self, certificate: Certificate) -> None:
        if self.authority == self.certificate:
            if certificate.issuer != certificate.subject:
                raise ProactorError(
                    f"tls_ca: is needed, for {self.certificate} is signed by {certificate.issuer.rfc4514_string()}: "
                    "name the file of that authority, by which processors verify the initiator; "
                    "of a public one that is /etc/ssl/certs/ca-certificates.crt"
                )
            return
        try:
            load_pem_x509_certificates(_read("tls_ca", self.authority))
        except ValueError:
            raise ProactorError(f"tls_ca {self.authority}: holds no certificate in PEM") from None

    def _check_time(self, certificate: Certificate, now: datetime) -> None:
        end = certificate.not_valid_after_utc
        if now >= end:
            # Who restarts the initiator at night has processors that are looked after, and this line.
            log.error("tls_certificate {path}: has ended on {end}: clients refuse it", path=self.certificate, end=end)
        elif now + _SOON >= end:
            log.warn("tls_certificate {path}: ends on {end}: put another in its place", path=self.certificate, end=end)


def _read(option: str, path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_MOST)
    except OSError as e:
        problem = f"cannot be read: {e.strerror}: it must be a PEM file that the initiator's user may read"
        raise ProactorError(f"{option} {path}: {problem}") from None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _names(certificate: Certificate) -> str:
    """What a certificate is for, in words."""
    try:
        patterns = extract_patterns(certificate)
    except CertificateError:
        patterns = []
    found = [getattr(each, "pattern", None) for each in patterns]
    shown = [each.decode("ascii", "replace") if isinstance(each, bytes) else str(each) for each in found]
    return ", ".join(shown) or "no name at all (it has no subjectAltName)"


def _reason(error: Error) -> str:
    """What OpenSSL says."""
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return ", ".join(str(entry[-1]) for entry in queue) or "no reason given"


def _files(settings: InitiatorSettings) -> CertificateFiles:
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None or key is None:
        raise ProactorError("tls_certificate and tls_key are not in the configuration any more")
    return CertificateFiles(certificate, key, settings.host_addr, settings.tls_ca or certificate)


@implementer(IOpenSSLServerConnectionCreator)
@define(eq=False)
class ServerTls:
    """What connections begin with; those that there are keep what they began with."""

    _context: Context = field(repr=False)

    @classmethod
    def of(cls, settings: InitiatorSettings, now: datetime) -> ServerTls:
        """What the settings say.

        :raises ProactorError: the files cannot be had, or do not hold.
        """
        return cls(_files(settings).load(now))

    def reload(self, settings: InitiatorSettings, now: datetime, why: str) -> None:
        """Take up certificate and key as the files are now; what is wrong with them is logged, and nothing changes."""
        try:
            self._context = _files(settings).load(now)
        except ProactorError as e:
            log.error("{why}: the certificate stays as it was: {error}", why=why, error=str(e))
        else:
            log.info("{why}: read the certificate again", why=why)

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> Connection:
        """Begin one; see ``IOpenSSLServerConnectionCreator``."""
        return Connection(self._context, None)

    def around(self, factory: IProtocolFactory, clock: IReactorTime) -> TLSMemoryBIOFactory:
        """Have what a factory serves go over TLS."""
        return _Factory(self, False, factory, clock)


class _Factory(TLSMemoryBIOFactory):
    """A factory whose inner one may refuse a connection: Twisted's own would fail on that."""

    noisy = False

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Return the protocol of a new connection, or None to close it at once."""
        inner = self.wrappedFactory.buildProtocol(addr)
        return None if inner is None else self.protocol(self, inner)
