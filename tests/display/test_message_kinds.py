"""Messages that differ only in numbers are of one kind."""

from bootmle.display.message_kinds import count_kinds


def test_messages_are_counted_by_kind() -> None:
    messages = [
        "LinAlgError: row 7 of [1.5 -2e-3\n nan] is singular",
        "ValueError: x1 is missing",
        "LinAlgError: row 12 of [0.1] is singular",
        "TypeError: <object at 0x7fab>",
        "TypeError: <object at 0x7fac>",
        "ValueError: x2 is missing",
        "LinAlgError: row 3 of [ 1, inf, 4] is singular",
    ]
    assert count_kinds(messages) == [
        ("LinAlgError: row 7 of [1.5 -2e-3\n nan] is singular", 3),
        ("TypeError: <object at 0x7fab>", 2),
        ("ValueError: x1 is missing", 1),
        ("ValueError: x2 is missing", 1),
    ]
    assert count_kinds([]) == []
