"""From takes on disk to what training eats: a corpus on one time grid, split by dancer, cut into windows or streams.

`windows` and `streams` import torch and are imported by name; everything offered here needs numpy and pyarrow alone.
"""

from choreo_pipelines.datasets.arrays import MappedArrays, map_arrays, write_arrays
from choreo_pipelines.datasets.corpus import HZ, Corpus, Entry
from choreo_pipelines.datasets.split import Split, split
from choreo_pipelines.datasets.takes import find_takes

__all__ = ["HZ", "Corpus", "Entry", "MappedArrays", "Split", "find_takes", "map_arrays", "split", "write_arrays"]
