"""The web apps: pages in a browser, served by this machine to itself."""
