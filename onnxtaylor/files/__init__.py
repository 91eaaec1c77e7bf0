"""Names, recognizes, hashes, writes and locks files.

``archive``    reads archives of arrays that this program wrote
``bounded``    reads a file into memory, up to a limit
``hashes``     SHA-256
``lock``       a lock on a folder, for one process at a time
``names``      what a name of data stands for: a file, a tree, a folder, a pattern, an address
``recognize``  the kind of a file, from its first bytes
``unchanged``  whether a file is still the one that was opened
``whole``      writes a file whole or not at all; time of writing
"""
