"""Promise 8: a forked child delivers its own errors; the parent's stay the parent's."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from tests.helpers.support import Finished, counted, eventually
from wecom_logging.simulator.faults import Fault
from wecom_logging.simulator.server import Simulator

CONFIGURE = "logging.config.dictConfig(LOGGING)\nhandler = logging.getLogger().handlers[0]\n"


def _program(body: str) -> str:
    return CONFIGURE + textwrap.dedent(body)


def test_fork_while_threads_log_and_the_courier_sends(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    sim.faults.add(Fault("slow", call="webhook/send", delay=0.5))
    body = """
        stop = threading.Event()
        counts = []
        def work():
            n = 0
            while not stop.is_set():
                log.error("busy %d", n); n += 1
                time.sleep(0.0005)  # a storm in which the others have their turn
            counts.append(n)
        threads = [threading.Thread(target=work) for _ in range(3)]
        [t.start() for t in threads]
        eventually(lambda: handler.stats().seen)
        children = []
        for i in range(5):
            if i % 2:
                log.critical("now, " + "abcde"[i])
                eventually(lambda: stands_in("readinto"))  # a request is on its way
            pid = os.fork()
            if not pid:
                import requests
                assert handler.stats().seen == 0, handler.stats()
                requests.Session().close()
                log.error("child %d", i)
                assert handler.stats().seen == 1
                assert handler.flush(20), handler.stats()
                os._exit(0)
            children.append(pid)
        failed = [os.waitpid(pid, 0)[1] for pid in children]
        stop.set(); [t.join() for t in threads]
        assert handler.stats().seen == sum(counts) + 2, (handler.stats(), counts)
        assert not any(failed), failed
        print(handler.stats().seen + len(children))
        """
    done = run_program(_program(body), sim, rate_limit=[[1000, 60]])
    assert done.returncode == 0, done.err
    assert counted(sim.messages) == int(done.out), done.err


def test_pending_of_the_parent_is_told_once(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    body = """
        for i in range(7): log.error("parent %d", i)
        pid = os.fork()
        if not pid:
            sys.exit(0)     # an ordinary exit: the child's hooks run, with nothing to tell
        os.waitpid(pid, 0)
        """
    done = run_program(_program(body), sim, group_wait=3.0)
    assert counted(sim.messages) == 7, done.err
    assert len(sim.messages) == 1


def test_a_child_of_a_child_exits_normally(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    body = """
        log.error("parent")
        if not os.fork():
            log.error("child")
            if not os.fork():
                log.error("grandchild")
                sys.exit(0)
            os.wait()
            sys.exit(0)
        os.wait()
        """
    done = run_program(_program(body), sim)
    assert counted(sim.messages) == 3, done.err


def test_a_fork_that_pythons_hooks_do_not_see(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    body = """
        import ctypes
        log.error("parent"); handler.flush()
        # A thread that runs while C forks may hold the interpreter's own locks: no child can
        # live with that, ours or anybody's. So the worker rests first.
        worker = handler._worker
        resting = lambda: not worker.busy and not worker._inbox.qsize()
        eventually(lambda: resting() and stands_in("_listen"))
        libc = ctypes.PyDLL(None)   # keeps the GIL, as a server written in C does
        pid = libc.fork()
        if not pid:
            log.error("child")
            ok = handler.flush(20) and handler.stats().seen == 1
            os._exit(0 if ok else 1)
        assert os.waitpid(pid, 0)[1] == 0
        """
    done = run_program(_program(body), sim)
    assert done.returncode == 0, done.err
    assert counted(sim.messages) == 2, done.err


def test_a_child_of_such_a_fork_exits_without_waiting_for_the_parents_errors(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    body = """
        import ctypes
        log.error("parent")
        worker = handler._worker   # until it waits for company
        resting = lambda: not worker.busy and not worker._inbox.qsize()
        eventually(lambda: resting() and stands_in("_listen"))
        pid = ctypes.PyDLL(None).fork()
        if not pid:
            sys.exit(0)
        began = time.monotonic()
        assert os.waitpid(pid, 0)[1] == 0
        assert time.monotonic() - began < 40, "close_timeout: it has waited"
        """
    done = run_program(_program(body), sim, group_wait=3.0, store="memory", close_timeout=50)
    assert done.returncode == 0, done.err
    assert "not delivered" not in done.err
    assert counted(sim.messages) == 1, done.err


def test_a_child_opens_its_own_connection_and_keeps_the_token(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    body = """
        log.error("parent"); assert handler.flush()
        if not os.fork():
            log.error("child"); assert handler.flush()
            os._exit(0)
        os.wait()
        log.error("parent again"); assert handler.flush()
        """
    done = run_program(_program(body), sim, kind="app")
    assert counted(sim.messages) == 3, done.err
    assert len(sim.calls("gettoken")) == 1


def test_a_fork_that_is_not_seen_while_the_courier_sends(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    sim.faults.add("slow", "webhook/send", delay=1.0, times=1)
    body = """
        import ctypes
        log.critical("parent")
        eventually(lambda: stands_in("readinto"))  # a request is on its way, and locks are held
        libc = ctypes.PyDLL(None)
        pid = libc.fork()
        if not pid:
            log.critical("child")
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        """
    done = run_program(_program(body), sim, store="memory")
    assert done.returncode == 0, done.err
    assert "not delivered" not in done.err
    assert counted(sim.messages) == 2, done.err


def test_a_flush_tells_what_a_killed_child_had_left_in_the_store(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    body = """
        log.error("parent"); assert handler.flush()
        child = os.fork()
        if not child:
            log.error("child")
            eventually(lambda: handler._worker.cycle.kept and not handler._worker.busy)
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        assert handler.flush()
        """
    done = run_program(_program(body), sim)
    assert done.returncode == 0, done.err
    assert counted(sim.messages) == 2, done.err


def test_a_child_that_is_forked_while_the_pool_of_connections_is_locked_exits(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    """urllib3 closes the connections of a pool when it is finalised: at the child's exit."""
    body = """
        import gc, urllib3
        log.error("parent"); assert handler.flush()
        pools = [p for p in gc.get_objects() if isinstance(p, urllib3.HTTPConnectionPool)]
        assert pools
        for pool in pools:   # as if the worker stood inside it
            if hasattr(pool.pool, "mutex"): pool.pool.mutex.acquire()
        pid = os.fork()
        if not pid:
            for fd in range(3, 100):   # as a daemon does it
                try: os.close(fd)
                except OSError: pass
            sys.exit(0)
        look = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try: eventually(lambda: os.waitid(os.P_PID, pid, look))
        except AssertionError: os.kill(pid, signal.SIGKILL)
        print(os.waitpid(pid, 0)[1], flush=True)
        os._exit(0)  # with these locks it would not exit either
        """
    done = run_program(_program(body), sim, store="memory")
    assert done.out.split() == ["0"], done.err
    assert "Traceback" not in done.err


