"""Text for display and files: untrusted names, long names, values with their uncertainties.

``markup``        escapes untrusted text for Markdown and LaTeX
``abbreviation``  shortens long names, so that different names stay different
``expression``    parses expressions over columns, such as pt > 30 && abs(eta) < 2.5
``uncertainty``   writes values with as many digits as their uncertainty allows
``toml_text``     writes values as TOML
``plain``         letters that a terminal does not know, in those of ASCII
"""
