"""`genstudio`, and `python -m genstudio`."""

import os
import sys


def main() -> int:
    """What the shell's command runs; Ctrl-C is answered even while the program is only being read."""
    try:
        _hold_standard_streams()
        from genstudio.cli import main as run

        return run()
    except KeyboardInterrupt:
        return 130


def _hold_standard_streams() -> None:
    """Opens what was closed of stdin, stdout and stderr, the wrong way round: using them is an error then.

    Else the first file that is opened would get the number of one of them, and be written into.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            # what is said on stderr may vanish; what is read or written elsewhere may not, without a word
            os.open(os.devnull, os.O_WRONLY if number in (0, 2) else os.O_RDONLY)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


if __name__ == "__main__":  # and not a process that it starts
    sys.exit(main())
