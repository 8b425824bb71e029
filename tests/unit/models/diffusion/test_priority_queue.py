import random

from models.diffusion.priority_queue import PriorityQueue


def drain(queue: PriorityQueue[str]) -> list[str]:
    items = []
    while (item := queue.first()) is not None:
        items.append(item)
        queue.discard(item)
    return items


def test_lowest_rank_first_and_equals_in_the_order_in_which_they_came() -> None:
    queue = PriorityQueue[str]()
    for name, rank in (("b", 2), ("c", 1), ("d", 2), ("a", 1)):
        queue.put(name, (rank,))
    assert drain(queue) == ["c", "a", "b", "d"]


def test_a_new_rank_replaces_the_old_and_the_same_one_keeps_the_place() -> None:
    queue = PriorityQueue[str]()
    for name in "abc":
        queue.put(name, (1,))
    queue.put("a", (1,))
    queue.put("b", (0,))
    queue.put("b", (2,))
    assert queue.rank("b") == (2,)
    assert len(queue) == 3
    assert drain(queue) == ["a", "c", "b"]


def test_is_a_sorted_list_whatever_happens() -> None:
    draw = random.Random(0)
    queue = PriorityQueue[int]()
    ranks: dict[int, tuple[float, ...]] = {}
    for _ in range(5000):
        item = draw.randrange(50)
        if draw.random() < 0.3:
            queue.discard(item)
            ranks.pop(item, None)
        else:
            ranks[item] = (draw.randrange(20),)
            queue.put(item, ranks[item])
        first = queue.first()
        assert len(queue) == len(ranks)
        assert (first is None) == (not ranks)
        assert first is None or ranks[first] == min(ranks.values())


def test_entries_out_of_date_do_not_pile_up() -> None:
    queue = PriorityQueue[str]()
    queue.put("first", (0,))
    for rank in range(1, 10_000):
        queue.put("other", (rank,))
    assert len(queue._heap) < 200
