"""
What Amazon's notifications come in: EventBridge wraps each in an event of its own (AWS, "Events and event patterns").

Through an API destination the whole event comes, unless its rule passes on `$.detail` alone; through SQS and a pipe the
notification itself.
"""

from typing import Any

DETAIL, DETAIL_TYPE = "detail", "detail-type"


def notification_of(body: Any) -> Any:
    """Return the notification that a body is or wraps."""
    if isinstance(body, dict) and DETAIL in body and DETAIL_TYPE in body:
        return body[DETAIL]
    return body
