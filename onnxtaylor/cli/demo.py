"""``onnxtaylor demo``: the main job on a model and data that ship inside the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from onnxtaylor.cli import console
from onnxtaylor.cli.analyze import print_ranking
from onnxtaylor.cli.options import Quiet, Top

__all__ = ["demo"]

MODEL, EVENTS, POLICY = "higgs.onnx", "higgs.parquet", "audit.toml"
RESULT, PAGE = "result.json", "report.html"


def demo(
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", metavar="FOLDER", help="Folder for the files; created if missing."
        ),
    ] = Path("onnxtaylor-demo"),
    top: Top = 15,
    quiet: Quiet = False,
) -> None:
    """Analyzes a small Higgs → ττ network on 2000 events of the ATLAS challenge of 2014.

    Example:

    onnxtaylor demo
    """
    from onnxtaylor.errors import OptionError
    from onnxtaylor.files.whole import write_whole

    try:
        out.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise OptionError(f"-o {console.printable(out)}: is a file: name a folder") from None
    except OSError as error:
        raise OptionError(f"-o {console.printable(out)}: {error.strerror}") from None
    for name in (MODEL, EVENTS, POLICY, "PROVENANCE.md"):
        write_whole(out / name, files("onnxtaylor").joinpath("demo", name).read_bytes())
    if not quiet:
        console.note(
            "A network with 30 inputs, trained to tell H → ττ from its background, and 2000 events"
            "\nof the ATLAS Higgs challenge 2014 (CERN Open Data,"
            " DOI 10.7483/OPENDATA.ATLAS.ZBP2.M5T8).\nWhat is its response made of?\n"
        )
    with console.progress_bar(quiet) as progress:
        from onnxtaylor.run.analyze import analyze

        result = analyze(
            out / MODEL,
            out / EVENTS,
            weights="KaggleWeight",
            labels="Label",
            missing=-999.0,
            progress=progress,
        )
    from onnxtaylor.views.plot import save_figures

    result.save(out / RESULT)
    save_figures(result, out, formats=("png",))
    write_whole(out / PAGE, result.to_html().encode())
    if quiet:
        return
    print_ranking(result, top=top)
    console.warn(result.warnings)
    console.note(
        f"Wrote {RESULT}, {PAGE}, and scores, curve, matrix (.png) into"
        f" {console.printable(out)}/.\nThe same by hand, and further commands:\n\n"
        f"  cd {console.printable(out)}\n"
        f"  onnxtaylor analyze {MODEL} {EVENTS} --weight KaggleWeight --label Label"
        f" --missing -999 -o {RESULT}\n"
        f"  onnxtaylor plot {RESULT} -o .\n"
        f"  onnxtaylor report {RESULT} -o {PAGE}\n"
        f"  onnxtaylor rank {RESULT} --group s --feature 'DER_mass*'\n"
        f"  onnxtaylor select {RESULT} --top-fraction 0.05\n"
        f"  onnxtaylor audit {MODEL} {EVENTS} --policy {POLICY}"
    )
