"""Whom a client trusts that calls an initiator over TLS: what a file says, as it is at that moment."""

from __future__ import annotations

import os

from attrs import define, field
from cryptography.x509 import load_pem_x509_certificates
from OpenSSL.crypto import X509
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.logger import Logger

from ..errors import Unavailable

__all__ = ["Trust"]

_log = Logger(namespace="proactor.processor")


@define(eq=False)
class Trust:
    """Certificates in PEM, by which that of the other side is verified, and the name that it must be for.

    The file is read again when it has changed, so that a certificate that follows another is trusted in its turn. One
    that holds nothing any more, or is being replaced, changes nothing: what was read of it before goes on.

    :param path: of the certificates: authorities, or the other side's own where that signed itself.
    :param name: a host name or an address, whatever the connection goes to.
    """

    path: str
    name: str
    _seen: tuple[int, ...] | None = field(default=None, init=False)
    _options: IOpenSSLClientConnectionCreator | None = field(default=None, init=False)
    _problem: str | None = field(default=None, init=False)

    def options(self) -> IOpenSSLClientConnectionCreator:
        """What a connection is made with.

        :raises Unavailable: the file cannot be read, or holds no certificate, and never did.
        """
        try:
            self._refresh()
        except Unavailable as error:
            if self._options is None:
                raise
            if str(error) != self._problem:
                self._problem = str(error)
                _log.warn("{problem}: what it held before goes on: mend the file", problem=error)
        assert self._options is not None
        return self._options

    def _refresh(self) -> None:
        try:
            status = os.stat(self.path)
            seen = status.st_ino, status.st_mtime_ns, status.st_size
            if self._options is None or seen != self._seen:
                self._options, self._seen, self._problem = self._read(), seen, None
        except OSError as error:
            raise Unavailable(f"{self.path}: cannot be read: {error.strerror}") from error

    def _read(self) -> IOpenSSLClientConnectionCreator:
        with open(self.path, "rb") as file:
            data = file.read()
        try:
            found = load_pem_x509_certificates(data)
        except ValueError:
            raise Unavailable(f"{self.path}: holds no certificate in PEM") from None
        trusted = trustRootFromCertificates([Certificate(X509.from_cryptography(each)) for each in found])
        options: IOpenSSLClientConnectionCreator = optionsForClientTLS(self.name, trustRoot=trusted)
        return options
