"""Makes the other half of a pair: the same clip, its face painted anew so that it speaks its partner's sound.

The generator paints segment by segment; what it painted is laid over the clip with a soft edge, so that background,
hair and what is in front of the face are the clip's own pixels (METHOD 5). Where the other half was given with the
source, it is checked and cut as the clip was, and nothing is painted.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from infra.resources import Needs
from models.faces import load_face
from models.faces.face import FaceBackend
from models.weights.digests import digest
from models.weights.several import several
from storage.store import Store
from tasks.companion.config import CompanionConfig
from tasks.companion.rows import GENERATED, CompanionInput, CompanionRow
from tasks.face_packages import packages_of
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
        painting = (c.generator, c.vae, c.whisper) if c.generator else ()
        return {reference: digest(reference) for reference in (*painting, *several(c.face_model))}

    def packages(self) -> dict[str, str]:
        return packages_of(self.config.face)

    def setup(self, store: Store) -> None:
        super().setup(store)
        if self.config.generator:
            # Only workers paint: whoever reads a recipe should not wait for torch.
            from tasks.companion.networks import load_networks

            self.painter, self.whisper, self.lanes = load_networks(self.config)

    @cached_property
    def face(self) -> FaceBackend:
        """Loaded where the first given companion comes; most datasets have none."""
        return load_face(self.config.face, self.config.face_model)

    def __call__(self, rows: Sequence[CompanionInput]) -> list[CompanionRow | Rejected]:
        made = {row.id: self._given(row) for row in rows if row.how == "given"}
        others = [row for row in rows if row.id not in made]
        painted = self._painted(others) if self.config.generator else map(_no_generator, others)
        made |= {one.id: one for one in painted}
        return [made[row.id] for row in rows]

    def _given(self, row: CompanionInput) -> CompanionRow | Rejected:
        from tasks.companion.given import Unfit, given_files

        try:
            files = given_files(row, self.store, self.face, self.config)
        except Unfit as error:
            return Rejected(row.id, error.code, str(error))
        assert row.origin
        return CompanionRow(
            id=row.id, origin=row.origin, seed=0, segments=0, starts=[], motion=0, seams=[], drifts=[], painted_share=0.0,
            **files,
        )  # fmt: skip

    def _painted(self, rows: Sequence[CompanionInput]) -> list[CompanionRow | Rejected]:
        from tasks.companion.clip_files import Prepared, prepared

        ready = [prepared(row, self.config, self.whisper) for row in rows]
        clips = [one.clip for one in ready if isinstance(one, Prepared)]
        painted = iter(self.painter.companions(clips, self.lanes))
        return [self._row(one, next(painted)) if isinstance(one, Prepared) else one for one in ready]

    def _row(self, ready: "Prepared", made: "Painted") -> CompanionRow:
        from tasks.companion.clip_files import files_of

        return CompanionRow(
            id=ready.id,
            origin=GENERATED,
            seed=made.clip.seed,
            segments=len(made.starts),
            starts=made.starts,
            motion=self.config.motion,
            seams=made.seams,
            drifts=made.drifts,
            painted_share=float(made.over_FHW.mean()),
            **files_of(made, ready.sound, self.config.crf),
        )


def _no_generator(row: CompanionInput) -> Rejected:
    return Rejected(
        row.id,
        "no_generator",
        "its companion was not given with the source, and nothing paints one: name a generator "
        "(companion.generator=mini:generator or run:NAME)",
    )
