"""Recipes: what a rebuild computes. A recipe is one frozen, typed config per stage, in running order.

Adding a stage: write tasks/<stage>.py, then add one line to `Recipe` and one to `STAGES` here.
"""

from typing import Any, ClassVar, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from models.weights.known import reference
from storage.versions.facts import RIGHTS
from storage.versions.gates import Gates
from storage.versions.publish import COUNTED
from tasks.captions import Captions, CaptionsConfig
from tasks.companion import Companion, CompanionConfig
from tasks.facemask import FaceMask, FaceMaskConfig
from tasks.hearing import Hearing, HearingConfig
from tasks.ingest import Ingest, IngestConfig
from tasks.latents import Latents
from tasks.occluders import Occluders, OccludersConfig
from tasks.pairlatents import PairLatents
from tasks.pairscores import PairScores, PairScoresConfig
from tasks.pairverdict import PairVerdict, PairVerdictConfig
from tasks.partner import Partner, PartnerConfig
from tasks.probe import Probe, ProbeConfig
from tasks.quality import Quality, QualityConfig
from tasks.relight import Relight, RelightConfig
from tasks.relitlatents import RelitLatents
from tasks.render import Render, RenderConfig
from tasks.screen import Screen, ScreenConfig
from tasks.speakers import Speakers, SpeakersConfig
from tasks.stage import Stage, StageConfig
from tasks.verdict import Verdict, VerdictConfig
from tasks.window_stage import LatentsConfig

STAGES: dict[str, type[Stage]] = {
    "render": Render,
    "probe": Probe,
    "ingest": Ingest,
    "quality": Quality,
    "verdict": Verdict,
    "captions": Captions,
    "occluders": Occluders,
    "screen": Screen,
    "facemask": FaceMask,
    "hearing": Hearing,
    "latents": Latents,
    "speakers": Speakers,
    "partner": Partner,
    "companion": Companion,
    "relight": Relight,
    "pairscores": PairScores,
    "pairverdict": PairVerdict,
    "pairlatents": PairLatents,
    "relitlatents": RelitLatents,
}
PAIRS = ("partner", "companion", "relight", "pairscores", "pairverdict", "pairlatents", "relitlatents")
"""Stages that make or read pairs of clips; a recipe without `companion` has none of them."""
OF_RELIT = ("relitlatents",)
"""Stages that read pairs in their second light; a recipe without `relight` has none of them."""
WITH_MESH = ("mesh", "mediapipe")
"""What finds faces by MediaPipe's mesh."""


class Stages(BaseModel):
    """One config per stage, named as in STAGES. Every value of a stage is part of the fingerprints.

    A stage whose config may be None can be left out: it is then not in the graph, and nothing else changes. `publish`
    is no stage: it changes no row.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    required: ClassVar[tuple[str, ...]] = tuple(COUNTED)
    """What a version must say of every row."""

    publish: Gates = Field(default=Gates(), description="What a version must be like to be published")

    @field_validator("*", mode="before")
    @classmethod
    def _on_or_off(cls, given: Any, info: ValidationInfo) -> Any:
        """`true` is the stage with its default settings, `false` is without it; for stages that may be left out."""
        assert info.field_name
        if not isinstance(given, bool) or not _may_be_left_out(cls.model_fields[info.field_name].annotation):
            return given
        return STAGES[info.field_name].Config() if given else None

    def configs(self) -> dict[str, StageConfig]:
        """Of the stages that it has, in running order."""
        configs = {name: getattr(self, name) for name in type(self).model_fields if name in STAGES}
        return {name: config for name, config in configs.items() if config is not None}


def _may_be_left_out(annotation: Any) -> bool:
    return type(None) in get_args(annotation)


R = TypeVar("R", bound=Stages)


class WorldRecipe(Stages):
    """Takes to videos: the procedural world, or what a studio's renderer has written."""

    required = RIGHTS  # videos are sources: who is in which split is decided when they are cut into clips

    render: RenderConfig = Field(default=RenderConfig(), description="How the takes of the world vary")


