"""Small indexes, and records to make them of."""

import json

import pytest
from searching_records import VOCABULARY

from yt8m.cli import main


@pytest.fixture
def records(tmp_path):
    """Writes records to a file beside a vocabulary: its path."""

    def write(name, *contents) -> str:
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / "vocabulary.csv").write_text(VOCABULARY)
        path = tmp_path / "data" / f"{name}.tfrecord"
        path.write_bytes(b"".join(contents))
        return str(path)

    return write


@pytest.fixture
def search(tmp_path, capfd, monkeypatch, _signal_handlers):
    """`yt8m search --index`, called in this process: its status, stdout (JSON taken apart) and stderr."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(*arguments, json_too=True, index=None):
        words = ["search", "--index", str(index or tmp_path / "index"), *map(str, arguments), "--verbose"]
        with pytest.raises(SystemExit) as ended:
            main([*words, "--json"] if json_too else words)
        out, err = capfd.readouterr()
        return ended.value.code, json.loads(out) if out and json_too else out, err

    return run
