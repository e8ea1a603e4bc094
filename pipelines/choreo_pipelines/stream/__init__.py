"""Takes sent over the network as phone apps would send them."""

from choreo_pipelines.stream.encoder import PhoneEncoder
from choreo_pipelines.stream.player import Player, Sent

__all__ = ["PhoneEncoder", "Player", "Sent"]
