"""A heap whose items may leave early and change their rank."""

from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item", bound=Hashable)
Rank = tuple[float, ...]


class _Entry(NamedTuple):
    rank: Rank
    serial: int


class PriorityQueue(Generic[Item]):
    """Items by rank, lowest first; those of equal rank in the order in which they got it. Each verb is O(log n).

    An entry that is out of date stays in the heap, without its item, until it comes to the top or half of the heap is
    such.
    """

    def __init__(self) -> None:
        self._heap: list[_Entry] = []
        self._entries: dict[Item, _Entry] = {}
        self._items: dict[int, Item] = {}
        """By the serial number of the entry that counts."""
        self._puts = 0

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, item: Item, rank: Rank) -> None:
        """Add an item or change its rank; with the rank that it has already, it keeps its place."""
        present = self._entries.get(item)
        if present is not None:
            if present.rank == rank:
                return
            del self._items[present.serial]
        self._puts += 1
        entry = self._entries[item] = _Entry(rank, self._puts)
        self._items[entry.serial] = item
        heappush(self._heap, entry)
        self._compact()

    def discard(self, item: Item) -> None:
        """Remove an item, if it is there."""
        entry = self._entries.pop(item, None)
        if entry is not None:
            del self._items[entry.serial]
            self._compact()

    def first(self) -> Item | None:
        """The item of the lowest rank; it stays."""
        while self._heap and self._heap[0].serial not in self._items:
            heappop(self._heap)
        return self._items[self._heap[0].serial] if self._heap else None

    def rank(self, item: Item) -> Rank:
        """The rank of an item that is there."""
        return self._entries[item].rank

    def _compact(self) -> None:
        if len(self._heap) > 2 * len(self._entries) + 64:
            self._heap = list(self._entries.values())
            heapify(self._heap)
