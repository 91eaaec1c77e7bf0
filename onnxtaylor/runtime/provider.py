"""The hardware that runs a graph: onnxruntime's providers, and the processors of this process."""

from __future__ import annotations

import ctypes
import os
from typing import Any

from onnxtaylor.errors import OptionError, RuntimeMissingError, printable

__all__ = ["PROVIDERS", "available_threads", "choose_provider", "import_onnxruntime"]

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def available_threads() -> int:
    """Counts the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def import_onnxruntime() -> Any:
    """Imports onnxruntime, without its telemetry, and silences its log: errors are exceptions.

    Versions from 1.32 on send telemetry unless ORT_DISABLE_TELEMETRY is 1 before they are imported;
    it is set here, and whoever wants to send it sets it to 0.

    Returns
    -------
    module
        The module ``onnxruntime``.

    Raises
    ------
    RuntimeMissingError
        Neither of its wheels is installed.
    """
    # it looks up its maker's host, and keeps an identifier of the machine in the user's cache
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise RuntimeMissingError(
            "onnxruntime is not installed: pip install onnxruntime-gpu (the extra [gpu], also for"
            f" machines without a GPU) or onnxruntime (the extra [cpu]) [{printable(error)}]"
        ) from None
    if hasattr(onnxruntime, "disable_telemetry_events"):
        onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(4)
    return onnxruntime


def choose_provider(wanted: str) -> str:
    """Chooses the provider that runs the graphs.

    Parameters
    ----------
    wanted
        ``cpu``, ``cuda``, or ``auto``: CUDA where onnxruntime was built with it and a device
        answers, the CPU elsewhere.

    Returns
    -------
    str
        ``cpu`` or ``cuda``.

    Raises
    ------
    OptionError
        The name is unknown, or CUDA is requested and cannot be used here.
    """
    if wanted not in ("auto", *PROVIDERS):
        raise OptionError(
            f"'{printable(wanted)}' is not offered: choose auto, cpu or cuda", option="provider"
        )
    if wanted == "cpu":
        return "cpu"
    onnxruntime = import_onnxruntime()
    built = PROVIDERS["cuda"] in onnxruntime.get_available_providers()
    if built and _cuda_devices() > 0:
        # CUDA's libraries come as wheels of their own, which the system's loader does not search
        if hasattr(onnxruntime, "preload_dlls"):
            onnxruntime.preload_dlls()
        return "cuda"
    if wanted == "auto":
        return "cpu"
    if built:
        raise OptionError(
            'cuda cannot be used, since no CUDA device answers: use provider="cpu"',
            option="provider",
        )
    raise OptionError(
        "cuda cannot be used, since the installed onnxruntime has no CUDA provider: install"
        ' onnxruntime-gpu, or use provider="cpu"',
        option="provider",
    )


def _cuda_devices() -> int:
    """Counts the devices by asking CUDA's driver.

    onnxruntime cannot be asked: onnxruntime-gpu lists its CUDA provider on any machine.
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value
