"""`python -m pycroft migrate | alembic ARGS..`: the schema of the database."""

import os
import sys
from pathlib import Path

from alembic.config import CommandLine, Config

from pycroft.settings import MissingSettings


def main(arguments: list[str]) -> int:
    match arguments:
        case ["migrate", *rest]:
            return alembic(["upgrade", *(rest or ["head"])])
        case ["alembic", *rest]:
            return alembic(rest)
    print(__doc__, file=sys.stderr)
    return 2


def alembic(arguments: list[str]) -> int:
    command_line = CommandLine(prog="alembic")
    options = command_line.parser.parse_args(arguments)
    if not hasattr(options, "cmd"):
        command_line.parser.error("a command is missing, as `upgrade head`")
    config = Config(cmd_opts=options)
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    try:
        command_line.run_cmd(config, options)
    except MissingSettings as error:
        print(f"pycroft: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main(sys.argv[1:]))
