"""One analysis on the workers of Dask: parts of the events as tasks, their sums added as a tree.

The parts depend on the number of the events alone, not on the workers: any number of these gives
the same bits. A task that a dying worker leaves is done by another one.
"""

from __future__ import annotations

import logging
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any, TypeVar

from onnxtaylor.crosscheck.costs import Timer
from onnxtaylor.crosscheck.plan import Spent
from onnxtaylor.data import absolute_names, each_file, file_names
from onnxtaylor.errors import OnnxTaylorError, OptionError, printable
from onnxtaylor.options import EngineOptions, StatisticsOptions
from onnxtaylor.options.division import local_workers
from onnxtaylor.problem import Problem
from onnxtaylor.problem.events import Events
from onnxtaylor.problem.looked import KnownSurvey, columns_of, refuse_moving_columns
from onnxtaylor.progress import Progress, report_progress
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.run.begun import Begun, begin
from onnxtaylor.run.divided import worker
from onnxtaylor.run.divided.part import Sums, bounds, draw_events
from onnxtaylor.run.divided.tree import add_in_tree
from onnxtaylor.run.doubt import doubt_unseen

__all__ = ["analyze_on_cluster", "connected", "sum_on_cluster"]

Result = TypeVar("Result")

MOST = 8192  # parts: several for each of a thousand workers
FEWEST = 64  # events of a part
RETRIES = 2  # of a task that fails, as a file system may for a moment
WAIT = 0.05  # seconds between two looks at what is done
ANSWER = 10  # seconds that a scheduler has to answer


@contextmanager
def connected(address: str | None, client: Any = None) -> Iterator[Any]:
    """Yields a client of the scheduler at an address, or of processes that end with it.

    ``client`` is one that the caller has. Raises OptionError without Dask, and where no scheduler
    answers.
    """
    if client is not None:
        yield client
        return
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise OptionError(
            "needs Dask's scheduler: pip install 'onnxtaylor[dask]'", option="dask"
        ) from None
    assert address is not None
    count = local_workers(address)
    if count is not None:
        with (
            distributed.LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                dashboard_address=":0",
                silence_logs=logging.ERROR,  # of tasks that an interrupt ends
            ) as cluster,
            distributed.Client(cluster) as own,
        ):
            yield own
        return
    try:
        own = distributed.Client(address, timeout=ANSWER)
    except Exception as error:  # a timeout, an unknown protocol, a name that no host has
        why = printable(" ".join(str(error).split()) or type(error).__name__)
        raise OptionError(
            f"{printable(address, 60)}: no scheduler answers ({why})", option="dask"
        ) from None
    with own:
        yield own


def analyze_on_cluster(
    problem: Problem,
    x: Events,
    options: EngineOptions,
    statistics: StatisticsOptions,
    pairs: str | None,
    client: Any,
    progress: Progress | None = None,
) -> TaylorResult:
    """Analyzes a problem on the workers of a client; this process compares the engines.

    Parameters are those of ``sum_on_cluster`` and ``analyze_problem``, and errors, too.
    """
    if statistics.resume is not None:
        raise OptionError(
            "is for the work of one process, a cluster does again what a worker loses: leave one of"
            " resume=… and dask=… out",
            option="resume",
        )
    timer = Timer()
    begun = begin(problem, options, statistics, pairs, progress)
    summing = Timer()
    sums, drawn = sum_on_cluster(
        begun, x, pairs, client, meanwhile=lambda: draw_events(begun), progress=progress
    )
    summed, events = summing.seconds, sums.coefficients.events
    report_progress(progress, "ranking", 0, None)
    result = begun.head().fill(sums.coefficients, sums.ranges)
    if drawn is None:
        return result
    spent = Spent(timer.seconds, summed / events)
    return doubt_unseen(replace(result, check=begun.check(drawn, spent, progress)))


