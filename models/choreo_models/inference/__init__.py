"""The nets on stage: stateful steps on [B, .] arrays, numpy by default, torch as the reference."""

from choreo_models.inference.players import Pair, Players, fingerprint_in, load_pair, make_players

__all__ = ["Pair", "Players", "fingerprint_in", "load_pair", "make_players"]
