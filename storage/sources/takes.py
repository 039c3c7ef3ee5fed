"""Lists takes of the procedural world as sources: `world:people=8,takes=3,seed=0` names 24 of them.

A take is no file, only three numbers: `world:SEED/PERSON/TAKE`. Rendering it makes the file.
"""

from dataclasses import dataclass, fields

from storage.sources.listing import Source, SourceError, make_source

WORLD = "world:"


@dataclass(frozen=True)
class Take:
    seed: int
    person: int
    take: int

    @property
    def uri(self) -> str:
        return f"{WORLD}{self.seed}/{self.person}/{self.take}"

    @property
    def speaker(self) -> str:
        return f"world{self.seed}-{self.person:03d}"

    @classmethod
    def parse(cls, uri: str) -> "Take":
        return cls(*(int(number) for number in uri.removeprefix(WORLD).split("/")))


@dataclass(frozen=True)
class _Asked:
    people: int = 8
    takes: int = 3
    seed: int = 0


def list_takes(spec: str) -> list[Source]:
    asked = _asked(spec)
    takes = [Take(asked.seed, p, t) for p in range(asked.people) for t in range(asked.takes)]
    return [make_source(t.uri, 0, 0, "CC0-1.0", "no real person", t.speaker) for t in takes]


def _asked(spec: str) -> _Asked:
    known = [field.name for field in fields(_Asked)]
    given: dict[str, int] = {}
    for text in filter(None, spec.removeprefix(WORLD).split(",")):
        name, _, number = text.partition("=")
        if name not in known or not number.isdecimal():
            raise SourceError(f"{spec}: {text!r} is not one of {', '.join(f'{k}=NUMBER' for k in known)}")
        given[name] = int(number)
    return _Asked(**given)
