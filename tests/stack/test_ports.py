"""Ports: free ones, ones in use, and what may be asked for."""

import os
import socket

import pytest

from stack.errors import StackError
from stack.layout import Ports
from stack.ports import free_ports, require_free


def test_free_ports_are_different_and_free() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        require_free(port, "test")


def test_a_port_in_use_is_named_with_the_process_that_has_it() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(StackError) as refused:
            require_free(port, "replica 1")
    assert f"port {port} (replica 1) is in use by " in str(refused.value)
    assert f"(process {os.getpid()})" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_ports_are_read_from_text() -> None:
    assert Ports.parse("1,2,3,4,5,6") == Ports(1, 2, 3, (4, 5, 6))


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,3", "1,2,3,70000", "0,2,3,4", "a,b,c,d"])
def test_impossible_ports_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Ports.parse(text)
