"""``python -m validation.folds``."""

import sys

from validation.folds import STUDY
from validation.study import main

if __name__ == "__main__":
    sys.exit(main(STUDY))
