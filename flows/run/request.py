"""What a person asks a rebuild for, and what is refused before anything is started."""

from dataclasses import dataclass

from flows.recipes import STAGES, Stages
from infra.profiles import Profile, ProfileError
from infra.resources import cpus_here
from tasks.stage import Collective


@dataclass(frozen=True)
class Request:
    """What a person asks for: which sources, into which catalog, computed how, and where."""

    sources: str
    catalog: str
    recipe: Stages
    recipe_name: str
    profile: Profile
    licence: str = ""
    consent: str = ""
    flow_run: str = ""
    anyway: str = ""
    """Why footage is computed of which the recipe's models know nothing."""


def check_profile(profile: Profile) -> None:
    """A profile can be run on this machine, and names no stage that doesn't exist."""
    here = cpus_here()
    if not profile.ray_address and (profile.cpus or 0) > here:
        raise ProfileError(
            f"profile {profile.name!r} is for {profile.cpus:.0f} CPUs and this machine has {here}; use laptop, or "
            "your own file (`redub doctor` says what a profile lacks here)"
        )
    check_needs(profile)


def check_needs(profile: Profile) -> None:
    for name, own in profile.needs.items():
        if "batch" in own and name in STAGES and issubclass(STAGES[name], Collective):
            raise ProfileError(
                f"profile {profile.name!r} sets needs.{name}.batch, but {name} answers all its rows at once: leave it out"
            )
    unknown = sorted(set(profile.needs) - set(STAGES))
    if unknown:
        raise ProfileError(
            f"profile {profile.name!r} sets needs for {unknown[0]!r}, which is no stage; stages are: {', '.join(STAGES)}"
        )
