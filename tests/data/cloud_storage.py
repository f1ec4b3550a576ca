"""A stand-in for Google Cloud Storage on this machine, for TensorFlow's own `gs://` file system.

That has no setting for another address, but asks a proxy, as the environment says, and trusts the certificates it is told to:
here the proxy answers itself, in the place of googleapis.com. What it answers is as the service documents it:
https://cloud.google.com/storage/docs/json_api/v1 (objects/get, objects/list, buckets/get) and, for the bytes,
https://cloud.google.com/storage/docs/xml-api/get-object-download.
"""

import contextlib
import datetime
import http.server
import json
import re
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

TOKEN = "a-token"
PRIVATE = "private"
"""A bucket that the token does not open."""
_UPDATED = "2024-01-01T00:00:00.000Z"


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers for the buckets that are the directories below `root`."""

    protocol_version = "HTTP/1.1"
    root: Path
    tls: ssl.SSLContext
    asked: list[tuple[str, str]]

    def do_CONNECT(self):
        self.send_response(200)
        self.end_headers()
        self.connection = self.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.host = self.path.partition(":")[0]
        self.close_connection = False

    def finish(self):
        super().finish()
        self.connection.close()  # the server closes the one that was there before

    def do_GET(self):
        address = urlsplit(self.path)
        self.asked.append((self.host, unquote(address.path)))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(401)
        elif self.host == "storage.googleapis.com":
            self._send_bytes(self.root / unquote(address.path).lstrip("/"))
        else:
            bucket, _, name = re.fullmatch(r"/storage/v1/b/([^/]+)/?(o/?(.*))?", address.path).groups()
            if bucket == PRIVATE or not (self.root / bucket).is_dir():
                self._answer(403 if bucket == PRIVATE else 404)
            elif name:
                self._describe(self.root / bucket / unquote(name))
            elif "/o" in address.path:
                self._list(self.root / bucket, dict(parse_qsl(address.query)))
            else:
                self._answer_json({"name": bucket, "location": "US"})

    def _describe(self, path: Path) -> None:
        if path.is_file():
            self._answer_json({"size": str(path.stat().st_size), "generation": "1", "updated": _UPDATED})
        else:
            self._answer(404)

    def _list(self, bucket: Path, query: dict[str, str]) -> None:
        """Objects whose names begin with the prefix; those with a further delimiter are told as prefixes alone."""
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        items, prefixes = [], []
        for name in sorted(path.relative_to(bucket).as_posix() for path in bucket.rglob("*") if path.is_file()):
            head, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
            if not name.startswith(prefix):
                continue
            if found:
                prefixes.append(f"{prefix}{head}{delimiter}")
            else:
                items.append({"name": name, "updated": _UPDATED})
        limit = int(query.get("maxResults", 1000))
        self._answer_json({"items": items[:limit], "prefixes": sorted(set(prefixes))[:limit]})

    def _send_bytes(self, path: Path) -> None:
        """The bytes of the range asked for; there are no other requests of this kind."""
        if not path.is_file():
            self._answer(404)
            return
        first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"]).groups())
        content = path.read_bytes()[first : last + 1]
        self._answer(206 if content else 416, content)

    def _answer_json(self, values: dict) -> None:
        self._answer(200, json.dumps(values).encode())

    def _answer(self, status: int, content: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Says nothing."""


def _write_certificate(path: Path) -> None:
    """A key, and its own word that it is googleapis.com's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a stand-in")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("*.googleapis.com")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *form) + certificate.public_bytes(serialization.Encoding.PEM)
    )


@contextlib.contextmanager
def cloud_storage(root: Path, certificate: Path) -> Iterator[tuple[dict[str, str], list[tuple[str, str]]]]:
    """Serves the directories below `root` as buckets.

    Args:
        root: the buckets.
        certificate: a file to write, with the key.

    Yields:
        The environment that leads a process here, and hosts and paths, as they are asked for.
    """
    _write_certificate(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    requests: list[tuple[str, str]] = []

    class Handler(_Handler):
        tls, asked = context, requests

    Handler.root = root
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        proxy = f"http://127.0.0.1:{server.server_port}"
        environment = {"https_proxy": proxy, "HTTPS_PROXY": proxy, "no_proxy": "", "NO_PROXY": ""}
        environment |= {"CURL_CA_BUNDLE": str(certificate), "GOOGLE_AUTH_TOKEN_FOR_TESTING": TOKEN}
        yield environment | {"NO_GCE_CHECK": "true"}, requests
        server.shutdown()
        thread.join()
