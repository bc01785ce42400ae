"""Encrypted addresses: whose certificate is trusted, and what is said of one that is not."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from smiledet.errors import SourceError
from smiledet.sources.base import SourceSettings
from smiledet.sources.certificates import tls_options
from smiledet.sources.stream import StreamSource

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Makes a certificate that signs itself; its PEM file, with the key in NAME.key beside it."""
    folder = tmp_path_factory.mktemp("certificates")

    def make(name, names=()):
        path = folder / f"{name}.pem"
        if not path.exists():
            words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={name}"]
            words += ["-keyout", str(path.with_suffix(".key")), "-out", str(path)]
            words += ["-addext", f"subjectAltName={','.join(names)}"] if names else []
            subprocess.run(words, check=True, capture_output=True)
        return path

    return make


@pytest.fixture
def serve(tmp_path, write_clip):
    """Serves a clip behind a certificate; the port."""
    data = write_clip(tmp_path / "clip.avi", count=6, fps=10).read_bytes()
    servers = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_):  # whoever does not trust us hangs up
            pass

    def begin(pem):
        server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem, pem.with_suffix(".key"))
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server.server_port

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


LOCAL = ("DNS:localhost", "IP:127.0.0.1")


def opens(port, ca_file, host="localhost"):
    settings = SourceSettings(open_timeout=5, read_timeout=5, reconnect=0, ca_file=str(ca_file))
    with StreamSource(f"https://me:secret@{host}:{port}/clip.avi", settings) as source:
        return source.read() is not None


def test_a_certificate_that_nobody_vouches_for_is_refused(serve, certificate):
    port = serve(certificate("camera", LOCAL))
    with pytest.raises(SourceError, match=r"is not trusted: self.signed certificate.*source\.ca_file") as refusal:
        opens(port, "")
    assert "secret" not in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_one_that_is_given_is_trusted(serve, certificate, host):
    pem = certificate("camera", LOCAL)
    assert opens(serve(pem), pem, host)


def test_a_camera_s_own_need_not_bear_its_name(serve, certificate):
    for pem in (certificate("IPC"), certificate("named", ["DNS:camera.example"])):
        assert opens(serve(pem), pem)


def test_another_one_is_not_trusted(serve, certificate):
    port = serve(certificate("camera", LOCAL))
    with pytest.raises(SourceError, match="is not trusted"):
        opens(port, certificate("named", ["DNS:camera.example"]))


def test_the_decoder_is_told_to_check_too(serve, certificate):
    """It connects once more, and may be answered by somebody else then."""
    pem = certificate("camera", LOCAL)
    options = tls_options(f"https://localhost:{serve(pem)}/x", str(pem), 5)
    assert options == {"tls_verify": "1", "ca_file": str(pem)}
    asked = []

    def note(_address, options, *_others, **_more):
        asked.append(options)
        raise SourceError("seen")

    port = serve(pem)
    settings = SourceSettings(ca_file=str(pem))
    with pytest.raises(SourceError, match="seen"):
        StreamSource(f"https://localhost:{port}/x", settings, open_decoder=note).open()
    assert asked == [options]


@pytest.mark.parametrize("address", ["rtsps://localhost:{}/x", "rtmps://localhost:{}/x", "HTTPS://localhost:{}/x"])
def test_other_protocols_are_checked_too(serve, certificate, address):
    port = serve(certificate("camera", LOCAL))
    with pytest.raises(SourceError, match="is not trusted"):
        tls_options(address.format(port), "", 5)


@pytest.mark.parametrize("address", ["http://localhost/x", "rtsp://localhost/x", "https://[bad/x", "https:///x"])
def test_what_is_not_encrypted_is_left_alone(address):
    assert tls_options(address, "", 5) == {}


def test_where_nobody_answers_the_decoder_says_so(certificate):
    assert tls_options("https://localhost:9/x", str(certificate("camera", LOCAL)), 1)["tls_verify"] == "1"


def test_a_file_that_is_none_is_named(tmp_path):
    (tmp_path / "text.pem").write_text("no certificate")
    for name, words in (("nowhere.pem", "no such file"), ("text.pem", "no PEM file of certificates")):
        with pytest.raises(SourceError, match=words):
            tls_options("https://localhost:9/x", str(tmp_path / name), 1)
