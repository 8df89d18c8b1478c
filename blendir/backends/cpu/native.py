"""
Modules that run as compiled code.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from blendir.backends.cpu.arena import ALIGNMENT
from blendir.backends.cpu.build import library
from blendir.backends.cpu.plan import Keep, plan_of
from blendir.backends.cpu.print_cpp import source_files
from blendir.backends.cpu.storage import Array, Bits
from blendir.backends.target import Trace
from blendir.backends.traces import Observer, Parts, is_layer, used_lanes
from blendir.dialects.blend import element_format, tensor_type
from blendir.dialects.blend.types import PIXELS
from blendir.errors import UserError
from blendir.interpreter import encode_input, input_type, output_types
from blendir.interpreter.blend import integer_dtype
from blendir.interpreter.run import Outputs, alone, decode_output, frames_at_once
from blendir.passes.stage import reached, stage_of
from blendir.pipeline import lower


def packed(module: ModuleOp) -> ModuleOp:
    """
    A copy of an integer module at [packed]; UserError of a module that is not integer or lies behind.
    """
    stage = stage_of(module)
    if not reached(module, "fixed"):
        if stage == "stream":
            raise UserError("the native engine runs [fixed] and [packed], and the module is at [stream]")
        raise UserError(f"the native engine runs integers, and the module is at [{stage}]; lower it to [fixed] first")
    return lower(module, "packed")


def aligned_bytes(size: int) -> NDArray[np.uint8]:
    """
    New memory that starts at a cache line.
    """
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size]


class Workers:
    """
    Threads that are kept, for each number of them. A process that is forked has none of its parent's.
    """

    def __init__(self) -> None:
        self.reset()
        os.register_at_fork(after_in_child=self.reset)

    def reset(self) -> None:
        """
        Forgets all threads.
        """
        self._pools: dict[int, ThreadPoolExecutor] = {}

    def pool(self, count: int) -> ThreadPoolExecutor:
        """
        So many threads, which the interpreter joins at its end.
        """
        found = self._pools.get(count)
        return found or self._pools.setdefault(count, ThreadPoolExecutor(count))


WORKERS = Workers()


class Native:
    """
    A module as compiled code: bit-equal to `blendir.run`.

    module: the [packed] module that it runs. arena_bytes: the memory that a thread needs for one frame.
    """

    def __init__(self, module: ModuleOp, files: Mapping[str, str | bytes] | None = None):
        self.module = packed(module)
        self.plan = plan_of(self.module)
        self.files = source_files(self.plan) if files is None else files
        self.arena_bytes = max(self.plan.arena_bytes, ALIGNMENT)
        self._source, self._outputs = input_type(self.module), self.plan.outputs
        self._results = [kind.element_type for kind in output_types(self.module)]
        self._arenas: list[NDArray[np.uint8]] = []
        self._run = self._function("network_run", trace=False)

    def __reduce__(self) -> Any:
        raise TypeError("a compiled network cannot be pickled or copied; do so with net.module, and compile that")

    def _function(self, name: str, trace: bool) -> Any:
        """
        A function of the library.
        """
        function = getattr(ctypes.CDLL(str(library(self.files, trace))), name)
        function.restype = None
        return function

    def check(self) -> bool:
        """
        Whether the weights that were compiled are those that the C++ was written for.
        """
        function = self._function("network_check", trace=False)
        function.restype = ctypes.c_int
        return bool(function())

    def __call__(self, x: NDArray[Any], threads: int = 1, observe: Observer | None = None) -> Outputs:
        """
        What comes out for frames x [N, ..]: float64 [N, ..], a list of such for several outputs.

        threads: how many frames are computed at the same time. observe(op, result index, value) sees the result of
        every operation of `module`, as in `blendir.run`; one thread runs then.
        """
        if not isinstance(threads, int) or threads < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise UserError(f"threads should be a number from 1 on, got {threads}")
        if observe is None:
            return self._frames(x, threads)
        return self._frames(x, 1, lambda keep, data: observe(keep.op, 0, as_interpreted(keep, data)))

    def _frames(self, x: NDArray[Any], threads: int, see: Callable[[Keep, Array], None] | None = None) -> Outputs:
        """
        The same; see(what is kept, its frames as they lie in memory) is told the result of every operation.
        """
        frames = self._encoded(np.asarray(x))
        count = len(frames)
        outputs = [np.empty((count, *value.shape), value.buffer.dtype) for value in self._outputs]
        if see is not None:
            self._kept(frames, outputs, see)
        elif threads == 1 or count < 2:
            self._part(frames, outputs, 0, count)
        else:
            bounds = [count * i // threads for i in range(threads + 1)]
            pool, parts = WORKERS.pool(threads - 1), list(pairwise(bounds))
            others = [pool.submit(self._part, frames, outputs, *part) for part in parts[1:]]
            self._part(frames, outputs, *parts[0])
            for other in others:
                other.result()
        return alone([decode_output(y, kind) for y, kind in zip(outputs, self._results, strict=True)])

    def _encoded(self, x: Array) -> Array:
        """
        Frames as the library reads them; as they are, if these are pixels of a type that has no other numbers.
        """
        kind, dtype = self._source, self.plan.input.buffer.dtype
        whole = kind.element_type in PIXELS and element_format(kind.element_type).width == 8 * dtype.itemsize
        if not (whole and x.dtype == dtype and x.shape[1:] == kind.get_shape()[1:] and x.ndim == kind.get_num_dims()):
            x = encode_input(x, kind)
        return np.ascontiguousarray(x, dtype)

    def trace(self, x: NDArray[Any]) -> tuple[Trace, Outputs]:
        """
        The integers of every layer, as narrow as they lie in memory, and the outputs.
        """
        parts = Parts()

        def see(keep: Keep, data: Array) -> None:
            if is_layer(keep.op):
                value = keep.value
                found = value.lanes(data, used_lanes(keep.op)) if isinstance(value, Bits) else data
                parts.add(keep.op, 0, keep.op.layer_name, found)

        y = self._frames(x, 1, see)
        return parts.trace(), y

    def _part(self, frames: Array, outputs: list[Array], start: int, end: int) -> None:
        """
        Runs frames start .. end.
        """
        try:
            arena = self._arenas.pop()
        except IndexError:
            arena = aligned_bytes(self.arena_bytes)
        self._run(*pointers(frames, outputs, start), ctypes.c_size_t(end - start), pointer(arena))
        self._arenas.append(arena)

    def _kept(self, frames: Array, outputs: list[Array], see: Callable[[Keep, Array], None]) -> None:
        """
        The same, and the result of every operation.
        """
        run, arena, each = self._function("network_trace", trace=True), aligned_bytes(self.arena_bytes), self.plan
        most = frames_at_once(self.module)
        for start in range(0, len(frames), most):
            size = min(most, len(frames) - start)
            trace = np.empty((size, each.trace_bytes), np.uint8)
            run(*pointers(frames, outputs, start), ctypes.c_size_t(size), pointer(arena), pointer(trace))
            for keep in each.keeps:
                buffer = keep.value.buffer
                data = np.ascontiguousarray(trace[:, keep.offset : keep.offset + buffer.bytes])
                see(keep, data.view(buffer.dtype))


def as_interpreted(keep: Keep, data: Array) -> Array:
    """
    Frames of a result as the interpreter has it.
    """
    value = keep.value
    if isinstance(value, Bits):
        return value.words(data)
    width = element_format(tensor_type(keep.op.results[0]).element_type).width
    return data.reshape(len(data), *value.shape).astype(integer_dtype(width))


def pointer(array: Array) -> ctypes.c_void_p:
    """
    Where an array lies.
    """
    return ctypes.c_void_p(array.ctypes.data)


def pointers(frames: Array, outputs: list[Array], start: int) -> list[ctypes.c_void_p]:
    """
    Where frame `start` and its results lie.
    """
    return [pointer(array[start:]) for array in (frames, *outputs)]


def native(module: ModuleOp) -> Native:
    """
    A module at [fixed] or [packed] as compiled code, built with g++ once for each module and kept in a cache.

    Raises UserError where the module computes floats, where an operation has no kernel, or where g++ or the cache
    fails, with one line that says what to do.
    """
    return Native(module)
