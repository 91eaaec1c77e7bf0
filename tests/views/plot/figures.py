"""All figures, names to draw them with, and what can be read off one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from onnxtaylor.statistics.ranks import ranks
from onnxtaylor.views.plot import plot_curve, plot_matrix, plot_outputs, plot_scores, plot_table

FIGURES = {
    "scores": plot_scores,
    "curve": plot_curve,
    "matrix": plot_matrix,
    "outputs": plot_outputs,
    "table": plot_table,
}
HIGGS = [
    "DER_mass_MMC", "DER_mass_transverse_met_lep", "DER_mass_vis", "DER_pt_h",
    "DER_deltaeta_jet_jet", "DER_mass_jet_jet", "DER_prodeta_jet_jet", "DER_deltar_tau_lep",
    "DER_pt_tot", "DER_sum_pt", "DER_pt_ratio_lep_tau", "DER_met_phi_centrality",
    "DER_lep_eta_centrality", "PRI_tau_pt", "PRI_tau_eta", "PRI_tau_phi", "PRI_lep_pt",
    "PRI_lep_eta", "PRI_lep_phi", "PRI_met", "PRI_met_phi", "PRI_met_sumet", "PRI_jet_num",
    "PRI_jet_leading_pt", "PRI_jet_leading_eta", "PRI_jet_leading_phi", "PRI_jet_subleading_pt",
    "PRI_jet_subleading_eta", "PRI_jet_subleading_phi", "PRI_jet_all_pt",
]  # fmt: skip
CMS = ("ggh", "qqh", "ztt", "noniso", "misc")
HOSTILE = [
    "$m_{vis}$", "a\nb\x1b[31m", "x" * 300, r"\frac{1}{0}$", r"a\$", "\u202eabc", "", "_^{}%&#~",
]  # fmt: skip


def scored(result, score):
    """The same result with other scores."""
    score = np.broadcast_to(score, result.score.shape).astype(float)
    return replace(result, score=score, rank=ranks(score), sem=np.abs(score) * 0.05)


def own_axes() -> Axes:
    return Figure().add_subplot()


def drawn(ax: Axes):
    """Draws the figure and returns its renderer."""
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    return canvas.get_renderer()


def texts(ax: Axes) -> str:
    legend = ax.get_legend()
    parts = [ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()]
    parts += [t.get_text() for t in (legend.get_texts() if legend else [])]
    return "\n".join(parts)
