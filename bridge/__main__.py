"""``python -m bridge`` is the ``mailwire`` command."""

from bridge.cli import main

if __name__ == "__main__":
    main()
