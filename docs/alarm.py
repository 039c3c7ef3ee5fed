"""Has a Prefect server call a webhook when a run fails or crashes: python docs/alarm.py https://hooks.example.com/...

PREFECT_API_URL names the server. A second call changes where it goes. The body is {"text": "..."}, which chats take.
"""

import sys
from datetime import timedelta

from prefect.automations import Automation
from prefect.blocks.webhook import Webhook
from prefect.events.actions import CallWebhook
from prefect.events.schemas.automations import EventTrigger, Posture

NAME = "redub: a run failed"
TEXT = (
    '{"text": {{ (flow.name ~ "/" ~ flow_run.name ~ ", " ~ flow_run.state.name ~ ": " ~ flow_run.state.message) '
    "| tojson }}}"
)
ENDS = {"prefect.flow-run.Failed", "prefect.flow-run.Crashed"}


def main(url: str) -> None:
    """One webhook and one automation, whose names stay the same."""
    where = Webhook(method="POST", url=url).save("redub-alarm", overwrite=True)
    trigger = EventTrigger(
        expect=ENDS, match={"prefect.resource.id": "prefect.flow-run.*"}, posture=Posture.Reactive, threshold=1,
        within=timedelta(0),
    )  # fmt: skip
    call = CallWebhook(block_document_id=where, payload=TEXT)
    wanted = Automation(name=NAME, trigger=trigger, actions=[call])
    try:
        known = Automation.read(name=NAME)
    except ValueError:
        wanted.create()
    else:
        known.trigger, known.actions = trigger, [call]
        known.update()


if __name__ == "__main__":
    main(sys.argv[1])
