"""A competition on Kaggle, through Kaggle's own client (the extra `kaggle`), and its refusals in plain words."""

import contextlib
import io
import itertools
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from yt8m.errors import InputError, not_installed

Result = TypeVar("Result")

SITE = "https://www.kaggle.com"

_LONGEST_MESSAGE = 300
"""Characters of Kaggle's own words that are passed on."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission as Kaggle lists it."""

    reference: int
    """Kaggle's number of it."""
    file_name: str
    message: str
    status: Literal["pending", "complete", "error"]
    public_score: str
    """As Kaggle writes it, so with its digits; empty where there is none, or it is not shown yet."""
    private_score: str
    problem: str
    """Why it could not be scored; empty unless that is so."""


class UnansweredError(InputError):
    """Kaggle could not be reached, or failed: the same again may do later."""


class Leaderboard:
    """A competition, with the user's token, which the client finds where Kaggle says it should be.

    Args:
        competition: its name, the last part of its address.
        retry_delays: seconds to wait before each further attempt to ask something that failed on the way.

    Raises:
        InputError: the name cannot be one, the client is not installed, or there is no token.
        UnansweredError: Kaggle was asked about the token and did not answer.
    """

    def __init__(self, competition: str, retry_delays: Sequence[float] = (1, 2, 4, 8)):
        if not re.fullmatch(r"[A-Za-z0-9-]+", competition):
            raise InputError(
                f"{competition!r} is no competition's name; give the last part of its address, such as youtube8m-2019"
            )
        self.address = f"{SITE}/competitions/{competition}"
        self._competition = competition
        self._retry_delays = tuple(retry_delays)
        self._client = self._ask(_authenticated_client)

    def submissions(self) -> list[Submission]:
        """The newest submissions of the user's team, at most 20.

        Raises:
            InputError: the token is not accepted, nor are the rules by the user, or there is no such competition.
            UnansweredError: Kaggle did not answer, however often it was asked.
        """
        found = self._ask(lambda: self._client.competition_submissions(self._competition))
        return [_submission(each) for each in found or () if each is not None]

    def submit(self, path: str, message: str, show_progress: bool = False) -> int:
        """Uploads a file and enters it.

        Args:
            path: the file; Kaggle lists it under its name.
            message: what Kaggle lists beside it.
            show_progress: draw a bar on stderr.

        Returns:
            Kaggle's number of the submission; 0 where Kaggle does not tell.

        Raises:
            InputError: the token, the rules, the name, the deadline or the day's quota are in the way.
            UnansweredError: the upload was cut off, or Kaggle did not answer.
        """
        answer = self._once(
            lambda: self._client.competition_submit(path, message, self._competition, quiet=not show_progress)
        )
        # The client reports an upload that failed by this text: old versions alone, new ones as the answer's message.
        if answer == _UPLOAD_FAILED or getattr(answer, "message", "") == _UPLOAD_FAILED:
            raise UnansweredError("the upload was cut off; nothing was submitted, so try again")
        return getattr(answer, "ref", None) or 0

    def _ask(self, question: Callable[[], Result]) -> Result:
        """Asks until there is an answer, or no attempt is left; for what may be asked twice."""
        for delay in itertools.chain(self._retry_delays, [None]):
            try:
                return self._once(question)
            except UnansweredError:
                if delay is None:
                    raise
                time.sleep(delay)
        raise AssertionError("the last attempt returns or raises")

    def _once(self, question: Callable[[], Result]) -> Result:
        requests = _import_requests()
        try:
            # The client prints what it does, and with VERBOSE set the token, too.
            with contextlib.redirect_stdout(io.StringIO()):
                return question()
        except requests.RequestException as error:
            raise self._refusal(error) from None  # its text may show the address of the upload, which is a secret

    def _refusal(self, error: Any) -> InputError:
        if error.response is None:
            kind = type(error).__name__
            return UnansweredError(f"Kaggle did not answer ({kind}); check the network, and try again")
        status, said = _status_and_message(error.response)
        if status == 429 or status >= 500:
            return UnansweredError(f"Kaggle failed ({status}: {said}); try again later")
        return InputError(f"Kaggle refuses ({status}: {said}); {self._advice(status, said)}")

    def _advice(self, status: int, said: str) -> str:
        if status == 401:
            return f"the token is not valid (any more): make a new one at {_WHERE_TOKENS_ARE}"
        if status == 403:
            return (
                f"accept the rules at {self.address}/rules with the token's account, and check the competition's name"
            )
        if status == 404:
            return f"check the competition's name, and at {self.address} that it takes submissions"
        if re.search(r"allowance|quota|submission limit|per day|daily|remaining", said, re.IGNORECASE):
            return f"the day's quota is used; upload it after midnight UTC ({self.address}/submissions)"
        if re.search(r"deadline|has ended|is over|closed|no longer", said, re.IGNORECASE):
            return "the deadline has passed; yt8m score measures on labelled records instead"
        return f"what the competition takes is at {self.address}"


_UPLOAD_FAILED = "Could not submit to competition"

_WHERE_TOKENS_ARE = (
    f"{SITE}/settings, and put it in KAGGLE_API_TOKEN or ~/.kaggle/access_token, which come first, or as kaggle.json in "
    "~/.kaggle or KAGGLE_CONFIG_DIR"
)


def _import_requests() -> Any:
    try:
        import requests
    except ImportError as error:
        raise not_installed("uploading", "Kaggle's client", "kaggle", error) from None
    return requests


def _authenticated_client() -> Any:
    """The client with a token. Importing it looks for a token, and some versions end the process if there is none."""
    requests = _import_requests()
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            from kaggle.api.kaggle_api_extended import KaggleApi

            client = KaggleApi()
            client.authenticate()
    except ImportError as error:
        raise not_installed("uploading", "Kaggle's client", "kaggle", error) from None
    except requests.RequestException:
        raise
    except (SystemExit, ValueError, OSError) as error:
        if getattr(error, "filename", None):  # of the system: a directory that cannot be made, say
            raise
        raise _no_token() from None
    if client.CONFIG_NAME_USER not in client.config_values:
        raise _no_token()
    return client


def _no_token() -> InputError:
    return InputError(f"no valid Kaggle token found; make one at {_WHERE_TOKENS_ARE}")


def _status_and_message(response: Any) -> tuple[int, str]:
    """What Kaggle answered, in one line; the status is also in the answer's body, and may only be there."""
    try:
        body = response.json()
    except ValueError:
        body = None
    body = body if isinstance(body, dict) else {}
    code, message = body.get("code"), body.get("message")
    status = code if isinstance(code, int) and code >= 400 else response.status_code
    words = " ".join(str(message or response.reason or "no reason given").split()).rstrip(".")
    return status, words[:_LONGEST_MESSAGE]


def _submission(listed: Any) -> Submission:
    return Submission(
        reference=listed.ref,
        file_name=listed.file_name or "",
        message=listed.description or "",
        status=listed.status.name.lower(),
        public_score=listed.public_score or "",
        private_score=listed.private_score or "",
        problem=listed.error_description or "",
    )
