"""What FreeRADIUS is answered: values as they are, whatever characters they hold."""

from trunkline.adapters.radius.wire import accept


def test_no_value_of_an_answer_is_expanded_by_freeradius() -> None:
    answer = accept('100 % "word" %{User-Name}', {"Class": ["%{exec:id}"], "Filter-Id": ["a", "b"]})
    assert answer == {
        "control:Cleartext-Password": {"op": ":=", "value": ['100 % "word" %{User-Name}'], "do_xlat": False},
        "reply:Class": {"op": ":=", "value": ["%{exec:id}"], "do_xlat": False},
        "reply:Filter-Id": {"op": "+=", "value": ["a", "b"], "do_xlat": False},
    }
