"""Who holds a lease, and whether they still live."""

from __future__ import annotations

import os
import subprocess
import sys

from agentdesk.sync import holder


def test_an_identity_is_never_the_same_twice_and_lives() -> None:
    one, other = holder.identity(), holder.identity()
    assert one != other
    assert holder.alive(one)
    assert holder.alive(other)
    assert holder.here(one)


def test_a_process_that_ended_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    host = holder.identity().split(":")[0]
    started = holder._started(child.pid)
    theirs = f"{host}:{child.pid}:{started or 0}:abc"
    assert holder.alive(theirs)
    child.kill()
    # a zombie until somebody waits for it: it runs no more all the same
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    if started is not None:
        assert not holder.alive(theirs)
    child.communicate()
    assert not holder.alive(theirs)


def test_a_pid_that_was_used_again_is_another_process() -> None:
    host, pid, started, random = holder.identity().split(":")
    if holder._started(os.getpid()) is None:
        return
    assert not holder.alive(f"{host}:{pid}:{int(started) - 1}:{random}")


def test_somebody_on_another_host_counts_as_alive() -> None:
    assert holder.alive("elsewhere:1:1:abc")
    assert not holder.here("elsewhere:1:1:abc")


def test_a_sender_of_that_holder_is_judged_like_it() -> None:
    assert holder.alive(f"{holder.identity()}@mastodon:acme")


def test_words_that_are_no_identity_are_dead() -> None:
    for nonsense in ("", "x", "a:b:c:d", "host:notanumber:1:x", ":::"):
        assert not holder.alive(nonsense)
