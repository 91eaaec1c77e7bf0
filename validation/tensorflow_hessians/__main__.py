"""``python -m validation.tensorflow_hessians``."""

import sys

from validation.study import main
from validation.tensorflow_hessians import STUDY

if __name__ == "__main__":
    sys.exit(main(STUDY))