def sum_on_cluster(
    begun: Begun,
    x: Events,
    pairs: str | None,
    client: Any,
    *,
    meanwhile: Callable[[], Result],
    progress: Progress | None = None,
) -> tuple[Sums, Result]:
    """Sums all events on the workers of a client.

    Parameters
    ----------
    begun, pairs
        The analysis, prepared, and its pairs.
    x
        The events, as for ``analyze``: names of files that the workers can open, or arrays.
    client
        A ``distributed.Client``.
    meanwhile
        Work of this process, done while the workers sum.
    progress
        Called with (stage, events done, events in all).

    Returns
    -------
    tuple
        The sums, and the result of ``meanwhile``. A KeyboardInterrupt cancels all tasks.

    Raises
    ------
    OptionError
        The events are a source, which cannot be sent.
    OnnxTaylorError
        As ``analyze`` does; also where workers die again and again.
    """
    job = client.submit(worker.keep, _job(begun, x, pairs, client), key=f"job-{uuid.uuid4().hex}")
    survey = begun.problem.survey
    # no more parts than there are batches: neither clock nor workers have a say
    parts = max(1, min(MOST, survey.stop // max(FEWEST, begun.steady_batch)))
    cuts = [bounds((k, parts), survey.stop) for k in range(1, parts + 1)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sending large graph")
        tasks = [client.submit(worker.run, job, *cut, pure=False, retries=RETRIES) for cut in cuts]
        total = add_in_tree(tasks, lambda a, b: client.submit(worker.add, a, b, pure=False))
    waiting = _Waiting(tasks)
    del tasks  # else the sums of all parts would be kept by the workers
    try:
        found = meanwhile()
        while not total.done():
            report_progress(progress, "coefficients", waiting.done(survey.events), survey.events)
            time.sleep(WAIT)
        return total.result(), found
    except OnnxTaylorError:
        raise
    except Exception as error:
        if type(error).__name__ != "KilledWorker":
            raise
        raise OnnxTaylorError(
            f"workers of Dask died again and again at the same part: {printable(error)}; do they"
            " have enough memory?"
        ) from None
    finally:
        for task in (*waiting.tasks, total, job):
            task.release()  # what nobody wants is not done


class _Waiting:
    """The tasks that are not done yet: no others are held."""

    def __init__(self, tasks: list[Any]) -> None:
        self.tasks = set(tasks)
        self._count = len(tasks)
        for task in tasks:
            task.add_done_callback(self.tasks.discard)

    def done(self, events: int) -> int:
        """Returns how many of all events are done."""
        return events * (self._count - len(self.tasks)) // self._count


def _job(begun: Begun, x: Events, pairs: str | None, client: Any) -> worker.Job:
    """Describes the analysis for a worker."""
    problem = begun.problem
    if hasattr(x, "batches"):
        raise OptionError(
            "cannot send a source of events to its workers: give names of files, or arrays",
            option="dask",
        )
    of_data = replace(problem.data_options, skip_bad_files=False)
    paths = file_names(x)
    if paths is not None:
        faults = getattr(problem.source, "skipped", {})
        x = absolute_names([path for path in each_file(paths) if str(path) not in faults])
        friends = tuple(
            one if one.startswith(":") else str(absolute_names([one])[0])
            for one in of_data.friends or ()
        )
        of_data = replace(of_data, friends=friends)
    options = begun.options
    statistics = replace(begun.ready.statistics, resume=None)
    return worker.Job(
        key=uuid.uuid4().hex,
        model=problem.model.proto.SerializeToString(),
        path=problem.model.path,
        sha256=problem.model.sha256,
        x=x,
        of_model=problem.model_options,
        of_data=of_data,
        of_engine=replace(options, threads=options.threads or 1),
        of_statistics=statistics,
        pairs=pairs,
        known=_known(begun),
        facts=begun.facts(),
        sharing=_sharing(client),
    )


def _known(begun: Begun) -> KnownSurvey | None:
    """Returns the survey for workers; None where only reading the events tells what they mean."""
    problem = begun.problem
    try:
        refuse_moving_columns(problem.source)
    except OptionError:
        return None
    return KnownSurvey(
        problem.survey,
        problem.first_events,
        columns_of(problem.source),
        problem.data_options.missing,
        padded=bool(problem.slots),
    )


def _sharing(client: Any) -> int:
    """Returns the largest number of threads of workers on one machine."""
    threads: Counter[str] = Counter()
    for one in client.scheduler_info(n_workers=-1)["workers"].values():
        threads[str(one.get("host"))] += int(one.get("nthreads", 1))
    return max(threads.values(), default=1)
