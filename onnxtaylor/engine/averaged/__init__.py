"""Second order averaged over steps: what both engines share of it, which is no derivative.

``steps``   how far which feature is stepped at an event
``shares``  what kinks make of second order on the data
``rows``    rows of the Hessian, which these need
``choose``  whether that matters
"""
