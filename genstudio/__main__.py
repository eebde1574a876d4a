"""`python -m genstudio` is `genstudio`."""

import sys

from genstudio.cli import main

sys.exit(main())
