"""``python -m mien``."""

from .cli.app import main

if __name__ == "__main__":
    main()
