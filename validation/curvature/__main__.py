"""``python -m validation.curvature``."""

import sys

from validation.curvature import STUDY
from validation.study import main

if __name__ == "__main__":
    sys.exit(main(STUDY))
