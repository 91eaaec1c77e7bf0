"""``onnxtaylor guide``: the list of pages, one page, and a name that no page has."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from onnxtaylor.guide import PAGES, page, title


def test_without_a_name_all_pages_are_listed(cli):
    status, out, err = cli("guide")
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == list(PAGES)
    assert all(title(name) in out for name in PAGES)


def test_a_page_is_plain_markdown_in_a_pipe(cli):
    assert cli("guide", "audit") == (0, page("audit"), "")


def test_a_slip_is_answered_with_the_nearest_name(cli):
    status, out, err = cli("guide", "audits")
    assert (status, out) == (2, "")
    assert err == "error: the guide has no page 'audits': did you mean 'audit'?\n"


def in_a_terminal(name, keyboard=subprocess.DEVNULL, **more):
    """What a terminal of 90 letters shows of a page."""
    near, far = pty.openpty()
    call = [sys.executable, "-m", "onnxtaylor", "guide", name]
    surrounding = os.environ | {"TERM": "xterm-256color", "COLUMNS": "90"} | more
    keys = far if keyboard is None else keyboard
    with subprocess.Popen(call, stdin=keys, stdout=far, env=surrounding) as process:
        os.close(far)
        text = b""
        while True:
            try:
                part = os.read(near, 65536)
            except OSError:
                break  # the other end is closed
            if not part:
                break
            text += part
        assert process.wait() == 0
    os.close(near)
    return text.decode()


def test_a_page_is_formatted_in_a_terminal():
    shown = in_a_terminal("check")
    assert "\x1b[" in shown
    assert "# The check" not in shown
    assert "two engines that must agree" in shown
    assert "```" not in shown


@pytest.mark.parametrize("name", ["start", "cluster"])
def test_code_in_a_terminal_is_neither_wrapped_nor_cut_and_links_are_calls(name):
    lines = re.sub(r"\x1b\[[\d;]*m", "", in_a_terminal(name)).replace("\r", "").splitlines()
    blocks = re.findall(r"^```.*?\n(.*?)^```$", page(name), re.MULTILINE | re.DOTALL)
    for line in "".join(blocks).splitlines():
        assert line.rstrip() in [one.rstrip() for one in lines]
    whole = " ".join(lines)
    assert not re.search(r"\w\.md\b", whole)
    if name == "start":
        assert "onnxtaylor guide derivatives" in whole
        assert "start-scores.png" in whole


def test_a_pager_shows_a_page_in_a_terminal(tmp_path):
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho PAGED\ncat\n")
    pager.chmod(0o755)
    shown = in_a_terminal("check", keyboard=None, PAGER=str(pager))
    assert shown.startswith("PAGED")
    assert "two engines that must agree" in shown
