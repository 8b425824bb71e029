from dataclasses import dataclass

from storage.circuit import CALM_SECONDS, FIRST_SECONDS, LONGEST_SECONDS, Circuit


@dataclass
class FakeClock:
    seconds: float = 0.0

    def now(self) -> float:
        return self.seconds


def _pauses(circuit: Circuit, count: int) -> list[float]:
    return [circuit.next_pause() for _ in range(count)]


def test_the_first_look_is_at_once_and_the_pauses_double_up_to_a_bound() -> None:
    circuit = Circuit(FakeClock())
    circuit.open("gone")
    assert _pauses(circuit, 8) == [0.0, FIRST_SECONDS, 0.2, 0.4, 0.8, 1.6, LONGEST_SECONDS, LONGEST_SECONDS]
    assert circuit.problem == "gone"


def test_more_failures_while_it_is_open_do_not_hasten_the_next_look() -> None:
    circuit = Circuit(FakeClock())
    circuit.open("gone")
    _pauses(circuit, 4)
    circuit.open("slow")
    assert circuit.next_pause() == 0.8
    assert circuit.problem == "slow"


def test_who_fails_again_soon_goes_on_with_the_long_pauses() -> None:
    clock = FakeClock()
    circuit = Circuit(clock)
    circuit.open("slow")
    _pauses(circuit, 4)
    circuit.close()
    assert circuit.problem is None
    clock.seconds += CALM_SECONDS - 0.1
    circuit.open("slow")
    assert circuit.next_pause() == 0.8


def test_who_was_well_for_a_while_is_looked_at_at_once() -> None:
    clock = FakeClock()
    circuit = Circuit(clock)
    circuit.open("slow")
    _pauses(circuit, 4)
    circuit.close()
    clock.seconds += CALM_SECONDS
    circuit.open("slow")
    assert circuit.next_pause() == 0.0
