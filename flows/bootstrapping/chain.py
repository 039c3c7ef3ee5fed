"""Goes along the steps of a bootstrap: what is done is skipped, what is not is made, and the first that can't be ends it.

chain = begun(asked)                    # refused: what a typo would spoil, and other settings than it began with
reached = go_on(chain, hands)           # False when a person stopped it; chain.made has what there is
"""

from functools import partial

from flows.bootstrapping.ahead import check_settings
from flows.bootstrapping.asked import Asked, check_asked
from flows.bootstrapping.steps import STEPS, Chain, Hands


def begun(asked: Asked) -> Chain:
    """Returns the chain as far as the catalog has it; computes nothing."""
    check_asked(asked)
    check_settings(asked)
    chain = Chain(asked)
    for step in STEPS:
        made = step.done(chain)
        if made is None:
            break
        chain.made[step.name] = made
    return chain


def go_on(chain: Chain, hands: Hands) -> bool:
    """Raises what can't be done, in the words of whoever refused it."""
    for step in STEPS:
        made = chain.made.get(step.name) or step.done(chain)
        if made is None:
            made = hands.take(step, partial(step.make, chain, hands))
        if made is None:
            return False
        chain.made[step.name] = made
    return True
