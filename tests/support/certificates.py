"""Authorities and certificates, made in memory."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)


@frozen
class Pair:
    """A certificate and its key.

    :param signer: what signed it; ``None``: itself.
    """

    certificate: x509.Certificate
    key: EllipticCurvePrivateKey

    @classmethod
    def made(
        cls,
        *names: str,
        signer: Pair | None = None,
        authority: bool = False,
        days: float = 30,
        common: str = "test",
    ) -> Pair:
        """One for some names, from yesterday on."""
        key, now = generate_private_key(SECP256R1()), datetime.now(timezone.utc)
        issuer = _name(common) if signer is None else signer.certificate.subject
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(common))
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 100 * _DAY)
            .not_valid_after(now + days * _DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(map(_alternative, names)), critical=False)
        return cls(builder.sign(key if signer is None else signer.key, SHA256()), key)

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    def key_pem(self, passphrase: bytes | None = None) -> bytes:
        """The key."""
        locked = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)

    def write(self, folder: Path, name: str = "server", chain: tuple[Pair, ...] = ()) -> tuple[Path, Path]:
        """The files of both; the key's is for its owner alone."""
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        certificate.write_bytes(b"".join(pair.pem for pair in (self, *chain)))
        key.touch(0o600)
        key.write_bytes(self.key_pem())
        return certificate, key


def authority(common: str = "An authority") -> Pair:
    """One that signs others."""
    return Pair.made(authority=True, common=common)
