"""Results, which are saved, loaded, ranked and cut.

===================  ==============================================================================
``taylor``           ``TaylorResult``: the coefficients of an analysis
``summaries``        its parts: model, data, features, groups, notices
``quantity``         the quantity of a result: Taylor coefficients, or responses to finite steps
``classes``          the class of events that each response is the score of
``ranking``          coefficients by their rank, filtered
``selection``        the features of the most influential coefficients
``tidy``             tables of one row per coefficient: Arrow, data frame, CSV
``documents``        saved JSON of any kind: written, read, migrated, validated, loaded
``migrations``       documents of earlier versions, brought to the present form
``violations``       the published JSON Schemas, and where a document does not fit one
``rows``             rows of coefficients in documents: complete, in order, as arrays
``taylor_document``  the document of a ``TaylorResult``
``lazy``             modules above the results that draw and show them, loaded at first use
===================  ==============================================================================
"""
