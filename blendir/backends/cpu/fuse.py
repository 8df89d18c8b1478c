"""
Which steps run as one: a product and the functions of its blocks of pixels behind it.
"""

from __future__ import annotations

from blendir.backends.cpu.plan import Keep, Plan, Step
from blendir.backends.cpu.storage import Buffer

Readers = dict[Buffer, list[int]]


def readers_of(plan: Plan) -> Readers:
    """
    The steps that read each buffer; the end of the frame reads the outputs.
    """
    found: Readers = {}
    for index, step in enumerate(plan.steps):
        for buffer in step.reads:
            found.setdefault(buffer, []).append(index)
    for value in plan.outputs:
        found.setdefault(value.buffer, []).append(len(plan.steps))
    return found


def follower(plan: Plan, readers: Readers, chain: list[int], gone: set[int]) -> int | None:
    """
    The step that can take the blocks of the last one of a chain: its only reader, or the first one, if that makes bits;
    none of those that are `gone` to other chains.
    """
    last = plan.steps[chain[-1]]
    assert last.form is not None
    found = readers.get(last.writes[0], [])
    if last.form.bits is not None or not found or found[0] >= len(plan.steps) or found[0] in gone:
        return None
    form = plan.steps[found[0]].form
    if form is None or (form.planes, form.pixels) != (last.form.planes, last.form.pixels):
        return None
    return found[0] if form.bits is not None or (form.block is not None and len(found) == 1) else None


def chain_from(plan: Plan, readers: Readers, start: int, gone: set[int]) -> list[int]:
    """
    The steps that run as one with a product.
    """
    chain = [start]
    while (following := follower(plan, readers, chain, gone)) is not None:
        chain.append(following)
    return chain


def joined(parts: list[Step], stored: set[Buffer]) -> Step:
    """
    Several steps as one, which writes the buffers that others read.
    """
    inner = {buffer for step in parts[:-1] for buffer in step.writes}
    reads = tuple(buffer for step in parts for buffer in step.reads if buffer not in inner)
    writes = tuple(buffer for step in parts for buffer in step.writes if buffer in stored)
    scratch = tuple(buffer for step in parts for buffer in step.scratch)
    return Step(
        parts[-1].op,
        text(parts, stored),
        reads,
        writes,
        scratch,
        [k for s in parts for k in s.keeps if k.value.buffer in stored],
        parts=tuple(parts),
    )


def kept(keep: Keep, block: str, pixels: int) -> str:
    """
    The statement that adds a block to a trace.
    """
    return f"    BLENDIR_KEEP_BLOCK({keep.offset}, {pixels}, {block});"


def text(parts: list[Step], stored: set[Buffer]) -> str:
    """
    The call of the product, with the others as what takes its blocks.
    """
    head = parts[0].form
    assert head is not None
    lines = [f"{head.head}, [=](int o, int p, const auto& v0) {{"]
    for index, step in enumerate(parts):
        form, value = step.form, f"v{index}"
        assert form is not None
        if form.bits is not None:
            lines.append(f"    {form.bits(f'v{index - 1}')}")
            continue
        if form.block is not None:
            before = parts[index - 1].writes[0]
            lines.append(f"    const auto {value} = {form.block(f'v{index - 1}', before)};")
        buffer = step.writes[0]
        if buffer in stored:
            lines.append(f"    blendir::store_block<{form.pixels}>({value}, {buffer.name} + o * {form.pixels}, p);")
        else:
            lines += [kept(keep, value, form.pixels) for keep in step.keeps]
    return "\n".join([*lines, "  });"])


def fuse(plan: Plan) -> None:
    """
    Joins steps; one that is joined runs where its last part was.
    """
    readers, gone = readers_of(plan), set[int]()
    joints: dict[int, Step] = {}
    for start, step in enumerate(plan.steps):
        if step.form is None or step.form.head is None:
            continue
        chain = chain_from(plan, readers, start, gone)
        if len(chain) == 1:
            continue
        parts = [plan.steps[index] for index in chain]
        inside = set(chain)
        stored = {s.writes[0] for s in parts if s is parts[-1] or not inside.issuperset(readers[s.writes[0]])}
        joints[chain[-1]] = joined(parts, stored)
        gone.update(chain)
    plan.steps[:] = [joints.get(i, step) for i, step in enumerate(plan.steps) if i in joints or i not in gone]
