"""The keys with which a Dask scheduler, its workers and this grader know one another (TLS)."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from distributed import Security

from chainrule.errors import UserError

YEARS = 2
FILES = ("ca.pem", "cert.pem", "key.pem")
NAME = "chainrule cluster"


def make_keys(folder: Path) -> None:
    """Write an authority, and one certificate and key that everyone in the cluster holds.

    Raises UserError when there are keys already: what runs with them would be locked out.
    """
    for name in FILES:
        if (folder / name).exists():
            raise UserError(
                f"{folder / name} is there already. Name another folder, or remove it if nothing "
                "runs with these keys any more."
            )
    authority = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "ca.pem", _pem(_certificate(authority, authority, f"{NAME} authority", True)))
    _write(folder / "cert.pem", _pem(_certificate(key, authority, NAME, False)))
    _write(
        folder / "key.pem",
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _certificate(
    subject: ec.EllipticCurvePrivateKey,
    issuer: ec.EllipticCurvePrivateKey,
    name: str,
    authority: bool,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(f"{NAME} authority"))
        .public_key(subject.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .sign(issuer, hashes.SHA256())
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def security(scheduler: str, keys: Path | None) -> Security | None:
    """What a client of that scheduler shows and asks for; None where nothing is encrypted.

    Without a folder of keys, those of Dask's own settings count.
    """
    if not scheduler.startswith("tls:"):
        return None
    if keys is not None:
        return security_of(keys)
    found = Security(require_encryption=True)
    settings = found.get_tls_config_for_role("client")
    if not settings.get("ca_file") or not settings.get("cert"):
        raise UserError(
            f"--scheduler {scheduler} needs keys: name their folder with --keys, or set "
            "distributed.comm.tls in Dask's configuration. `chainrule keys DIR` makes some."
        )
    return found


def security_of(keys: Path) -> Security:
    """TLS for scheduler, workers and clients that all hold these keys, and nothing but TLS.

    Raises UserError when a key is missing.
    """
    for name in FILES:
        if not (keys / name).is_file():
            raise UserError(
                f"There is no {keys / name}. Name the folder that `chainrule keys` made."
            )
    ca, cert, key = (str((keys / name).resolve()) for name in FILES)
    roles = ("client", "scheduler", "worker")
    return Security(
        require_encryption=True,
        tls_ca_file=ca,
        **{f"tls_{role}_cert": cert for role in roles},
        **{f"tls_{role}_key": key for role in roles},
    )
