"""Responses to finite steps, for models without derivatives: trees, quantized networks.

``engine``  ``FiniteStep``: the responses
``moves``   how far each feature goes: whole numbers, one-hot groups
``plan``    the requested steps, applied to these data
"""
