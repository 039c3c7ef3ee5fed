"""Refuses splits where nobody could tell who is who: one person's videos would end up on both sides."""

from flows.errors import SpeakersUnknown
from flows.recipes import Stages
from storage.sources import Listing
from tasks.ingest import IngestConfig
from tasks.speakers import SpeakersConfig


def check_splits(recipe: Stages, listing: Listing) -> None:
    """Speakers are told apart by an identity model, or by the manifest; without splits nothing is at stake."""
    configs = recipe.configs()
    ingest, speakers = configs.get("ingest"), configs.get("speakers")
    if not isinstance(ingest, IngestConfig) or not isinstance(speakers, SpeakersConfig):
        return
    nameless = [source for source in listing.sources if not source.speaker]
    if ingest.identity_model or not speakers.splits_people or not nameless:
        return
    raise SpeakersUnknown(
        f"ingest.identity_model is empty, so nobody can tell who is seen in {len(nameless):,} of {len(listing.sources):,} "
        f"sources ({nameless[0].uri}{', ...' if nameless[1:] else ''}), and one person could be in two splits: name an "
        "identity model (--set ingest.identity_model=NAME), give every source its `speaker` in a manifest, or publish "
        "without splits (--set 'speakers.shares={train: 1}')"
    )
