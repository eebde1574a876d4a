"""`python -m genstudio` is `genstudio`."""

import sys

from genstudio.cli import main

if __name__ == "__main__":  # and not a process that it starts
    sys.exit(main())
