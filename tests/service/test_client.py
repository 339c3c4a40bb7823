"""`chainrule.submit` against services that are encrypted, elsewhere, or not services at all."""

from __future__ import annotations

import datetime
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from autograde.unit import load_unit
from chainrule import post
from chainrule.submit import SubmitError, submit

from .running import ROOT, UNIT


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A learner's folder with the notebook of unit 01; nobody is asked for a token."""
    folder = tmp_path / UNIT
    folder.mkdir()
    (folder / "neuron.ipynb").write_bytes(load_unit(ROOT, "01").released.read_bytes())
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CHAINRULE_TOKEN", "crt_" + "x" * 43)
    return folder


def refused(to: str) -> str:
    with pytest.raises(SubmitError) as caught:
        submit("01", to)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@contextmanager
def listening(app, **options):
    """The application under uvicorn in a thread; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", **options))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def certificate(tmp_path):
    """A certificate that nobody has signed but itself: (certificate, key)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def test_over_tls_it_hands_in_and_an_unknown_certificate_is_refused(
    app, desk, certificate, monkeypatch
):
    monkeypatch.setenv("CHAINRULE_TOKEN", app.service.tokens.add("ada"))
    cert, key = certificate
    with listening(app.app, ssl_certfile=cert, ssl_keyfile=key) as port:
        said = refused(f"https://127.0.0.1:{port}")
        assert "does not prove that it is what it says" in said and "token was not sent" in said
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        receipt = submit("01", f"https://127.0.0.1:{port}")
    (attempt,) = app.service.attempts.of("ada", UNIT)
    assert (receipt.learner, receipt.attempt, receipt.sha256) == ("ada", 1, attempt.sha256)
    assert "still has `raise NotImplementedError`" in str(receipt)


def test_refusals_of_the_service_arrive_as_its_sentences(app, desk, monkeypatch):
    monkeypatch.setenv("CHAINRULE_TOKEN", app.service.tokens.add("ada"))
    settings, notebook = app.folder / "service.toml", desk / "neuron.ipynb"
    with listening(app.app) as port:
        to = f"http://127.0.0.1:{port}/"
        settings.write_text("[units.01_neuron]\ncloses = 2024-01-01T00:00:00Z\n")
        assert "closed on 2024-01-01 00:00 UTC" in refused(to)
        settings.write_text("[units.01_neuron]\nattempts = 1\n")
        submit("01", to)
        notebook.write_bytes(notebook.read_bytes() + b"\n")
        assert "All 1 attempts at 01_neuron are used up" in refused(to)
        notebook.write_bytes(notebook.read_bytes() + b" " * (11 * 2**20))
        assert "takes 10. Clear its outputs" in refused(to)
        settings.write_text("[units.00_welcome]\n")
        assert "There is no such unit here." in refused(to)


def test_no_network_is_a_sentence(desk):
    said = refused("http://127.0.0.1:1")
    assert "can't be reached" in said and "Are you online" in said
    assert "can't be reached" in refused("https://nobody.invalid")


def test_a_service_that_does_not_answer_is_given_up(desk, monkeypatch):
    monkeypatch.setattr(post, "SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = refused(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert "no answer within 0.3 s" in said


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (301, b"", "sends you on to http://127.0.0.1:1/thief"),
        (200, b"<html>Welcome", "is not a Chainrule service"),
        (200, b"[]", "is not a Chainrule service"),
        (404, b"Not found", "is not a Chainrule service (404)"),
        (502, b"Bad gateway", "is out of order (502)"),
        (200, b'{"name": "ada"}', "is not a Chainrule service"),
    ],
)
def test_what_is_no_service_is_told_from_one(desk, status, body, says):
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:1/thief")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            assert says in refused(f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
