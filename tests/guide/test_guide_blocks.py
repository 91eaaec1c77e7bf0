"""The runner of the guide's blocks notices what is not as it stands on a page."""

from __future__ import annotations

import pytest

from tests.guide.blocks import agrees, calls, file_name, read_blocks
from tests.guide.play import anew, play

PAGE = """# Title

```console
$ echo one; echo two >&2
one
two
$ false
$ echo $?
1
```

```python
print(1 + 1)
```

```text
2
```

```toml
# some/policy.toml
a = 1
```

```console
$ cat some/policy.toml | tail -n 1
a = 1
```
"""


def test_a_page_whose_outputs_are_true_is_fine(tmp_path):
    played = list(play(PAGE, tmp_path / "made"))
    assert [one.fault for one in played] == [""] * 3
    assert all(one.fine for one in played)
    assert anew(PAGE, played) == PAGE


@pytest.fixture(autouse=True)
def made(tmp_path):
    (tmp_path / "made").mkdir()


@pytest.mark.parametrize(
    ("true", "false"),
    [("one\ntwo\n", "one\nthree\n"), ("```text\n2\n", "```text\n3\n"), ("1\n```", "0\n```")],
)
def test_a_false_output_is_noticed_and_written_anew(tmp_path, true, false):
    wrong = PAGE.replace(true, false, 1)
    assert wrong != PAGE
    played = list(play(wrong, tmp_path / "made"))
    assert not all(one.fine for one in played)
    assert anew(wrong, played) == PAGE


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("```console\n$ false\n```\n", "ends with status 1"),
        ("```python\n1 / 0\n```\n", "ZeroDivisionError"),
        ("```python\nprint(3)\n```\n", "no text block below"),
    ],
)
def test_a_block_that_fails_is_noticed(tmp_path, text, why):
    (played,) = play(text, tmp_path / "made")
    assert why in played.fault
    assert not played.fine


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("a 0.2354 ± 0.0097", "a 0.2354 ± 0.0097"),
        ("a 0.2354 ± 0.0097", "a 0.2353   ± 0.0098"),
        ("-0.2326", "-0.2327"),
        ("1.25e-05", "1.26e-05"),
        ("a … b", "a anything 12 b"),
        ("first\n…\nlast 1.0", "first\nx\ny\nlast 1.0"),
        ("first\n…\nlast", "first\nlast"),
        ("──── x", "────── x"),
        ("", ""),
    ],
)
def test_outputs_that_agree(expected, actual):
    assert agrees(expected, actual)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("a 0.2354", "a 0.2356"),
        ("a 0.2354", "b 0.2354"),
        ("495 coefficients", "496 coefficients"),
        ("-0.23", "+0.23"),
        ("1.25e-05", "1.25e-04"),
        ("first\n…\nlast", "first\nx"),
        ("one", "one\ntwo"),
        ("one\ntwo", "one"),
        ("", "x"),
        ("x", ""),
    ],
)
def test_outputs_that_do_not(expected, actual):
    assert not agrees(expected, actual)


def test_commands_over_several_lines():
    (call,) = calls("$ a \\\n> b\nout\n")
    assert (call.command, call.output) == ("a \\\nb", "out")
    with pytest.raises(ValueError, match="begins with"):
        calls("out\n")


def test_names_of_files():
    blocks = read_blocks("```toml\n# a.toml\nx = 1\n```\n\n```sh\n# a.sh\n```\n")
    assert [file_name(block) for block in blocks] == ["a.toml", None]
    assert [block.beside for block in blocks] == [False, True]
