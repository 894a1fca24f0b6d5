"""Topics against their declaration."""

from collections.abc import Sequence

from streams.doctor.finding import Finding, failure, fine, warning
from streams.engine.topic_plan import Action, TopicChange

AREA = "topics"


def judge_topics(changes: Sequence[TopicChange], topics: int) -> list[Finding]:
    """Return what the differences between a cluster's topics and their declaration mean."""
    by_action = {action: [change for change in changes if change.action is action] for action in Action}
    found: list[Finding] = []
    if missing := by_action[Action.CREATE]:
        names = ", ".join(change.topic for change in missing)
        found.append(failure(AREA, f"{len(missing)} are missing: {names}", "run `onhand topics apply`"))
    for change in by_action[Action.CORRECT]:
        what = f"{change.setting} of {change.topic} is {change.found}, not {change.wanted}: {change.why}"
        found.append(warning(AREA, what, "run `onhand topics apply`"))
    for change in by_action[Action.REFUSE]:
        what = f"{change.setting} of {change.topic}: {change.found}, declared {change.wanted}"
        found.append(failure(AREA, what, f"{change.why}; see `onhand topics plan`"))
    return found or [fine(AREA, f"all {topics} are there, as they are declared")]
