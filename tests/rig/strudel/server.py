"""Serves the page and Strudel's files to the browser, on a loopback port of its own."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final, Self

PAGE: Final = Path(__file__).parent / "page"
SCRIPT: Final = "text/javascript"  # browsers refuse a module of any other type


class PageServer:
    """`url` is the page inside its `with` block."""

    def __init__(self, packages: Path) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, packages))
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, name="page-server", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    extensions_map: Final = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": SCRIPT, ".js": SCRIPT}

    def __init__(self, packages: Path, *arguments: Any) -> None:
        self._packages = packages
        super().__init__(*arguments)

    def translate_path(self, path: str) -> str:
        name = path.partition("?")[0].lstrip("/") or "index.html"
        return str(self._packages / name[4:] if name.startswith("npm/") else PAGE / name)

    def log_message(self, *_: Any) -> None:
        """Quiet."""
