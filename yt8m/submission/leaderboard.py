"""A competition on Kaggle, through Kaggle's own client (the extra `kaggle`). Turns its errors into plain words."""

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
"""Characters of Kaggle's message to pass on."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission as Kaggle lists it."""

    reference: int
    """Kaggle's number of the submission."""
    file_name: str
    message: str
    status: Literal["pending", "complete", "error"]
    public_score: str
    """The score as Kaggle writes it; empty without one, or if Kaggle does not show it yet."""
    private_score: str
    problem: str
    """The reason why it could not be scored; otherwise empty."""


class UnansweredError(InputError):
    """Kaggle could not be reached, or failed. The same request may succeed later."""


class Leaderboard:
    """A competition. The client finds the user's token in Kaggle's usual places.

    Args:
        competition: the competition's name, the last part of its address.
        retry_delays: seconds to wait before each further attempt, after a request that got no answer.

    Raises:
        InputError: the name is impossible, the client is not installed, or there is no token.
        UnansweredError: Kaggle did not answer a question about the token.
    """

    def __init__(self, competition: str, retry_delays: Sequence[float] = (1, 2, 4, 8)):
        if not re.fullmatch(r"[A-Za-z0-9-]+", competition):
            raise InputError(
                f"{competition!r} is not the name of a competition; give the last part of its address, such as youtube8m-2019"
            )
        self.address = f"{SITE}/competitions/{competition}"
        self._competition = competition
        self._retry_delays = tuple(retry_delays)
        self._client = self._ask(_authenticated_client)

    def submissions(self) -> list[Submission]:
        """The newest submissions of the user's team, at most 20.

        Raises:
            InputError: the token is not valid, the user has not accepted the rules, or the competition does not exist.
            UnansweredError: Kaggle did not answer any attempt.
        """
        found = self._ask(lambda: self._client.competition_submissions(self._competition))
        return [_submission(each) for each in found or () if each is not None]

    def submit(self, path: str, message: str, show_progress: bool = False) -> int:
        """Uploads a file and submits it.

        Args:
            path: the file. Kaggle lists it under its name.
            message: the description on Kaggle.
            show_progress: draw a bar on stderr.

        Returns:
            Kaggle's number of the submission; 0 if Kaggle does not say.

        Raises:
            InputError: Kaggle refuses, because of the token, rules, name, deadline or the day's quota.
            UnansweredError: the upload was cut off, or Kaggle did not answer.
        """
        answer = self._once(
            lambda: self._client.competition_submit(path, message, self._competition, quiet=not show_progress)
        )
        # The client reports a failed upload by this text: old versions alone, new ones as the message of the answer.
        if answer == _UPLOAD_FAILED or getattr(answer, "message", "") == _UPLOAD_FAILED:
            raise UnansweredError("the upload was cut off; nothing was submitted, so try again")
        return getattr(answer, "ref", None) or 0

    def _ask(self, question: Callable[[], Result]) -> Result:
        """Repeats a question until Kaggle answers, or no attempt is left. Asking twice must do no harm."""
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
            # The client prints its actions and, with VERBOSE set, the token.
            with contextlib.redirect_stdout(io.StringIO()):
                return question()
        except requests.RequestException as error:
            raise self._refusal(error) from None  # its text may contain the secret address of the upload

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
    """The client, with a token. Its import looks for a token, and in some versions ends the process without one."""
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
        if getattr(error, "filename", None):  # a system error, such as a directory that cannot be made
            raise
        raise _no_token() from None
    if client.CONFIG_NAME_USER not in client.config_values:
        raise _no_token()
    return client


def _no_token() -> InputError:
    return InputError(f"no valid Kaggle token found; make one at {_WHERE_TOKENS_ARE}")


def _status_and_message(response: Any) -> tuple[int, str]:
    """Kaggle's answer: status and message, in one line. The status may be in the body alone."""
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
