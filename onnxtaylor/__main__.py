"""``python -m onnxtaylor``."""

import sys

from onnxtaylor.cli import main

sys.exit(main())
