"""The cluster's certificate authority, certificates and kubeconfig files."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.rig.files import write_private
from tests.rig.site import API_SERVICE, API_URL, NODE, NODE_NAME, STATE

PKI = STATE / "pki"
CA = PKI / "ca.crt"
_LIFETIME = datetime.timedelta(days=3650)


@dataclass(frozen=True)
class Identity:
    """Who a certificate speaks for, to the API server and as a server."""

    name: str
    common_name: str
    group: str = ""
    hosts: Sequence[str] = ()


_API_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost")
IDENTITIES = (
    Identity("apiserver", "kube-apiserver", hosts=(*_API_NAMES, "127.0.0.1", NODE, API_SERVICE)),
    Identity("admin", "admin", "system:masters"),
    Identity("controllers", "system:kube-controller-manager"),
    Identity("scheduler", "system:kube-scheduler"),
    Identity("kubelet", f"system:node:{NODE_NAME}", "system:nodes", hosts=(NODE_NAME, NODE)),
    Identity("proxy", "system:kube-proxy"),
    Identity("coredns", "system:coredns", "system:masters"),
)


def up() -> None:
    """Make what is missing; the last file is written last, so that a half-made set is made anew."""
    complete = PKI / "complete"
    if complete.exists():
        return
    PKI.mkdir(parents=True, exist_ok=True)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rig-ca")])
    ca = _certificate(ca_name, ca_name, ca_key, ca_key, is_ca=True)
    CA.write_bytes(_pem(ca))
    for identity in IDENTITIES:
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, identity.common_name)]
        if identity.group:
            attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, identity.group))
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(attributes)
        certificate = _certificate(subject, ca_name, key, ca_key, hosts=identity.hosts)
        (PKI / f"{identity.name}.crt").write_bytes(_pem(certificate))
        _write_key(PKI / f"{identity.name}.key", key)
        _write_kubeconfig(identity.name)
    tokens = ec.generate_private_key(ec.SECP256R1())
    _write_key(PKI / "sa.key", tokens)
    (PKI / "sa.pub").write_bytes(
        tokens.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    complete.touch()


def kubeconfig(name: str) -> Path:
    """Return the kubeconfig file of one of the identities."""
    return PKI / f"{name}.kubeconfig"


def _write_kubeconfig(name: str) -> None:
    user = {
        "client-certificate": str(PKI / f"{name}.crt"),
        "client-key": str(PKI / f"{name}.key"),
    }
    cluster = {"server": API_URL, "certificate-authority": str(CA)}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "rig", "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": "rig", "context": {"cluster": "rig", "user": name}}],
        "current-context": "rig",
    }
    kubeconfig(name).write_text(yaml.safe_dump(content))


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    hosts: Sequence[str] = (),
    is_ca: bool = False,
) -> x509.Certificate:
    # The clock of a test may be set back a little; certificates must not mind.
    begin = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + _LIFETIME)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        # Python 3.13 refuses certificates without these (RFC 5280).
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .add_extension(_key_usage(is_ca), critical=True)
    )
    if not is_ca:
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if hosts:
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer, hashes.SHA256())


def _key_usage(is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    content = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    write_private(path, content)
