"""A processor of the boards, in Unicorn: memory, the runtime's function table, and counters.

The runtime around a viper function is small: it is called as `fn(fun_obj, n_args, n_kw, args*)`,
finds the function table through its function object, and calls into that table for everything
that is not arithmetic. Here four entries exist (argument conversion and check, `//`, `%`); any
other one is the runtime call that the sample path must not make, and raises.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import unicorn
from unicorn import arm_const, riscv_const

from heartlog.machine_code.mpy import FUN_TABLE, Mpy, RawCode
from heartlog.machine_code.thumb import thumb_cost

# Emulated addresses. Code of all functions; function table; one landing place for each of its
# entries; the function object of the call; buffers that arguments point to; the stack.
_CODE, _TABLE, _TRAPS, _CONTEXT = 0x0001_0000, 0x0020_0000, 0x0021_0000, 0x0022_0000
_RAM, _RAM_SIZE, _STACK, _STACK_SIZE = 0x2000_0000, 0x10_0000, 0x2100_0000, 0x4000
_CODE_SIZE, _PAGE = 0x10_0000, 0x1000
_GUARD, _GUARD_BYTE = 64, 0xA5
_NONE, _FALSE, _TRUE = 0xFFFF_0006, 0xFFFF_000E, 0xFFFF_0016

# Entries of mp_fun_table (MicroPython 1.28/1.29, py/nativeglue.h).
_FROM_OBJECT, _TO_OBJECT, _CHECK_ARGUMENTS, _FLOOR_DIVIDE, _MODULO = 3, 4, 44, 46, 47
_SLOT_NAMES = """
    const_none const_false const_true native_from_obj native_to_obj swap_globals load_name
    load_global load_build_class load_attr load_method load_super_method store_name
    store_global store_attr obj_subscr obj_is_true unary_op binary_op new_tuple new_list
    new_dict new_set set_store list_append dict_store make_function call_function_n_kw
    call_method_n_kw call_method_n_kw_var getiter iternext nlr_push nlr_pop raise import_name
    import_from import_all new_slice unpack_sequence unpack_ex delete_name delete_global
    make_closure arg_check_num_sig setup_code_state small_int_floor_divide small_int_modulo
    yield_from setjmp
"""
_SLOTS = _SLOT_NAMES.split()
_END_OF_CALL = 127
_BOOL, _INT = 1, 2  # MP_NATIVE_TYPE_*, the second argument of native_to_obj

Buffer = Any
"""What an argument declared `ptr8`, `ptr16` or `ptr32` takes: bytearray, array, memoryview."""


class MachineCodeError(RuntimeError):
    """The machine code did what the sample path must not do; the message says what."""


@dataclass
class Usage:
    """What calls of one function cost: instructions and cycles are those of its own code."""

    calls: int = 0
    instructions: int = 0
    cycles: int = 0
    worst_instructions: int = 0
    worst_cycles: int = 0
    helpers: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Function:
    """A viper function in the processor's memory."""

    name: str
    address: int
    size: int
    objects: tuple[object, ...]


@dataclass(frozen=True)
class _Block:
    instructions: int
    cycles: int
    branch_cycles: int
    end: int