#: As python-daemon does it: two forks whose parents go without an exit, no descriptor but those
#: of a daemon, another directory. Its file of process ids and its signals do not concern us.
DAEMON = """
    log.error("before"); assert handler.flush(20)
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/"); os.umask(0)
    report = open(DONE + ".part", "w")
    for fd in range(3, 256):
        if fd != report.fileno():
            try: os.close(fd)
            except OSError: pass
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0); os.dup2(null, 1); os.dup2(report.fileno(), 2)
    log.error("as a daemon")
    handler.flush(20)
    print(handler.stats().reported, file=report, flush=True)
    atexit.register(os.replace, DONE + ".part", DONE)
    """


@pytest.mark.parametrize("kind", ["robot", "app"])
@pytest.mark.parametrize("store", ["auto", "memory"])
def test_a_program_that_becomes_a_daemon_after_an_error(
    store: str,
    kind: Literal["robot", "app"],
    sim: Simulator,
    run_program: Callable[..., Finished],
    tmp_path: Path,
) -> None:
    done = tmp_path / "done"
    body = f"DONE = {str(done)!r}\n" + _program(DAEMON)
    assert run_program(body, sim, kind=kind, store=store).returncode == 0
    eventually(done.exists)
    said = done.read_text()
    assert said.splitlines()[-1] == "1", said
    assert counted(sim.messages) == 2, said
    assert ("make the handler after that" in said) == (store == "auto"), said
    assert len(said.splitlines()) == (2 if store == "auto" else 1), said


def test_a_step_that_raises_does_not_keep_the_others_from_running(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    body = """
        from wecom_logging._runtime import fork
        last = []
        def breaks(): raise ValueError("secret")
        fork.in_child(breaks)
        fork.in_child(lambda: last.append(1))
        log.error("parent"); assert handler.flush(20)
        pid = os.fork()
        if not pid:
            ok = last == [1] and handler.stats().seen == 0
            log.error("child")
            os._exit(0 if ok and handler.flush(20) else 1)
        assert os.waitpid(pid, 0)[1] == 0
        """
    done = run_program(_program(body), sim)
    assert done.returncode == 0, done.err
    assert "breaks failed with ValueError in a forked child" in done.err
    assert "secret" not in done.err


def test_a_platform_without_hooks_for_forks(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    body = """
        fork = os.fork
        del os.fork, os.register_at_fork
        logging.config.dictConfig(LOGGING)
        handler = logging.getLogger().handlers[0]
        log.error("parent"); assert handler.flush(20)
        # Without hooks nobody keeps a fork out of SQLite, whose locks the child would inherit.
        eventually(lambda: not handler._worker.busy)
        pid = fork()
        if not pid:
            log.error("child")
            os._exit(0 if handler.flush(20) else 1)
        assert os.waitpid(pid, 0)[1] == 0
        """
    done = run_program(textwrap.dedent(body), sim)
    assert done.returncode == 0, done.err
    assert counted(sim.messages) == 2


def test_a_call_that_a_platform_does_not_have_is_named(
    sim: Simulator, run_program: Callable[..., Finished]
) -> None:
    done = run_program("del os.getpid\n" + CONFIGURE, sim)
    assert done.returncode == 1
    assert "WeComHandler cannot be had on this platform" in done.err
    assert "getpid" in done.err
