"""``python -m validation.frameworks``: skipped, in one line, where a package is missing."""

import sys

from validation.frameworks import STUDY
from validation.frameworks.study import missing
from validation.study import main

if __name__ == "__main__":
    if absent := missing():
        way = "pip install '.[validation,frameworks]'"
        print(f"skipped: not installed: {', '.join(absent)} ({way}); what was measured is kept")
        sys.exit(0)
    sys.exit(main(STUDY))
