"""Reading a file into memory ends: devices, pipes that nobody feeds, and what is too large."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

import pytest

from onnxtaylor.files import bounded
from onnxtaylor.files.bounded import read_bounded


def test_a_file_up_to_the_limit_is_read(tmp_path):
    (tmp_path / "f").write_bytes(b"12345")
    assert read_bounded(tmp_path / "f", 5) == b"12345"
    with pytest.raises(OSError, match="is larger than 4 bytes"):
        read_bounded(tmp_path / "f", 4)


@pytest.mark.parametrize(
    ("path", "says"),
    [("/dev/zero", "is a device"), ("/", "Is a directory"), ("/proc/none", "No such file")],
)
def test_what_is_no_file_is_refused(path, says):
    with pytest.raises(OSError, match=says):
        read_bounded(path, 10)


def test_a_file_that_does_not_tell_its_size_is_read_up_to_the_limit():
    with pytest.raises(OSError, match="is larger than 10 bytes"):
        read_bounded("/proc/self/status", 10)
    assert b"Name:" in read_bounded("/proc/self/status", 10**5)


def test_a_pipe_that_nobody_feeds_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(bounded, "WAIT", 0.1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="is a pipe to which nobody writes"):
        read_bounded(tmp_path / "pipe", 10)


@pytest.mark.parametrize(("size", "limit"), [(3, 10), (100_000, 100_000), (100_000, 99_999)])
def test_a_pipe_is_read_to_its_end_or_the_limit(tmp_path, size, limit):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def feed():
        with suppress(BrokenPipeError):
            pipe.write_bytes(b"x" * size)

    writer = threading.Thread(target=feed)
    writer.start()
    try:
        if size > limit:
            with pytest.raises(OSError, match="is larger than 99999 bytes"):
                read_bounded(pipe, limit)
        else:
            assert read_bounded(pipe, limit) == b"x" * size
    finally:
        writer.join(10)
    assert not writer.is_alive()


def test_a_writer_that_takes_its_time_is_waited_for(tmp_path, monkeypatch):
    """Somebody has the pipe open: his first word may come late."""
    monkeypatch.setattr(bounded, "WAIT", 0.0)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    holder = os.open(pipe, os.O_RDWR)  # keeps a writer in being
    word = threading.Timer(0.3, lambda: (os.write(holder, b"late"), os.close(holder)))
    word.start()
    assert read_bounded(pipe, 10) == b"late"
    word.join()
