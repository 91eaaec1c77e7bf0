"""Recognizes and writes files.

``recognize``  the kind of a file, from its first bytes
``whole``      writes a file whole or not at all; time of writing
"""
