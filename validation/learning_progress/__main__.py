"""``python -m validation.learning_progress``."""

import sys

from validation.learning_progress import STUDY
from validation.study import main

if __name__ == "__main__":
    sys.exit(main(STUDY))
