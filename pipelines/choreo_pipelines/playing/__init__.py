"""Takes played offline: through a core, with parts exchanged for controls, and what came out kept as tables."""

from choreo_pipelines.playing.dumps import dump, dump_controls, dump_latents
from choreo_pipelines.playing.played import Played, play, recorded
from choreo_pipelines.playing.tapes import looped, of_performers, with_body_of, with_shifted_body, without

__all__ = [
    "Played",
    "dump",
    "dump_controls",
    "dump_latents",
    "looped",
    "of_performers",
    "play",
    "recorded",
    "with_body_of",
    "with_shifted_body",
    "without",
]
