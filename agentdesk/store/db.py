"""Connections: one that writes, in a thread of its own, and as many as needed that read.

Every write is one ``BEGIN IMMEDIATE`` transaction at ``synchronous=FULL``: what a function passed to ``Store.write``
did is durable when the call returns, or did not happen at all.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import apsw

from agentdesk.errors import StoreError, StoreFull, StoreReadOnly
from agentdesk.model.clock import Clock
from agentdesk.store import files, opening
from agentdesk.store.codec import storable, storable_rows
from agentdesk.store.migrations import STEPS
from agentdesk.store.sqlite_errors import damaged, in_words

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
SPARES = 2
"""Reading connections kept for threads."""
Faults = Callable[[str], None]
"""Called before every step of a transaction with its name; tests fail or kill there."""


class Db:
    """One connection, with errors in words."""

    def __init__(self, connection: apsw.Connection, path: Path, faults: Faults | None = None) -> None:
        self.connection = connection
        self.refetchable = False
        """Set within a transaction whose data can be fetched again: it does not use up the reserve of a full disk."""
        self.path = path
        self._faults = faults
        self._writes = 0

    def rows(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        try:
            return self.connection.execute(sql, tuple(map(storable, params))).fetchall()
        except apsw.Error as error:
            raise in_words(error, self.path) from error
        except UnicodeDecodeError as error:
            raise damaged(self.path, f"A text in it is not what was written ({error.reason})") from error

    def row(self, sql: str, *params: Any) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        found = self.rows(sql, *params)
        return found[0] if found else None

    def value(self, sql: str, *params: Any) -> Any:
        """The first value of the first row, or None."""
        found = self.rows(sql, *params)
        return found[0][0] if found else None

    def run(self, sql: str, *params: Any) -> int:
        """Carry out one statement; returns how many rows it changed."""
        self._step()
        before = self.connection.total_changes()
        self.rows(sql, *params)
        return self.connection.total_changes() - before

    def insert(self, sql: str, *params: Any) -> int:
        """Carry out one INSERT; returns the new row's id."""
        self._step()
        self.rows(sql, *params)
        return self.connection.last_insert_rowid()

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Carry out one statement for every row."""
        self._step()
        try:
            self.connection.executemany(sql, storable_rows(rows))
        except apsw.Error as error:
            raise in_words(error, self.path) from error

    def close(self) -> None:
        """Let go of the connection."""
        self.connection.close()

    def begin(self) -> None:
        """Begin a writing transaction; waits for other processes."""
        self.refetchable, self._writes = False, 0
        self._fault("begin")
        self.rows("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make the transaction durable."""
        self._fault("commit")
        self.rows("COMMIT")
        self._fault("committed")

    def roll_back(self) -> None:
        """Undo the transaction, if it still stands."""
        if self.connection.in_transaction:
            self.rows("ROLLBACK")

    def _step(self) -> None:
        self._writes += 1
        self._fault(f"write:{self._writes}")

    def _fault(self, name: str) -> None:
        if self._faults is not None:
            self._faults(name)


_Job = tuple[Callable[[Db], Any], "Future[Any]"]


