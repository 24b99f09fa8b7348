"""Bluetooth switched off, denied or missing: bleak's own errors, told so that a person can act."""

import pytest
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakError,
)

from heartlog.errors import BluetoothProblem, ExitCode, explain

REASONS = BleakBluetoothNotAvailableReason


@pytest.mark.parametrize(
    ("error", "what", "next_step"),
    [
        (
            BleakBluetoothNotAvailableError("off", REASONS.POWERED_OFF),
            "switched off",
            "Switch it on",
        ),
        (
            BleakBluetoothNotAvailableError("no", REASONS.DENIED_BY_USER),
            "denied",
            "privacy settings",
        ),
        (
            BleakBluetoothNotAvailableError("none", REASONS.NO_BLUETOOTH),
            "no Bluetooth",
            "--backend bumble:usb:0",
        ),
        (BleakDBusError("org.bluez.Error.NotReady", []), "switched off", "Switch it on"),
        (
            BleakDBusError("org.freedesktop.DBus.Error.ServiceUnknown", []),
            "no Bluetooth",
            "--backend bumble:usb:0",
        ),
        (
            BleakDBusError("org.freedesktop.DBus.Error.AccessDenied", []),
            "may not use Bluetooth",
            "group",
        ),
    ],
)
def test_it_says_what_is_wrong_and_what_to_do(error: Exception, what: str, next_step: str) -> None:
    told = explain(error)
    assert isinstance(told, BluetoothProblem)
    assert what in told.message
    assert next_step in told.hint
    assert told.exit_code == ExitCode.ERROR


def test_a_monitor_that_does_not_answer_is_named_instead_of_a_protocols_request() -> None:
    told = explain(BleakError("GATT timeout for ATT_EXCHANGE_MTU_REQUEST"))
    assert told is not None
    assert told.message == "The monitor is connected, but does not answer."
