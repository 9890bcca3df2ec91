"""Standard queues of the emulator by arrival, visibility and receipt: no call's cost grows with what waits.

ministack keeps a queue as a list and looks at all of it in each receipt, deletion and change of visibility, and ten
times a second in each long poll. Here its functions are replaced by ones that find what they need; FIFO queues
stay as they are. docs/decisions/0038 has what ministack itself would have to take.
"""

import asyncio
import copy
import heapq
import itertools
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from types import ModuleType
from typing import Any

Message = dict[str, Any]
Queue = dict[str, Any]

REPLACED = (
    *("_expire_retained", "_dlq_sweep", "_collect_msgs", "_refresh_counts"),
    *("_act_receive_message", "_act_delete_message", "_act_delete_message_batch"),
    *("_act_change_visibility", "_act_change_visibility_batch"),
)
USED = (
    *("_HANDLERS", "_Err", "_get_q", "_queue_by_arn", "_ensure_msg_fields", "_validate_batch_entries"),
    *("new_uuid", "esm_wake"),
)
_LOOK_AGAIN_S = 1.0
"""A receiver that waits looks again after this, should something have put another list in the queue's place."""
_BAD_RECEIPT = ("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")


class Messages:
    """The messages of a standard queue, in the order of their arrival.

    A number stands for each. It is in `_hidden_until` while the message is hidden, and else in the heap `_visible`.
    The heaps may name what is gone or has changed since: an entry counts where the dictionaries agree.
    """

    def __init__(self, given: Iterable[Message], complete: Callable[[Message], None]) -> None:
        self._complete = complete
        self._numbers = itertools.count()
        self._by_number: dict[int, Message] = {}
        self._by_receipt: dict[str, int] = {}
        self._visible: list[int] = []
        self._hidden: list[tuple[float, int]] = []
        self._hidden_until: dict[int, float] = {}
        self._returned: list[int] = []
        self._swept_for: object = None
        self._oldest = math.inf
        self._receivers: set[asyncio.Future[None]] = set()
        for message in given:
            self.append(message)

    def __iter__(self) -> Iterator[Message]:
        return iter(list(self._by_number.values()))

    def __len__(self) -> int:
        return len(self._by_number)

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Message]:
        """What is saved is the list that ministack knows."""
        return copy.deepcopy(list(self), memo)

    def append(self, message: Message) -> None:
        """Take a message that was sent, or moved here."""
        self._complete(message)
        number = next(self._numbers)
        self._by_number[number] = message
        if message["receipt_handle"] is not None:
            self._by_receipt[message["receipt_handle"]] = number
        self._oldest = min(self._oldest, _enqueued_at(message))
        self._place(number, time.time())
        self._wake()

    def remove(self, message: Message) -> None:
        """Drop a message. Raises ValueError where it isn't there."""
        for number, each in self._by_number.items():
            if each is message:
                self._drop(number)
                return
        raise ValueError("the message is not in the queue")

    def clear(self) -> None:
        """Drop all of them."""
        for number in list(self._by_number):
            self._drop(number)

    def delete(self, receipt: str) -> bool:
        """Drop the message of a receipt; whether there is one."""
        number = self._by_receipt.get(receipt)
        if number is not None:
            self._drop(number)
        return number is not None

    def hide(self, receipt: str, seconds: int) -> bool:
        """Hide the message of a receipt for so long from now on; whether there is one."""
        number = self._by_receipt.get(receipt)
        if number is None:
            return False
        self._by_number[number]["visible_at"] = time.time() + seconds
        self._put_away(number)
        self._wake()
        return True

    def receive(self, limit: int, seconds: int, new_receipt: Callable[[], str]) -> list[Message]:
        """The first visible messages, each with a new receipt and hidden for `seconds`."""
        now = time.time()
        self._uncover(now)
        found: list[int] = []
        while self._visible and len(found) < limit:
            number = heapq.heappop(self._visible)
            if number in self._by_number and number not in self._hidden_until and number not in found:
                found.append(number)
        for number in found:
            message = self._by_number[number]
            self._by_receipt.pop(message["receipt_handle"], None)
            message["receipt_handle"] = receipt = new_receipt()
            self._by_receipt[receipt] = number
            message["visible_at"] = now + seconds
            message["receive_count"] += 1
            message["first_receive_at"] = message.get("first_receive_at") or now
            self._put_away(number)
        return [self._by_number[number] for number in found]

    def expire(self, cutoff: float) -> None:
        """Drop what came at `cutoff` or before."""
        if self._oldest > cutoff:
            return
        for number, message in list(self._by_number.items()):
            if _enqueued_at(message) <= cutoff:
                self._drop(number)
        self._oldest = min(map(_enqueued_at, self._by_number.values()), default=math.inf)

    def exhausted(self, most: float, rule: object) -> list[Message]:
        """Take out the visible messages that were received `most` times.

        By another `rule` than the last one all are asked, and else those that have become visible again.
        """
        self._uncover(time.time())
        asked = sorted(self._returned) if rule == self._swept_for else list(self._by_number)
        self._swept_for, self._returned = rule, []
        found = []
        for number in asked:
            message = self._by_number.get(number)
            if message and number not in self._hidden_until and message["receive_count"] >= most:
                self._drop(number)
                found.append(message)
        return found

    def counts(self) -> tuple[int, int, int]:
        """How many are visible, in flight, and delayed."""
        self._uncover(time.time())
        hidden = len(self._hidden_until)
        delayed = sum(self._by_number[number]["receive_count"] == 0 for number in self._hidden_until)
        return len(self) - hidden, hidden - delayed, delayed

    async def changed(self, within_s: float) -> None:
        """Return when a message may have come or become visible, at the latest after `within_s`."""
        until_visible_s = self._hidden[0][0] - time.time() if self._hidden else math.inf
        loop = asyncio.get_running_loop()
        come = loop.create_future()
        timer = loop.call_later(max(0.001, min(within_s, until_visible_s, _LOOK_AGAIN_S)), _settle, come)
        self._receivers.add(come)
        try:
            await come
        finally:
            timer.cancel()
            self._receivers.discard(come)

    def _drop(self, number: int) -> None:
        message = self._by_number.pop(number)
        self._hidden_until.pop(number, None)
        self._by_receipt.pop(message["receipt_handle"], None)

    def _place(self, number: int, now: float) -> None:
        if self._by_number[number]["visible_at"] <= now:
            heapq.heappush(self._visible, number)
        else:
            self._put_away(number)

    def _put_away(self, number: int) -> None:
        self._hidden_until[number] = until = self._by_number[number]["visible_at"]
        heapq.heappush(self._hidden, (until, number))
        if len(self._hidden) > 2 * len(self._hidden_until) + 1000:
            self._hidden = [(until, number) for number, until in self._hidden_until.items()]
            heapq.heapify(self._hidden)

    def _uncover(self, now: float) -> None:
        """Make visible what is no longer hidden."""
        while self._hidden and self._hidden[0][0] <= now:
            until, number = heapq.heappop(self._hidden)
            if self._hidden_until.get(number) == until:
                del self._hidden_until[number]
                heapq.heappush(self._visible, number)
                self._returned.append(number)

    def _wake(self) -> None:
        for come in self._receivers:
            loop = come.get_loop()
            loop.call_soon_threadsafe(_settle, come)  # functions of services run in threads


