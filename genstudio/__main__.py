"""`genstudio`, and `python -m genstudio`."""

import sys


def main() -> int:
    """What the shell's command runs; Ctrl-C is answered even while the program is only being read."""
    try:
        from genstudio.cli import main as run

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":  # and not a process that it starts
    sys.exit(main())