class Recipe(Stages):
    """Videos to a dataset version."""

    probe: ProbeConfig = Field(default=ProbeConfig(), description="Which sources are fit to be read at all")
    ingest: IngestConfig = Field(default=IngestConfig(), description="How clips are cut around faces")
    quality: QualityConfig = Field(default=QualityConfig(), description="How the scores are sampled")
    verdict: VerdictConfig = Field(default=VerdictConfig(), description="Thresholds over the stored scores")
    captions: CaptionsConfig = Field(default=CaptionsConfig(), description="What is in front of each face")
    occluders: OccludersConfig = Field(default=OccludersConfig(), description="Its mask, frame by frame")
    screen: ScreenConfig = Field(default=ScreenConfig(), description="Whose masks a person must look at")
    facemask: FaceMaskConfig = Field(
        default=FaceMaskConfig(), description="The face's own mask, with an open jaw"
    )
    hearing: HearingConfig | None = Field(
        default=HearingConfig(), description="What a model hears, for training; may be left out"
    )
    latents: LatentsConfig | None = Field(
        default=None, description="Training windows as a VAE encodes them; left out unless asked for"
    )
    speakers: SpeakersConfig = Field(default=SpeakersConfig(), description="Who is who, and in which split")
    partner: PartnerConfig = Field(default=PartnerConfig(), description="Whose sound each companion speaks")
    companion: CompanionConfig | None = Field(
        default=CompanionConfig(),
        description="How a generator paints the other half of each pair; left out, a version is one of clips",
    )
    relight: RelightConfig | None = Field(
        default=RelightConfig(), description="Evenly lit pairs in a second light; may be left out"
    )
    pairscores: PairScoresConfig = Field(
        default=PairScoresConfig(), description="What the two halves of a pair are scored by"
    )
    pairverdict: PairVerdictConfig = Field(
        default=PairVerdictConfig(), description="Thresholds over these scores"
    )
    pairlatents: LatentsConfig | None = Field(
        default=None,
        description="Companions as a VAE encodes them, window by window; left out unless asked for",
    )
    relitlatents: LatentsConfig | None = Field(
        default=None, description="Both halves in the second light likewise; left out unless asked for"
    )

    @model_validator(mode="after")
    def _tracks_have_the_mesh(self) -> Self:
        """Both stages read what `ingest` has kept of each face, and not every network that finds faces gives it."""
        of_mesh = {
            "facemask.head=mesh": self.facemask.head == "mesh",
            "occluders.segmenter=signs": self.occluders.segmenter == "signs",
        }
        needy = [setting for setting, needs in of_mesh.items() if needs]
        if needy and self.ingest.face not in WITH_MESH:
            raise ValueError(
                f"{' and '.join(needy)} read MediaPipe's mesh off each track, and "
                f"ingest.face={self.ingest.face} gives none: set ingest.face to {' or '.join(WITH_MESH)}"
            )
        return self

    def configs(self) -> dict[str, StageConfig]:
        """Of the stages that it has and that have something to work on, in running order."""
        return {name: config for name, config in super().configs().items() if name not in self.idle()}

    def idle(self) -> tuple[str, ...]:
        """Without a generator there are no pairs, without `relight` no second light, and signs need no captions."""
        captions = ("captions",) if self.occluders.segmenter == "signs" else ()
        if self.companion is None:
            return (*captions, *PAIRS)
        return (*captions, *OF_RELIT) if self.relight is None else captions


SETTINGS: dict[str, type[BaseModel]] = {
    **{name: stage.Config for name, stage in STAGES.items()},
    "publish": Gates,
}
"""Whatever `--set` may name -> what it holds."""

LANDMARKS = reference("face-landmarker")
FULL = Recipe(
    ingest=IngestConfig(
        size=512,
        min_face_px=64.0,
        face="mediapipe",
        face_model=LANDMARKS,
        identity_model=reference("arcface"),
    ),
    captions=CaptionsConfig(
        model=reference("qwen2.5-vl"), min_pixels=256 * 28 * 28, max_pixels=400 * 28 * 28
    ),
    occluders=OccludersConfig(model=reference("sam2.1")),
    facemask=FaceMaskConfig(head="mediapipe", head_model=LANDMARKS, begins=None),
    hearing=HearingConfig(whisper=reference("whisper")),
    speakers=SpeakersConfig(same=0.45),
    companion=None,  # there is no public generator: name one, as run:NAME
    pairscores=PairScoresConfig(
        face="mediapipe",
        face_model=LANDMARKS,
        identity_model=reference("arcface"),
        sync_model=reference("syncnet"),
    ),
)

FACES = " + ".join(reference(name) for name in ("face-finder-far", "face-finder", "face-mesh"))
HANDS = " + ".join(reference(name) for name in ("palm-finder", "hand-mesh"))
REAL = Recipe(
    ingest=IngestConfig(
        size=512, min_face_px=64.0, face="mesh", face_model=FACES, identity_model=reference("dlib-identity")
    ),
    quality=QualityConfig(speech_model=reference("silero-vad")),
    occluders=OccludersConfig(segmenter="signs", model=HANDS),
    screen=ScreenConfig(policy="doubtful"),
    facemask=FaceMaskConfig(head="mesh", head_model="", begins=None),
    hearing=HearingConfig(whisper=reference("whisper-tiny.en")),
    speakers=SpeakersConfig(same=0.93),
    companion=None,  # as above
    pairscores=PairScoresConfig(
        face="mesh",
        face_model=FACES,
        identity_model=reference("dlib-identity"),
        sync_model=reference("syncnet"),
    ),
    pairverdict=PairVerdictConfig(identity=0.95),
)

RECIPES: dict[str, Recipe] = {"real": REAL, "full": FULL, "world": Recipe()}
"""`real` is for people's own videos on any machine, `full` for those with a GPU and a hub, `world` for the procedural
world, the only thing that the mini models know."""
