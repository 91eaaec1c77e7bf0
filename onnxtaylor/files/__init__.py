"""Files: what they are, and how they are written.

``recognize``  what a file is, by its first bytes
``whole``      files that are written whole or not at all
"""
