"""``python -m validation.toy_studies``."""

import sys

from validation.study import main
from validation.toy_studies import STUDY

if __name__ == "__main__":
    sys.exit(main(STUDY))
