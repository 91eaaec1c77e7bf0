"""What people look at.

``plot``    figures of results
``report``  a result as one HTML page, and as what a notebook shows
``tables``  rankings as Markdown and LaTeX
"""
