"""Measures a SyncNet on strangers: whether their sound is nearer to their lips than the same sound moved."""

from models.mini.syncnet.corpus import noisy_five
from models.mini.world_clips import make_clip
from models.sync.accuracy import accuracy
from models.sync.syncnet import SyncNet, distances

FLOORS = {"in_sync_accuracy": 0.9}


def measure(reference: str, people: int, seed: int = 1, seconds: float = 2.0) -> dict[str, float]:
    """Measures, on two seconds of each stranger, how often their sound is nearer than the same sound moved."""
    net, clips = SyncNet(reference), []
    for person in range(people):
        clip = make_clip(seed, person, round(seconds * 25))
        clips.append(distances(net.lips(clip.rgb_FHWC, noisy_five(clip, seed)), net.sounds(clip.sound)))
    return accuracy(clips)
