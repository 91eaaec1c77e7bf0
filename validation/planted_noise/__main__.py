"""``python -m validation.planted_noise``."""

import sys

from validation.planted_noise import STUDY
from validation.study import main

if __name__ == "__main__":
    sys.exit(main(STUDY))
