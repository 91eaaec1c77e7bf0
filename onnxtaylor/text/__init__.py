"""Text made fit to be shown: untrusted names, long names, values with their uncertainties.

``markup``        untrusted text in HTML, Markdown and LaTeX
``abbreviation``  long names cut, so that different names stay different
``uncertainty``   how many digits a value has
"""
