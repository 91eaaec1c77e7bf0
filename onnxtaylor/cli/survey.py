"""``onnxtaylor survey``: the first pass over the data, saved for all shards of an analysis."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from onnxtaylor.cli import console, files
from onnxtaylor.cli.declared import takes
from onnxtaylor.cli.options import Data, Model, Quiet, file_option
from onnxtaylor.options import DataOptions, ModelOptions
from onnxtaylor.options.division import ShardOptions

__all__ = ["survey"]


@takes(
    DataOptions,
    ModelOptions,
    ShardOptions,
    without=("fold", "sample"),
    texts={
        "shard": "This part of the events alone, such as 3/200: `onnxtaylor merge` makes the survey"
        " of all parts"
    },
)
def survey(
    model: Model,
    out: Annotated[Path, file_option("Saves the survey.", "-o", "--out")],
    data: Data = None,
    quiet: Quiet = False,
    **options: Any,
) -> None:
    """Surveys the data once for all shards of an analysis: events, weights, moments, ranges.

    Its columns are those that the model takes.

    Example:

    onnxtaylor survey higgs.onnx events-*.parquet --weight w -o survey.npz

    onnxtaylor analyze higgs.onnx events-*.parquet --weight w \\
      --survey survey.npz --shard 3/200 -o part-3.npz
    """
    data = data or []
    files.writable({"-o": out}, [model, *files.event_files(data, options)], options=options)
    with files.data_files(data) as paths, console.progress_bar(quiet) as progress:
        from onnxtaylor.run.divided.surveys import survey_data

        found = survey_data(model, paths, progress=progress, **options)
    found.save(out)
    if not quiet:
        console.note(f"saved {console.printable(out)}: the survey of {found.words}")
