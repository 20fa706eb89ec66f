"""The file that Streamlit runs, again and again, as a script of its own: it only calls the page."""

if __name__ == "__main__":
    import sys
    from importlib import import_module

    import_module("mien.apps.live_page").page(sys.argv[1])
