"""Tell PyInstaller what mien needs: weights, styles and fonts, and the modules that are imported when first used."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

_NOT_FOR_READING = ("mien.lab", "mien.audit", "mien.apps", "mien._pyinstaller")
datas = collect_data_files("mien")
hiddenimports = collect_submodules("mien", filter=lambda name: not name.startswith(_NOT_FOR_READING))
