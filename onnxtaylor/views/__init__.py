"""Figures, the report page and tables of results.

``plot``    figures of results
``report``  a result as one HTML page, and in notebooks
``displays``  selections, comparisons and trainings in notebooks
``tables``  rankings as Markdown and LaTeX
"""