class Processor:
    """Executes viper functions and counts; `architecture` is armv6m, armv7emsp or rv32imc.

    `instructions` and `cycles` (Cortex-M0+ estimate; 0 on other processors) run on over all
    calls; `usage` has them by function. An instruction that an IT block of Thumb-2 skips counts,
    for it takes its cycle. `watch=True` also checks that every load and store stays inside the
    buffers that the call was given (viper itself has no bounds check); it is slow.
    """

    def __init__(self, architecture: str, *, watch: bool = False) -> None:
        self.architecture = architecture
        self.instructions = 0
        self.cycles = 0
        self.usage: dict[str, Usage] = {}
        self._thumb = architecture != "rv32imc"
        self._counts_cycles = architecture == "armv6m"
        if architecture == "rv32imc":
            self._uc = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
            self._argument = [riscv_const.UC_RISCV_REG_A0 + i for i in range(4)]
            self._return, self._sp = riscv_const.UC_RISCV_REG_RA, riscv_const.UC_RISCV_REG_SP
            instruction = b"\x82\x80"  # c.jr ra
        elif architecture in ("armv6m", "armv7emsp"):
            mode = unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS
            self._uc = unicorn.Uc(unicorn.UC_ARCH_ARM, mode)
            small = architecture == "armv6m"
            self._uc.ctl_set_cpu_model(
                arm_const.UC_CPU_ARM_CORTEX_M0 if small else arm_const.UC_CPU_ARM_CORTEX_M4
            )
            self._argument = [arm_const.UC_ARM_REG_R0 + i for i in range(4)]
            self._return, self._sp = arm_const.UC_ARM_REG_LR, arm_const.UC_ARM_REG_SP
            instruction = b"\x70\x47"  # bx lr
        else:
            raise ValueError(f"no processor here executes {architecture}")
        for address, size in (
            (_CODE, _CODE_SIZE), (_TABLE, _PAGE), (_TRAPS, _PAGE), (_CONTEXT, _PAGE),
            (_RAM, _RAM_SIZE), (_STACK, _STACK_SIZE),
        ):  # fmt: skip
            self._uc.mem_map(address, size)
        low_bit = 1 if self._thumb else 0
        table = [_TRAPS + 4 * i | low_bit for i in range(100)]
        table[:3] = [_NONE, _FALSE, _TRUE]
        self._uc.mem_write(_TABLE, struct.pack("<100I", *table))
        self._uc.mem_write(_TRAPS, (instruction + b"\0\0") * (_END_OF_CALL + 1))
        self._free_code = _CODE
        self._blocks: dict[tuple[int, int], _Block] = {}
        self._last: _Block | None = None
        self._error: str | None = None
        self._result_type = _INT
        self._name = ""
        self._helpers: Counter[str] = Counter()
        self._arguments_given = 0
        self._allowed: list[tuple[int, int]] = []
        self._uc.hook_add(unicorn.UC_HOOK_BLOCK, self._on_block)
        if watch:
            access = unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE
            self._uc.hook_add(access, self._on_access)

    def load(self, mpy: Mpy, code: RawCode, name: str) -> Function:
        """Puts a viper function into memory. Raises MachineCodeError for another kind of code."""
        if mpy.architecture != self.architecture:
            raise MachineCodeError(f"{name} is compiled for {mpy.architecture}")
        if code.kind != "viper":
            raise MachineCodeError(f"{name} is {code.kind}, not viper")
        function = Function(name, self._free_code, len(code.code), mpy.objects)
        self._free_code += (len(code.code) + 15) // 16 * 16
        if self._free_code > _CODE + _CODE_SIZE:
            raise MachineCodeError("more code than the emulated memory holds")
        self._uc.mem_write(function.address, code.code)
        self.usage.setdefault(name, Usage())
        return function

    @property
    def code_bytes(self) -> int:
        """Bytes of machine code loaded, to the next 16 for each function."""
        return self._free_code - _CODE

    def call(self, function: Function, *arguments: int | Buffer) -> int | bool | None:
        """Calls a function; integers are 32-bit words, buffers are copied in and out again.

        Raises MachineCodeError for a runtime call, a bad access, or a write beside a buffer.
        """
        words, buffers = self._place(arguments)
        objects = _CONTEXT + 0x100
        table = [_TABLE if o is FUN_TABLE else 0xDEAD_0001 for o in function.objects]
        # fun_bc: type, context, children, code; context: module type, globals, qstrs, objects
        self._uc.mem_write(_CONTEXT, struct.pack("<4I", 0, _CONTEXT + 0x40, 0, function.address))
        self._uc.mem_write(_CONTEXT + 0x40, struct.pack("<4I", 0, 0, _CONTEXT + 0x80, objects))
        self._uc.mem_write(objects, struct.pack(f"<{len(table)}I", *table))
        self._uc.mem_write(_CONTEXT + 0x800, struct.pack(f"<{len(words)}I", *words))
        values = (_CONTEXT, len(words), 0, _CONTEXT + 0x800)
        for register, value in zip(self._argument, values, strict=True):
            self._uc.reg_write(register, value)
        self._uc.reg_write(self._sp, _STACK + _STACK_SIZE - 16)
        stop, low_bit = _TRAPS + 4 * _END_OF_CALL, 1 if self._thumb else 0
        self._uc.reg_write(self._return, stop | low_bit)
        self._last, self._error, self._result_type = None, None, 0
        self._name, self._helpers, self._arguments_given = function.name, Counter(), len(words)
        before = self.instructions, self.cycles
        try:
            self._uc.emu_start(function.address | low_bit, stop, count=0)
        except unicorn.UcError as error:
            raise MachineCodeError(f"{function.name}: {self._error or error}") from error
        if self._error:
            raise MachineCodeError(f"{function.name}: {self._error}")
        self._finish_block(stop)
        self._collect(buffers)
        self._account(self.instructions - before[0], self.cycles - before[1])
        result = int(self._uc.reg_read(self._argument[0]))
        if result == _NONE:
            return None
        if self._result_type == _BOOL:
            return bool(result)
        return signed(result) if self._result_type == _INT else result

    def _account(self, instructions: int, cycles: int) -> None:
        usage = self.usage[self._name]
        usage.calls += 1
        usage.instructions += instructions
        usage.cycles += cycles
        usage.worst_instructions = max(usage.worst_instructions, instructions)
        usage.worst_cycles = max(usage.worst_cycles, cycles)
        usage.helpers += self._helpers

    def _place(self, arguments: Sequence[int | Buffer]) -> tuple[list[int], list[Any]]:
        """Copies buffers into emulated memory, each between guard bytes; gives the words."""
        words: list[int] = []
        placed: list[tuple[int, memoryview, int]] = []
        at = _RAM
        self._allowed = [(_STACK, _STACK + _STACK_SIZE), (_CODE, _RAM - 1)]
        for number, argument in enumerate(arguments):
            if isinstance(argument, int):
                words.append(argument & 0xFFFF_FFFF)
                continue
            view = memoryview(argument).cast("B")
            for _, other, other_at in placed:
                if other.obj is view.obj:  # one buffer given twice is one piece of memory
                    words.append(other_at)
                    break
            else:
                start = at + _GUARD
                guard = bytes([_GUARD_BYTE]) * _GUARD
                tail = guard + bytes([_GUARD_BYTE]) * (-len(view) % 8)
                if start + len(view) + len(tail) > _RAM + _RAM_SIZE:
                    raise MachineCodeError("the buffers are larger than the emulated memory")
                self._uc.mem_write(at, guard + bytes(view) + tail)
                placed.append((number, view, start))
                self._allowed.append((start, start + len(view)))
                words.append(start)
                at = start + len(view) + len(tail)
        return words, placed

    def _collect(self, placed: list[tuple[int, memoryview, int]]) -> None:
        """Copies buffers back, after a look at the guards around them."""
        for number, view, start in placed:
            size = len(view)
            raw = bytes(self._uc.mem_read(start - _GUARD, size + 2 * _GUARD))
            for side, guard in (("before", raw[:_GUARD]), ("after", raw[_GUARD + size :])):
                if guard.count(_GUARD_BYTE) != _GUARD:
                    raise MachineCodeError(
                        f"{self._name}: wrote {side} the buffer of argument {number} "
                        f"({size} bytes)"
                    )
            if not view.readonly:
                view[:] = raw[_GUARD : _GUARD + size]

    def _decode(self, address: int, size: int) -> _Block:
        code = bytes(self._uc.mem_read(address, size))
        at = instructions = cycles = branch = 0
        while at < size:
            half_word = code[at] | code[at + 1] << 8
            if self._counts_cycles:
                width, cost, branch = thumb_cost(half_word)
            elif self._thumb:
                width, cost = (4 if half_word >> 11 in (29, 30, 31) else 2), 0
            else:
                width, cost = (4 if half_word & 3 == 3 else 2), 0
            at += width
            instructions += 1
            cycles += cost
        return _Block(instructions, cycles, branch, address + size)

    def _finish_block(self, next_address: int) -> None:
        if self._last is not None and self._last.end != next_address:
            self.cycles += self._last.branch_cycles
        self._last = None

    def _on_block(self, _uc: object, address: int, size: int, _data: object) -> None:
        self._finish_block(address)
        if _TRAPS <= address < _TRAPS + _PAGE:
            self._on_trap((address - _TRAPS) // 4)
            return
        block = self._blocks.get((address, size))
        if block is None:
            block = self._blocks[address, size] = self._decode(address, size)
        self.instructions += block.instructions
        self.cycles += block.cycles
        self._last = block

    def _on_trap(self, slot: int) -> None:
        if slot == _END_OF_CALL:
            return
        name = _SLOTS[slot] if slot < len(_SLOTS) else f"slot {slot}"
        self._helpers[name] += 1
        a, b, c = (int(self._uc.reg_read(r)) for r in self._argument[:3])
        if slot == _TO_OBJECT:
            self._result_type = b
        elif slot == _CHECK_ARGUMENTS:
            if a != self._arguments_given or not c >> 17 <= a <= c >> 1 & 0xFFFF:
                self._fail(f"takes {c >> 17} arguments, not {a}")
        elif slot in (_FLOOR_DIVIDE, _MODULO):
            x, y = signed(a), signed(b)
            if y == 0:
                self._fail("divides by zero")
                return
            self._uc.reg_write(
                self._argument[0], (x // y if slot == _FLOOR_DIVIDE else x % y) & 0xFFFF_FFFF
            )
        elif slot != _FROM_OBJECT:
            self._fail(f"calls into the runtime ({name}), which the sample path must not do")

    def _on_access(self, _uc: object, _kind: int, address: int, size: int, *_: object) -> None:
        for start, end in self._allowed:
            if start <= address and address + size <= end:
                return
        self._fail(f"reads or writes 0x{address:08x}, outside the buffers it was given")

    def _fail(self, message: str) -> None:
        self._error = self._error or message
        self._uc.emu_stop()


def signed(word: int) -> int:
    """A 32-bit word as a signed integer."""
    return (word & 0xFFFF_FFFF ^ 0x8000_0000) - 0x8000_0000
