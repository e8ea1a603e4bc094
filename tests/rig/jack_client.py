"""A JACK client in the test's own process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Self

from rig.jack_server import JackServer

if TYPE_CHECKING:
    import jack


class JackClient(ABC):
    """Use as a context manager. Subclasses give it its name, its ports and what happens in each period."""

    name: ClassVar[str]

    def __init__(self, server: JackServer) -> None:
        self._server = server
        self._client: jack.Client | None = None

    @abstractmethod
    def register(self, client: jack.Client) -> None:
        """Make the ports."""

    @abstractmethod
    def process(self, frames: int) -> None:
        """In JACK's own thread."""

    def __enter__(self) -> Self:
        import jack  # loads libjack, which a machine without peers lacks

        client = jack.Client(self.name, servername=self._server.server, no_start_server=True, use_exact_name=True)
        self.register(client)
        client.set_process_callback(self.process)
        client.activate()
        self._client = client
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.deactivate()
            self._client.close()
            self._client = None
