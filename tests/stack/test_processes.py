"""Supervised processes: what is started again, what is not, and what never stays behind."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from stack.errors import StackError
from stack.processes import Process, Program
from tests.stack.test_postgres import alive, wait_until
