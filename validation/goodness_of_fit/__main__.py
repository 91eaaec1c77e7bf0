"""``python -m validation.goodness_of_fit``."""

import sys

from validation.goodness_of_fit import STUDY
from validation.study import main

if __name__ == "__main__":
    sys.exit(main(STUDY))
