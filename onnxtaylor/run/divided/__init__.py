"""One analysis in parts, which many processes or machines make: everything is a sum.

    sums of all events  =  sums of part 1  +  …  +  sums of part N

The numbers of a result follow from the sums alone. What the events of a part need to know of all
others is the survey of the data; the bootstrap counts events by their number in the whole data.

``part_file``  files of sums: one archive with a checksum, written whole
``tree``       the order in which parts are added, whatever the order in which they come
``surveys``    the survey of a part of the data, and of all
``part``       the sums of a part, and all that a result needs besides
``merge``      parts are checked, added, and become a result or a survey
``cluster``    the parts of an analysis as tasks of Dask
``worker``     such a task, in a worker's process
"""
