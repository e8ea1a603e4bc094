"""The one LSL library of the process, loaded when first needed and kept to this machine unless told otherwise.

LSL has no authentication, and liblsl takes its configuration once per process, at its first use, so the sensor and the
bridge must agree. What HERE_ONLY does was measured with liblsl 1.18: streams are looked for and announced on the
loopback interface alone, but the outlet's ports (16572 and up) still listen on every address and answer whoever asks
them directly. No setting changes that; a firewall is the only lock.
"""

from __future__ import annotations

import importlib
import threading
from typing import Any, Final

from choreo_service.errors import AdapterConfigError

# liblsl prefers this to the file named by LSLAPICFG. Its own error lines are off: losses are told by the adapters.
HERE_ONLY: Final = (
    "[multicast]\nResolveScope = machine\nListenAddress = 127.0.0.1\n[ports]\nIPv6 = disable\n[log]\nlevel = -3\n"
)
INSTALL: Final = "pip install 'choreo-service[lsl]'"


class LslLibrary:
    """Loads pylsl once. Tests make one of their own; everybody else uses `LIBRARY`."""

    def __init__(self, module: str = "pylsl") -> None:
        self._module = module
        self._network: bool | None = None  # the reach liblsl was configured with, None before its first use
        self._lock = threading.Lock()

    def load(self, who: str, *, network: bool) -> Any:
        """The pylsl module, configured; it is untyped. Reads files, so call it in a thread.

        AdapterConfigError, in the name of the adapter `who`, when pylsl isn't installed or can't find its library, or
        when the process already uses LSL with the other reach.
        """
        with self._lock:
            lsl = self._imported(who)
            if self._network is None:
                self._configure(lsl, who, network)
                self._network = network
            if self._network != network:
                raise AdapterConfigError(
                    f"{who}: `network: {_yaml(network)}`, but LSL already runs with `network: {_yaml(not network)}`; "
                    "a process has one LSL",
                    fix="write the same `network` in every lsl_inlet and lsl_outlet block",
                )
            return lsl

    def _imported(self, who: str) -> Any:
        try:
            return importlib.import_module(self._module)
        except ImportError as error:
            raise AdapterConfigError(f"{who}: pylsl isn't installed ({error})", fix=INSTALL) from error
        except (OSError, RuntimeError) as error:  # pylsl is there, the library it wraps isn't
            raise AdapterConfigError(f"{who}: liblsl can't be loaded: {error}", fix=INSTALL) from error

    def _configure(self, lsl: Any, who: str, network: bool) -> None:
        """With `network` LSL's own rules hold: its lsl_api.cfg where there is one, else the whole local network."""
        if network:
            return
        try:
            lsl.set_config_content(HERE_ONLY)
        except NotImplementedError as error:  # a liblsl of the system, older than 1.17.7
            raise AdapterConfigError(
                f"{who}: this liblsl can't be kept to this machine: {error}",
                fix=f"unset PYLSL_LIB and {INSTALL}, or accept the whole local network with network: true",
            ) from error


LIBRARY: Final = LslLibrary()


def _yaml(value: bool) -> str:
    return "true" if value else "false"
