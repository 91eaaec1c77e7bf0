"""``python -m validation.cms_style``."""

import sys

from validation.cms_style import STUDY
from validation.study import main

if __name__ == "__main__":
    sys.exit(main(STUDY))
