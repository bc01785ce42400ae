"""`python -m smiledet`."""

from smiledet.cli import as_process

if __name__ == "__main__":
    as_process()
