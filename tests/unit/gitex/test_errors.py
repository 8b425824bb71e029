import pickle

import pytest

from gitex import errors


@pytest.mark.parametrize(
    "error",
    [errors.InvalidInput("no", param="n"), errors.Overloaded("full", retry_after=2.5), errors.EngineFailure("x")],
)
def test_errors_survive_the_way_between_processes(error: errors.GitexError) -> None:
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is type(error)
    assert (str(arrived), arrived.__dict__) == (str(error), error.__dict__)
