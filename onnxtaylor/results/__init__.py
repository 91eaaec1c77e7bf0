"""Results, which are saved, loaded, ranked and cut.

====================  ==============================================================================
``taylor``            ``TaylorResult``: the coefficients of an analysis
``summaries``         its parts: model, data, features, groups, notices
``quantity``          the quantity of a result: Taylor coefficients, or responses to finite steps
``classes``           the class of events that each response is the score of
``ranking``           coefficients by their rank, filtered
``mirror_images``     responses whose coefficients differ by the sign alone
``selection``         the features of the most influential coefficients
``cost``              ``CostPlan``: what an analysis will cost
``check_place``       phrases on what a cross-check compared, and how large differences are
``shown_rows``        tidy rows that show themselves as a table
``displays``          what notebooks show of objects other than results
``tidy``              tables of one row per coefficient: Arrow, data frame, CSV
``documents``         saved JSON of any kind: written, read, migrated, validated, loaded
``migrations``        documents of earlier versions, brought to the present form
``violations``        the published JSON Schemas, and where a document does not fit one
``rows``              rows of coefficients in documents: complete, in order, as arrays
``consistency``       numbers of a document that contradict one another
``taylor_document``   the document of a ``TaylorResult``
``taylor_arrow``      its tidy table, as Arrow
``taylor_words``      the result in a few lines
``coefficient_file``  the rows of a large result, in Parquet beside its document
``json_rows``         rows of a table as JSON, column by column
``arrow_arrays``      Arrow arrays from numbers and texts
``lazy``              modules above the results that draw and show them, loaded at first use
====================  ==============================================================================
"""