class Store:
    """The cache file of one profile."""

    def __init__(self, path: Path, clock: Clock, reader: Db, writer: Db | None, warnings: list[str]) -> None:
        self.path = path
        self.clock = clock
        self.reader = reader
        """For the thread that opened the store: bounded queries only."""
        self.warnings = warnings
        """What a person should know about the file, in sentences; grows when the reserve was used."""
        self._writer = writer
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._reserve_used = False
        self._spares: list[Db] = []
        self._data_version = self._look() if writer is not None else reader.value("PRAGMA data_version")
        self._elsewhere = False

    @classmethod
    def open(cls, path: Path, clock: Clock, *, read_only: bool = False, faults: Faults | None = None,
             steps: tuple[str, ...] = STEPS) -> Store:
        """Open the file, creating or upgrading it first; falls back to reading only where nothing can be written."""
        warnings: list[str] = []
        if not read_only and path.exists() and not files.is_writable(path):
            read_only = True
            warnings.append(f"{path.parent} cannot be written: everything can be read, nothing can be changed")
        opening.prepare(path, read_only)
        with ExitStack() as opened:
            try:
                writer: Db | None = None
                if not read_only:
                    writer = Db(opening.writer(path, clock, steps, warnings, faults), path, faults)
                    opened.callback(writer.close)
                    if not files.lay_ballast(path):
                        warnings.append("The disk is nearly full: there is no room for the reserve that saves drafts")
                reader = Db(opening.reader(path, len(steps), read_only=read_only), path)
                opened.callback(reader.close)
                store = cls(path, clock, reader, writer, warnings)
            except apsw.Error as error:
                raise in_words(error, path) from error
            opened.pop_all()
        return store

    @property
    def writable(self) -> bool:
        """False when the file can only be read."""
        return self._writer is not None

    def new_reader(self) -> Db:
        """A reading connection for another thread; close it there."""
        try:
            return Db(opening.connect_reader(self.path, read_only=self._writer is None), self.path)
        except apsw.Error as error:
            raise in_words(error, self.path) from error

    @contextmanager
    def spare_reader(self) -> Iterator[Db]:
        """A reading connection for a short while in another thread; it is kept for the next one who asks."""
        try:
            reader = self._spares.pop()
        except IndexError:
            reader = self.new_reader()
        try:
            yield reader
        except BaseException:
            reader.close()
            raise
        if self._closed or len(self._spares) >= SPARES:
            reader.close()
        else:
            self._spares.append(reader)

    async def write(self, work: Callable[[Db], T]) -> T:
        """Run ``work`` in the writing thread as one transaction; durable when this returns.

        ``work`` must be quick and may be run a second time after it was rolled back.
        """
        import asyncio

        return await asyncio.wrap_future(self._submit(work))

    async def caught_up(self) -> None:
        """Return when everything that was asked for before now is written, or has failed."""
        if self._lock.locked() or not self._jobs.empty():
            await self.write(lambda _: None)

    def write_now(self, work: Callable[[Db], T]) -> T:
        """The same for callers without an event loop; waits until it is done, after what was asked before."""
        if self._thread is None:
            return self._transact(work)
        if threading.current_thread() is self._thread:
            raise StoreError("A write was asked for inside a write", "It would wait for itself",
                             "Use the Db it was given")
        return self._submit(work).result()

    def seen_elsewhere(self) -> bool:
        """True once after another process changed the file; False while our own writer is busy."""
        if self._writer is None:
            version = self.reader.value("PRAGMA data_version")
            self._elsewhere, self._data_version = version != self._data_version, version
        elif self._lock.acquire(blocking=False):
            try:
                self._notice()
            finally:
                self._lock.release()
        seen, self._elsewhere = self._elsewhere, False
        return seen

    def close(self) -> None:
        """Finish what was asked for and let go of the file."""
        if self._closed:
            return
        self._closed = True
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
        self.reader.close()
        while self._spares:
            self._spares.pop().close()
        if self._writer is not None:
            self._writer.close()

    def _submit(self, work: Callable[[Db], T]) -> Future[T]:
        if self._closed:
            raise StoreError("The cache is closed already", "Something was to be stored after the end", "")
        from concurrent.futures import Future

        future: Future[T] = Future()
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="store-writer", daemon=True)
            self._thread.start()
        self._jobs.put((work, future))
        return future

    def _serve(self) -> None:
        """The writing thread: one transaction after the other."""
        while (job := self._jobs.get()) is not None:
            work, future = job
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = self._transact(work)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
            del job, work, future

    def _transact(self, work: Callable[[Db], T]) -> T:
        if self._writer is None:
            raise StoreReadOnly(f"{self.path} is open for reading only", "Nothing can be stored",
                                "Make the folder writable and start again")
        with self._lock:
            try:
                return self._once(self._writer, work)
            except StoreFull:
                if self._writer.refetchable or not files.drop_ballast(self.path):
                    raise
                self._reserve_used = True
                result = self._once(self._writer, work)
                self.warnings.append(f"The disk is full: the reserve beside {self.path} was used to store the last "
                                     "change. Free some room now")
                return result
            finally:
                self._restock()

    def _restock(self) -> None:
        """Lay the reserve anew once there is room again."""
        if self._reserve_used and files.room(self.path.parent) > 16 * files.BALLAST_BYTES:
            self._reserve_used = not files.lay_ballast(self.path)

    def _once(self, writer: Db, work: Callable[[Db], T]) -> T:
        try:
            writer.begin()
            self._notice()
            result = work(writer)
            writer.commit()
        except apsw.Error as error:
            writer.roll_back()
            raise in_words(error, self.path) from error
        except BaseException:
            writer.roll_back()
            raise
        return result

    def _look(self) -> int:
        assert self._writer is not None  # noqa: S101 - only called with a writer
        return int(self._writer.value("PRAGMA data_version"))

    def _notice(self) -> None:
        """Remember whether another process committed since we last looked."""
        version = self._look()
        if version != self._data_version:
            self._data_version, self._elsewhere = version, True
