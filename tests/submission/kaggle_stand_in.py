"""Kaggle's interface on this machine, as far as submitting goes, for its own client, old and new.

The new client posts JSON to `/v1/SERVICE/METHOD`. The old one, for Python 3.10, uses `/api/v1/competitions/...`, posts forms, and
gets the list of submissions, which is an array.
"""

import contextlib
import http.server
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

TOKEN = "0123456789abcdef-secret"


@dataclass
class Refusal:
    """What is answered instead, so many times."""

    status: int
    """0 = the connection is closed without an answer."""
    message: str = ""
    times: int = 1_000_000
    after: bool = False
    """Whether what was asked for is done nevertheless."""


@dataclass
class Kaggle:
    """What the stand-in holds and does."""

    refusals: dict[str, Refusal] = field(default_factory=dict)
    """By what is asked: `list`, `start`, `put`, `submit`."""
    submissions: list[dict[str, Any]] = field(default_factory=list)
    """As they are listed, the newest first."""
    pending_lists: int = 2
    """How often a new submission is listed as pending."""
    outcome: dict[str, Any] = field(
        default_factory=lambda: {"status": "complete", "publicScore": "0.79120", "privateScore": "0.78905"}
    )
    tells_reference: bool = True
    requests: Counter = field(default_factory=Counter)
    authorizations: set[str] = field(default_factory=set)
    uploaded: bytes = b""
    file_name: str = ""
    url: str = ""

    def list(self, fields: dict[str, str]) -> dict[str, Any]:
        new = self.submissions[0] if self.submissions else {}
        if new.get("status") == "pending":
            if self.pending_lists <= 0:
                new.update(self.outcome)
            self.pending_lists -= 1
        return {"submissions": self.submissions}

    def start(self, fields: dict[str, str]) -> dict[str, Any]:
        self.file_name = fields["fileName"]
        return {"token": "upload-token", "createUrl": f"{self.url}/put?upload_id=signed-secret"}

    def submit(self, fields: dict[str, str]) -> dict[str, Any]:
        assert fields["blobFileTokens"] == "upload-token"
        reference = 1 + max((each["ref"] for each in self.submissions), default=100)
        description = fields.get("submissionDescription", "")
        new = {"ref": reference, "fileName": self.file_name, "description": description, "status": "pending"}
        self.submissions.insert(0, new)
        return {"message": "Successfully submitted", **({"ref": reference} if self.tells_reference else {})}

    def introspect(self, fields: dict[str, str]) -> dict[str, Any]:
        return {"active": fields["token"] == TOKEN, "username": "someone"}


def _method_of(path: str) -> str:
    parts = PurePosixPath(path.partition("?")[0]).parts
    new = {"ListSubmissions": "list", "StartSubmissionUpload": "start", "CreateSubmission": "submit"}
    old = {"submission-url": "start"}
    if "submissions" in parts:
        return parts[parts.index("submissions") + 1]
    return new.get(parts[-1]) or old.get(parts[-1]) or ("introspect" if "Introspect" in parts[-1] else parts[-1])


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kaggle: Kaggle

    def log_message(self, *arguments):
        pass

    def _answer(self):
        kaggle, method = self.kaggle, _method_of(self.path)
        kaggle.requests[method] += 1
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        refusal = kaggle.refusals.get(method)
        refused = refusal is not None and refusal.times > 0
        if refused:
            refusal.times -= 1
        if refused and not refusal.after:
            self._refuse(refusal)
            return
        if method == "put":
            kaggle.uploaded = body
            self._send(200, {})
            return
        kaggle.authorizations.add(self.headers.get("Authorization", ""))
        result = getattr(kaggle, method)(_fields(body, self.headers.get("Content-Type", "")))
        if refused:
            self._refuse(refusal)
        else:
            self._send(200, result["submissions"] if self.command == "GET" else result)

    do_GET = do_POST = do_PUT = _answer

    def _refuse(self, refusal: Refusal) -> None:
        if refusal.status == 0:
            self.close_connection = True
        else:
            self._send(refusal.status, {"code": refusal.status, "message": refusal.message})

    def _send(self, status: int, values: Any) -> None:
        content = json.dumps(values).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _fields(body: bytes, kind: str) -> dict[str, str]:
    """The fields of a JSON object, or of a form."""
    if not kind.startswith("multipart/"):
        return json.loads(body or b"{}")
    boundary = kind.partition("boundary=")[2]
    parts = body.decode().split(f"--{boundary}")[1:-1]
    heads_and_values = (part.split("\r\n\r\n", 1) for part in parts)
    return {head.partition('name="')[2].partition('"')[0]: value.rstrip("\r\n") for head, value in heads_and_values}


@contextlib.contextmanager
def served():
    """A `Kaggle` at its `url`, while the block lasts."""
    kaggle = Kaggle()
    handler = type("Handler", (_Handler,), {"kaggle": kaggle})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    kaggle.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield kaggle
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
