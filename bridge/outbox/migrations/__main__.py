"""The child process: the database's address, which may hold a password, comes through a pipe."""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config


def main() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["url"] = sys.stdin.read().strip()
    command.upgrade(config, "head")


if __name__ == "__main__":
    main()
