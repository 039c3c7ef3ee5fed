"""The stage `ingest`: one pass over a source, from which clips come.

`stage` is the stage itself. In the order of the work: `source_pass` (the loop), `shots` (where the camera cuts),
`tracker` (follows faces), `jump_cuts` (where a face leaps), `cutter` (which face, from when to when, becomes a
clip), `steady_crop` (where its square lies), `clip` (encodes it), `track_data` (what a row keeps of the face).
"""

from tasks.ingest.config import IngestConfig
from tasks.ingest.stage import ClipRow, Ingest, IngestInput

__all__ = ["ClipRow", "Ingest", "IngestConfig", "IngestInput"]
