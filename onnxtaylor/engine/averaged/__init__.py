"""Second order averaged over steps: what both engines share of it, which is no derivative.

``steps``   how far which feature is stepped at an event
``choose``  whether kinks matter on the data
"""
