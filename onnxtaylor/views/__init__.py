"""Figures, the report page and tables: the forms in which people look at results.

``plot``    figures of results
``report``  a result as one HTML page, and as what a notebook shows
``tables``  rankings as Markdown and LaTeX
"""
