"""Makes the other half of a pair: the same clip, its face painted anew so that it speaks its partner's sound.

The generator paints segment by segment; what it painted is laid over the clip with a soft edge, so that background,
hair and what is in front of the face are the clip's own pixels (METHOD 5).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from infra.resources import Needs
from models.weights.digests import digest
from storage.store import Store
from tasks.companion.config import CompanionConfig
from tasks.companion.rows import CompanionInput, CompanionRow
from tasks.facemask import FaceMask
from tasks.ingest import Ingest
from tasks.occluders import Occluders
from tasks.partner import Partner
from tasks.stage import Annotate, Rejected, Through

if TYPE_CHECKING:
    from models.audio.whisper import Whisper
    from models.companions.painter import Companion as Painted
    from models.companions.painter import Painter
    from tasks.companion.clip_files import Prepared


class Companion(Annotate):
    """The stage: a clip and its partner's sound in, its companion out."""

    name = "companion"
    reads = (
        Partner, FaceMask, Occluders, Ingest,
        Through(Ingest, by="partner"), Through(Ingest, by="second", optional=True),
        Through(Ingest, by="third", optional=True),
    )  # fmt: skip
    needs = Needs(cpus=1, batch=8, timeout_s=1800, memory_gb=2.0)
    Config = CompanionConfig
    Input = CompanionInput
    Output = CompanionRow
    config: CompanionConfig
    painter: "Painter"
    whisper: "Whisper"

    def weights(self) -> dict[str, str]:
        c = self.config
        return {reference: digest(reference) for reference in (c.generator, c.vae, c.whisper)}

    def setup(self, store: Store) -> None:
        # Only workers paint: whoever reads a recipe should not wait for torch.
        from tasks.companion.networks import load_networks

        super().setup(store)
        self.painter, self.whisper, self.lanes = load_networks(self.config)

    def __call__(self, rows: Sequence[CompanionInput]) -> list[CompanionRow | Rejected]:
        from tasks.companion.clip_files import Prepared, prepared

        ready = [prepared(row, self.config, self.whisper) for row in rows]
        clips = [one.clip for one in ready if isinstance(one, Prepared)]
        painted = iter(self.painter.companions(clips, self.lanes))
        return [self._row(one, next(painted)) if isinstance(one, Prepared) else one for one in ready]

    def _row(self, ready: "Prepared", made: "Painted") -> CompanionRow:
        from tasks.companion.clip_files import files_of

        return CompanionRow(
            id=ready.id,
            origin="generated",
            seed=made.clip.seed,
            segments=len(made.starts),
            starts=made.starts,
            motion=self.config.motion,
            seams=made.seams,
            drifts=made.drifts,
            painted_share=float(made.over_FHW.mean()),
            **files_of(made, ready.sound, self.config.crf),
        )
