"""``python -m validation.higgs_challenge``."""

import sys

from validation.higgs_challenge import STUDY
from validation.study import main

if __name__ == "__main__":
    sys.exit(main(STUDY))
