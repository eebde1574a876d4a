"""What can go wrong, once, with the exit code each kind has in the shell.

The library raises these; only the edges (`cli`, the page) print them. A message is one line that says
what was expected, what was found and what to do next.

| exit code | meaning                                                                   |
|-----------|---------------------------------------------------------------------------|
| 0         | all done                                                                  |
| 1         | a batch finished, but some of its pictures failed (they are listed)       |
| 2         | the command itself is wrong: unknown option, model or value               |
| 3         | an input cannot be read: missing, not a picture, truncated, too large     |
| 4         | an output cannot be written: exists, folder missing, disk full            |
| 5         | weights or a checkpoint are missing, damaged, tampered with or not safe   |
| 6         | the device cannot do it: not present, out of memory at the smallest tile  |
| 70        | a bug in genstudio, in a batch too; GENSTUDIO_DEBUG=1 shows the traceback |
| 130       | stopped by Ctrl-C or SIGTERM                                              |
"""


class StudioError(Exception):
    """Base of every error the studio raises on purpose; `str(error)` is one line meant for a person."""

    exit_code = 1


class BatchError(StudioError):
    """Some pictures of a batch failed; the rest are done."""

    exit_code = 1


class UsageError(StudioError):
    """An option, a value or a name that cannot be meant."""

    exit_code = 2


class InputError(StudioError):
    """A picture, folder or data set that cannot be read."""

    exit_code = 3


class OutputError(StudioError):
    """A result that cannot be written where it was asked for."""

    exit_code = 4


class WeightsError(StudioError):
    """A weights file or checkpoint that is missing, damaged or refused."""

    exit_code = 5


class DeviceError(StudioError):
    """A device that is absent or too small."""

    exit_code = 6


class BugError(StudioError):
    """An error that nobody foresaw, which is its cause."""

    exit_code = 70  # EX_SOFTWARE of sysexits.h

    @classmethod
    def of(cls, error: Exception) -> "BugError":
        """The same error, said in one line and with what to do."""
        told = cls(
            f"{type(error).__name__}: {error}; this is a bug; run with GENSTUDIO_DEBUG=1 for the traceback"
        )
        told.__cause__ = error
        return told


class Stopped(StudioError):  # noqa: N818 - a request, not an error
    """The user asked to stop."""

    exit_code = 130
