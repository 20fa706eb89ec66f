"""The folder of mien's hook for PyInstaller (entry point ``pyinstaller40``)."""

from pathlib import Path


def hook_folders() -> list[str]:
    """The folder of ``hook-mien.py``."""
    return [str(Path(__file__).parent)]
