"""service.toml: what it may say, and the line of what it may not."""

import os
from datetime import UTC, datetime

import pytest

from autograde.service.settings import (
    Settings,
    SettingsFile,
    UnitSettings,
    read_settings,
    write_example,
)
from chainrule.errors import UserError
from chainrule.units import UnitName

KNOWN = [UnitName("01", "neuron"), UnitName("03", "backprop")]


def read(tmp_path, text):
    (tmp_path / "service.toml").write_text(text)
    return read_settings(tmp_path / "service.toml", KNOWN)


def test_the_example_opens_nothing_and_can_be_uncommented(tmp_path):
    path = tmp_path / "class" / "service.toml"
    write_example(path, KNOWN)
    assert read_settings(path, KNOWN) == Settings()
    text = path.read_text().replace("#[", "[").replace("#deadline", "deadline")
    assert list(read(tmp_path, text).units) == ["01_neuron", "03_backprop"]


def test_every_setting_is_read(tmp_path):
    found = read(
        tmp_path,
        '[service]\ntitle = "Deep"\nmax_mb = 5\n[units.03_backprop]\nattempts = 2\n'
        "opens = 2026-01-01T00:00:00+01:00\ndeadline = 2026-02-01T00:00:00Z\n"
        "closes = 2026-03-01T00:00:00Z\n[units.01_neuron]\n",
    )
    assert (found.title, found.max_bytes) == ("Deep", 5 * 2**20)
    assert found.units == {
        "01_neuron": UnitSettings(),
        "03_backprop": UnitSettings(
            datetime(2025, 12, 31, 23, tzinfo=UTC),
            datetime(2026, 2, 1, tzinfo=UTC),
            datetime(2026, 3, 1, tzinfo=UTC),
            2,
        ),
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[service]\ntitel = 'x'\n", "line 2: There is no setting titel"),
        ("[units.01_neuron]\n\n# a\ndeadline = 2026-01-01T00:00:00\n", "line 4: .* no time zone"),
        ("[units.01_neuron]\ndeadline = 'soon'\n", "line 2: deadline is no time"),
        ("[units.01_neuron]\nattempts = 0\n", "line 2: attempts is 0"),
        ("[units.01_neuron]\nattempts = true\n", "line 2: attempts is True"),
        ("[service]\nmax_mb = 1000\n", "line 2: max_mb is 1000, not a whole number from 1 to 32"),
        ("[service]\ntitle = 3\n", "line 2: title is 3, not a text"),
        ("\n[units.99_nothing]\n", "line 2: There is no unit 99_nothing. Units: 01_neuron"),
        ("[unit.01_neuron]\n", "line 1: There is no section \\[unit\\]"),
        ("units = 3\n", "units is not a section"),
        ("[units]\n01_neuron = 3\n", "01_neuron is not a section"),
        (
            "[units.01_neuron]\nopens = 2026-01-02T00:00:00Z\ncloses = 2026-01-01T00:00:00Z\n",
            "line 3: closes is before opens",
        ),
        ("[service\n", "is not TOML: .*line 1"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, text, says):
    with pytest.raises(UserError, match=says) as caught:
        read(tmp_path, text)
    assert "service.toml" in str(caught.value) and "\n" not in str(caught.value)


def test_a_running_service_sees_changes_and_keeps_what_it_has_when_they_are_wrong(tmp_path, caplog):
    path = tmp_path / "service.toml"
    path.write_text("[units.01_neuron]\n")
    file = SettingsFile(path, KNOWN)
    path.write_text("[units.01_neuron]\nattempts = 7\n")
    os.utime(path, ns=(1, 1))
    assert file.now().units["01_neuron"].attempts == 7
    path.write_text("[units.01_neuron]\nattempts = many\n")
    assert file.now().units["01_neuron"].attempts == 7
    assert "is not TOML" in caplog.text