def _settle(come: "asyncio.Future[None]") -> None:
    if not come.done():
        come.set_result(None)


def _enqueued_at(message: Message) -> float:
    return float(message["enqueued_at"] if "enqueued_at" in message else message["sent_at"])


class IndexedQueues:
    """The functions that stand in the place of those of `sqs`, ministack's module."""

    def __init__(self, sqs: ModuleType) -> None:
        self._sqs = sqs
        self._theirs = {name: getattr(sqs, name) for name in REPLACED}

    def messages(self, queue: Queue) -> Messages:
        """The messages of a standard queue; a list in their place, as a new or a loaded queue has it, is taken over."""
        held = queue["messages"]
        if not isinstance(held, Messages):
            held = queue["messages"] = Messages(held, self._sqs._ensure_msg_fields)
        return held

    def _expire_retained(self, queue: Queue) -> None:
        if queue["is_fifo"]:
            self._theirs["_expire_retained"](queue)
            return
        retention_s = int(queue["attributes"].get("MessageRetentionPeriod", "345600"))
        self.messages(queue).expire(time.time() - retention_s)

    def _dlq_sweep(self, queue: Queue) -> None:
        if queue["is_fifo"]:
            self._theirs["_dlq_sweep"](queue)
            return
        policy = queue["attributes"].get("RedrivePolicy") or ""
        most, arn = _redrive(policy)
        target = self._sqs._queue_by_arn(arn) if most else None
        messages = self.messages(queue)
        if target is None:
            messages.exhausted(math.inf, None)
            return
        source = queue["attributes"].get("QueueArn", "")
        for message in messages.exhausted(most, policy):
            beside = {"DeadLetterQueueSourceArn": source} | message.get("sys", {})
            target["messages"].append(message | {"receipt_handle": None, "visible_at": time.time(), "sys": beside})
            self._sqs.esm_wake.set()

    def _collect_msgs(self, queue: Queue, limit: int, seconds: int) -> list[Message]:
        if queue["is_fifo"]:
            return list(self._theirs["_collect_msgs"](queue, limit, seconds))
        return self.messages(queue).receive(limit, seconds, self._sqs.new_uuid)

    def _refresh_counts(self, queue: Queue) -> None:
        if queue["is_fifo"]:
            self._theirs["_refresh_counts"](queue)
            return
        self._expire_retained(queue)
        for name, number in zip(("", "NotVisible", "Delayed"), self.messages(queue).counts(), strict=True):
            queue["attributes"][f"ApproximateNumberOfMessages{name}"] = str(number)

    async def _act_receive_message(self, data: dict[str, Any], url: str) -> dict[str, Any]:
        theirs = self._theirs["_act_receive_message"]
        queue = self._sqs._get_q(data.get("QueueUrl", url), "sqs:ReceiveMessage")
        if queue["is_fifo"]:
            return dict(await theirs(data, url))
        asked = data.get("WaitTimeSeconds")
        wait_s = int(queue["attributes"].get("ReceiveMessageWaitTimeSeconds", "0") if asked is None else asked)
        deadline = time.time() + wait_s
        while True:
            found = dict(await theirs(data | {"WaitTimeSeconds": 0}, url))
            left_s = deadline - time.time()
            if found or left_s <= 0:
                return found
            await self.messages(queue).changed(left_s)

    def _act_delete_message(self, data: dict[str, Any], url: str) -> dict[str, Any]:
        queue = self._sqs._get_q(data.get("QueueUrl", url), "sqs:DeleteMessage")
        receipt = data.get("ReceiptHandle", "")
        if queue["is_fifo"] or not receipt:
            return dict(self._theirs["_act_delete_message"](data, url))
        if not self.messages(queue).delete(receipt):
            raise self._sqs._Err(*_BAD_RECEIPT)
        return {}

    def _act_delete_message_batch(self, data: dict[str, Any], url: str) -> dict[str, Any]:
        queue = self._sqs._get_q(data.get("QueueUrl", url), "sqs:DeleteMessage")
        if queue["is_fifo"]:
            return dict(self._theirs["_act_delete_message_batch"](data, url))
        messages = self.messages(queue)
        return self._each(data, "DeleteMessageBatch", lambda entry: messages.delete(entry.get("ReceiptHandle", "")))

    def _act_change_visibility(self, data: dict[str, Any], url: str) -> dict[str, Any]:
        queue = self._sqs._get_q(data.get("QueueUrl", url), "sqs:ChangeMessageVisibility")
        if queue["is_fifo"]:
            return dict(self._theirs["_act_change_visibility"](data, url))
        if not self._hide(queue, data):
            raise self._sqs._Err(*_BAD_RECEIPT)
        return {}

    def _act_change_visibility_batch(self, data: dict[str, Any], url: str) -> dict[str, Any]:
        queue = self._sqs._get_q(data.get("QueueUrl", url), "sqs:ChangeMessageVisibility")
        if queue["is_fifo"]:
            return dict(self._theirs["_act_change_visibility_batch"](data, url))
        return self._each(data, "ChangeMessageVisibilityBatch", lambda entry: self._hide(queue, entry))

    def _hide(self, queue: Queue, entry: dict[str, Any]) -> bool:
        seconds = int(entry.get("VisibilityTimeout", 30))
        is_there = self.messages(queue).hide(entry.get("ReceiptHandle", ""), seconds)
        if is_there and not seconds:
            self._sqs.esm_wake.set()
        return is_there

    def _each(self, data: dict[str, Any], action: str, act: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The answer of a batch, of which each entry is done or has a receipt that nobody knows."""
        entries = data.get("Entries", [])
        self._sqs._validate_batch_entries(entries, f"{action}RequestEntry")
        code, text = _BAD_RECEIPT
        done, failed = [], []
        for entry in entries:
            name = {"Id": entry.get("Id", "")}
            if act(entry):
                done.append(name)
            else:
                failed.append(name | {"Code": code, "Message": text, "SenderFault": True})
        return {"Successful": done, "Failed": failed}

    def install(self) -> None:
        """Put these functions in the place of ministack's, in its table of actions too."""
        for name in REPLACED:
            setattr(self._sqs, name, getattr(self, name))
        handlers = self._sqs._HANDLERS
        actions = {function: action for action, function in handlers.items()}
        for name, theirs in self._theirs.items():
            if name.startswith("_act_"):
                handlers[actions[theirs]] = getattr(self, name)


@lru_cache(maxsize=64)
def _redrive(policy: str) -> tuple[int, str]:
    """How often a message is received at most, and the queue that it goes to then; 0 where there is no such rule."""
    try:
        rule = json.loads(policy)
        return int(rule["maxReceiveCount"]), str(rule["deadLetterTargetArn"])
    except (ValueError, TypeError, KeyError):
        return 0, ""
