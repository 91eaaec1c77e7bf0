"""What is saved, and what is read from it: results, their parts, rankings and selections.

``taylor``      TaylorResult: the coefficients of an analysis, frozen, saved and loaded
``summaries``   its parts: model, data, features, groups, warnings
``classes``     which response belongs to which class
``documents``   saved JSON, read: of the right schema, undamaged
``ranking``     coefficients by their place, filtered; the tidy table as CSV
``selection``   the variables behind the most influential coefficients
"""
