"""A proxy with TLS before a server, by an authority that no machine knows; everything ends with its block."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hub import PROXY
from running import free_port, wait_for_port


@dataclass(frozen=True)
class Secure:
    """Where the proxy is, and whose word its certificate takes."""

    url: str
    authority: Path

    @property
    def trust(self) -> ssl.SSLContext:
        """What a client trusts that knows the authority."""
        return ssl.create_default_context(cafile=self.authority)


@contextlib.contextmanager
def securing(target: str, folder: Path) -> Iterator[Secure]:
    """The proxy of JupyterHub, with TLS, before a server that speaks plain HTTP."""
    authority, certificate, key = certificates(folder)
    port, api_port = free_port(), free_port()
    command = [str(PROXY), "--ip", "127.0.0.1", "--port", str(port), "--default-target", target]
    command += ["--api-ip", "127.0.0.1", "--api-port", str(api_port)]
    command += ["--ssl-key", str(key), "--ssl-cert", str(certificate)]
    with (folder / "tls.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=os.environ | {"CONFIGPROXY_AUTH_TOKEN": "of-this-test"}
        )
    try:
        wait_for_port(port)
        yield Secure(f"https://127.0.0.1:{port}", authority)
    finally:
        process.terminate()
        process.wait(60)


def certificates(folder: Path) -> tuple[Path, Path, Path]:
    """An authority's certificate, one of this machine's by its word, and the latter's key."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("ours", "127.0.0.1")]
    now = datetime.datetime.now(datetime.UTC)
    made = []
    for is_authority, name, key in zip((True, False), names, keys, strict=True):
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(names[0])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
            )
        )
        certificate = builder.sign(keys[0], hashes.SHA256())
        path = folder / f"{'authority' if is_authority else 'own'}.pem"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        made.append(path)
    key_path = folder / "own.key"
    key_path.write_bytes(
        keys[1].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return made[0], made[1], key_path
