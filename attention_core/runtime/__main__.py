"""``python -m attention_core.runtime FOLDER INPUT... --to LANGUAGE``."""

import sys
from argparse import ArgumentParser

from attention_core.errors import UserError
from attention_core.runtime import load


def main() -> None:
    """Answer each input with a line."""
    parser = ArgumentParser(
        prog="python -m attention_core.runtime",
        description="Run a model that attention-core export wrote, without torch.",
    )
    parser.add_argument("folder", help="what attention-core export wrote")
    parser.add_argument("inputs", nargs="+", metavar="input", help="a text, or a picture's path")
    parser.add_argument("--to", metavar="LANGUAGE", help="the model's first, if not given")
    given = parser.parse_args()
    try:
        model = load(given.folder)
        for line in model.lines(given.inputs, given.to or model.languages[0]):
            print(line)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
